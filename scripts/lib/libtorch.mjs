// Finds libtorch: LIBTORCH (a folder), LIBTORCH_USE_PYTORCH=1 (python3's torch), or the system's package.
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { exec, Failure, tryExec } from "./exec.mjs";

const PACKAGES = ["libtorch-dev", "libopenblas0-pthread"];
const API = "torch/csrc/api/include";
const suffix = process.platform === "darwin" ? "dylib" : "so";

/**
 * @typedef {object} Libtorch
 * @property {"LIBTORCH" | "LIBTORCH_USE_PYTORCH" | "system"} source how it was found
 * @property {string} version
 * @property {string[]} include header folders
 * @property {string} lib folder of libtorch.so, libtorch_cpu.so and libc10.so
 * @property {string[]} flags compiler flags that its binary needs (the C++ ABI)
 * @property {boolean} cuda whether it was built with CUDA
 */

/** The libtorch to build against, installed first where that is missing and allowed. */
export async function libtorch(note) {
  if (process.env.LIBTORCH) return describe("LIBTORCH", process.env.LIBTORCH);
  if (process.env.LIBTORCH_USE_PYTORCH === "1") return fromPython();
  return (await fromSystem()) ?? (await install(note));
}

function describe(source, root, flags) {
  const include = [join(root, "include"), join(root, "include", API)];
  return check({ source, include, lib: join(root, "lib"), flags: flags ?? abiOf(root) });
}

/** A downloaded libtorch says in its CMake file which C++ ABI it was built with. */
function abiOf(root) {
  const cmake = join(root, "share/cmake/Torch/TorchConfig.cmake");
  const abi = existsSync(cmake) && /_GLIBCXX_USE_CXX11_ABI=[01]/.exec(readFileSync(cmake, "utf8"));
  return abi ? [`-D${abi[0]}`] : [];
}

async function fromPython() {
  const script = "import torch; print(torch.__path__[0]); print(int(torch._C._GLIBCXX_USE_CXX11_ABI))";
  const [root, abi] = (await exec("python3", ["-c", script])).trim().split("\n");
  return describe("LIBTORCH_USE_PYTORCH", root, [`-D_GLIBCXX_USE_CXX11_ABI=${abi}`]);
}

async function fromSystem() {
  const listed = (await tryExec("dpkg", ["-L", "libtorch-dev"]))?.split("\n") ?? [];
  const packaged = listed.find((file) => file.endsWith(`/libtorch_cpu.${suffix}`));
  const folders = [packaged?.replace(/\/[^/]*$/, ""), "/usr/lib64", "/usr/lib", "/usr/local/lib"];
  const lib = folders.find((folder) => folder && existsSync(join(folder, `libtorch_cpu.${suffix}`)));
  const base = ["/usr/include", "/usr/local/include"].find((folder) => existsSync(join(folder, API)));
  if (!lib || !base) return null;
  return check({ source: "system", include: [base, join(base, API)], lib, flags: [] });
}

function check(found) {
  const header = join(found.include[1], "torch/version.h");
  for (const file of [header, join(found.lib, `libtorch_cpu.${suffix}`), join(found.lib, `libc10.${suffix}`)])
    if (!existsSync(file)) throw new Failure(`libtorch (${found.source}): no file ${file}`);
  const text = readFileSync(header, "utf8");
  const part = (name) => new RegExp(`#define TORCH_VERSION_${name} (\\d+)`).exec(text)?.[1] ?? "?";
  const version = ["MAJOR", "MINOR", "PATCH"].map(part).join(".");
  return { ...found, version, cuda: existsSync(join(found.lib, `libtorch_cuda.${suffix}`)) };
}

async function install(note) {
  await apt(PACKAGES, note);
  const found = await fromSystem();
  if (!found)
    throw new Failure(`installed ${PACKAGES.join(" ")}, yet found no libtorch. ${advice(PACKAGES)}`);
  return found;
}

/** A C++ compiler: CXX, g++, c++ or clang++; g++ is installed where none is there. */
export async function compiler(note) {
  const names = process.env.CXX ? [process.env.CXX] : ["g++", "c++", "clang++"];
  for (const name of names) {
    const version = await tryExec(name, ["--version"]);
    if (version) return { name, version: version.split("\n")[0] };
  }
  if (process.env.CXX) throw new Failure(`CXX=${process.env.CXX} does not run`);
  await apt(["g++"], note);
  return { name: "g++", version: (await exec("g++", ["--version"])).split("\n")[0] };
}

/**
 * Debian's libtorch takes sgemm from whatever libblas.so.3 points at, and the reference BLAS is some 20 times
 * slower than OpenBLAS. Returns the BLAS in use; libtorch from elsewhere brings its own along.
 */
export async function blas(torch, note) {
  const link = join(dirname(realpathSync(join(torch.lib, `libtorch_cpu.${suffix}`))), "libblas.so.3");
  if (!existsSync(link)) return { name: "libtorch's own", fast: true };
  const fast = () => /openblas|mkl|blis|atlas/i.test(realpathSync(link));
  // Training works without it: a failed installation ends in the warning, not here.
  if (!fast() && (await prefix()) !== null) await apt(["libopenblas0-pthread"], note).catch(() => null);
  return { name: realpathSync(link), fast: fast() };
}

/**
 * What runs apt-get here: nothing for root, as in a container; sudo where it asks no password, and only where that is
 * wanted (--yes, or CI=true): the packages of somebody's machine are theirs to choose. Null where neither is so.
 */
export async function prefix({ uid = process.getuid?.(), ci = process.env.CI, args = process.argv } = {}) {
  if (uid === 0) return [];
  if (ci !== "true" && !args.includes("--yes")) return null;
  return (await tryExec("sudo", ["-n", "true"])) === null ? null : ["sudo", "-n"];
}

async function apt(packages, note) {
  const sudo = (await tryExec("apt-get", ["--version"])) === null ? null : await prefix();
  if (!sudo) throw new Failure(advice(packages));
  const run = (...args) => {
    const lock = ["-o", "DPkg::Lock::Timeout=600"]; // another installation may be under way
    const line = [...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...lock, ...args];
    return exec(line[0], line.slice(1));
  };
  note(`installing ${packages.join(" ")}; this takes a minute or two`);
  const install = () => run("install", "-y", "--no-install-recommends", ...packages);
  const lists = "/var/lib/apt/lists";
  const known = existsSync(lists) && readdirSync(lists).some((file) => file.includes("_Packages"));
  // Old package lists name files that the mirror has no more: refresh them when the first try fails.
  if (known && (await install().catch(() => null)) !== null) return;
  try {
    await run("update");
    await install();
  } catch (error) {
    throw new Failure(`${error.message}\n\n${advice(packages)}`);
  }
}

/** What a person has to do where this script may not install anything. */
export function advice(packages) {
  return `This needs ${packages.join(", ")}, and nothing was installed. Do one of these, then run it again:
  Debian, Ubuntu:  sudo apt-get install ${packages.join(" ")}
                   (npm run setup -- --yes runs this line for you, where sudo asks for no password)
  any system:      unpack a libtorch (C++) of your choice and set LIBTORCH=/path/to/libtorch (holds include/ and lib/)
  PyTorch is here: set LIBTORCH_USE_PYTORCH=1 to build against the torch of python3`;
}
