// Finds libtorch: LIBTORCH (a folder), LIBTORCH_USE_PYTORCH=1 (python3's torch), or the system's package.
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { exec, type Note, SetupError, tryExec } from "./exec.js";
import { type Consent, install, prefix } from "./systemPackages.js";

const API = "torch/csrc/api/include";
const suffix = process.platform === "darwin" ? "dylib" : "so";

export interface Libtorch {
  /** Where it was found. */
  source: "LIBTORCH" | "LIBTORCH_USE_PYTORCH" | "system";
  version: string;
  /** Include folders. */
  include: string[];
  /** The folder with libtorch.so, libtorch_cpu.so and libc10.so. */
  lib: string;
  /** Compiler flags required by its binaries (the C++ ABI). */
  flags: string[];
  /** Whether it was built with CUDA. */
  cuda: boolean;
}

/** The file that contains most of libtorch. */
export const mainLibrary = ({ lib }: Pick<Libtorch, "lib">): string => join(lib, `libtorch_cpu.${suffix}`);

/**
 * The libtorch to build against, or null if the system has none.
 * @throws SetupError if LIBTORCH or LIBTORCH_USE_PYTORCH is set and that libtorch is missing or incomplete
 */
export async function findLibtorch(): Promise<Libtorch | null> {
  if (process.env.LIBTORCH) return describe("LIBTORCH", resolve(process.env.LIBTORCH));
  if (process.env.LIBTORCH_USE_PYTORCH === "1") return fromPython();
  return fromSystem();
}

function describe(source: Libtorch["source"], root: string, flags = abiOf(root)): Libtorch {
  const include = [join(root, "include"), join(root, "include", API)];
  return check({ source, include, lib: join(root, "lib"), flags });
}

/** The CMake file of a downloaded libtorch contains the C++ ABI it was built with. */
function abiOf(root: string): string[] {
  const cmake = join(root, "share/cmake/Torch/TorchConfig.cmake");
  const abi = existsSync(cmake) && /_GLIBCXX_USE_CXX11_ABI=[01]/.exec(readFileSync(cmake, "utf8"));
  return abi ? [`-D${abi[0]}`] : [];
}

async function fromPython(): Promise<Libtorch> {
  const script = "import torch; print(torch.__path__[0]); print(int(torch._C._GLIBCXX_USE_CXX11_ABI))";
  const [root, abi] = (await exec("python3", ["-c", script])).trim().split("\n");
  return describe("LIBTORCH_USE_PYTORCH", root, [`-D_GLIBCXX_USE_CXX11_ABI=${abi}`]);
}

async function fromSystem(): Promise<Libtorch | null> {
  const listed = (await tryExec("dpkg", ["-L", "libtorch-dev"]))?.split("\n") ?? [];
  const packaged = listed.find((file) => file.endsWith(`/libtorch_cpu.${suffix}`));
  const folders = [packaged && dirname(packaged), "/usr/lib64", "/usr/lib", "/usr/local/lib"];
  const lib = folders.find((folder) => folder && existsSync(mainLibrary({ lib: folder })));
  const base = ["/usr/include", "/usr/local/include"].find((folder) => existsSync(join(folder, API)));
  if (!lib || !base) return null;
  return check({ source: "system", include: [base, join(base, API)], lib, flags: [] });
}

function check(found: Omit<Libtorch, "version" | "cuda">): Libtorch {
  const header = join(found.include[1], "torch/version.h");
  // Newer versions define the version here instead.
  const moved = join(found.include[0], "torch/headeronly/version.h");
  for (const file of [header, mainLibrary(found), join(found.lib, `libc10.${suffix}`)])
    if (!existsSync(file)) throw new SetupError(`${found.source}: incomplete libtorch, ${file} is missing`);
  const text = readFileSync(existsSync(moved) ? moved : header, "utf8");
  const part = (name: string) => new RegExp(`#define TORCH_VERSION_${name} (\\d+)`).exec(text)?.[1] ?? "?";
  const version = ["MAJOR", "MINOR", "PATCH"].map(part).join(".");
  return { ...found, version, cuda: existsSync(join(found.lib, `libtorch_cuda.${suffix}`)) };
}

/**
 * Debian's libtorch takes sgemm from whatever libblas.so.3 points to, and the reference BLAS is about 20 times
 * slower than OpenBLAS. Other libtorch builds include their own BLAS.
 */
export async function requireBlas(
  torch: Libtorch,
  consent: Consent,
  note: Note,
): Promise<{ name: string; fast: boolean }> {
  const link = join(dirname(realpathSync(mainLibrary(torch))), "libblas.so.3");
  if (!existsSync(link)) return { name: "built into libtorch", fast: true };
  const fast = () => /openblas|mkl|blis|atlas/i.test(realpathSync(link));
  // Training works without it: if the installation fails, a warning is enough.
  if (!fast() && (await prefix(consent)) !== null)
    await install(["libopenblas0-pthread"], consent, note).catch(() => null);
  return { name: realpathSync(link), fast: fast() };
}
