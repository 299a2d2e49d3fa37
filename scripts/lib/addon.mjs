// Builds packages/torch/build/qmimic_torch.node with the C++ compiler alone: no node-gyp, no header downloads.
// An object is compiled again only when a source, one of its headers, the flags or the compiler changed.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { exec, Failure } from "./exec.mjs";

/** Kernels named *.isa.cc are compiled once for each of these; which one runs is chosen when the addon loads. */
const ISAS = {
  x64: {
    avx512: "-mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mprefer-vector-width=512".split(" "),
    avx2: ["-mavx2", "-mfma"],
    portable: [],
  },
}[process.arch] ?? { portable: [] };

const mac = process.platform === "darwin";
const JOBS = 2; // torch's headers take about 1 GB of memory a job

/** Compiles and links what is out of date. Returns how many objects were compiled, and whether it linked. */
export async function buildAddon(root, torch, cxx) {
  const native = join(root, "packages/torch/native");
  const build = join(root, "packages/torch/build");
  mkdirSync(join(build, "obj"), { recursive: true });

  const modules = join(root, "node_modules");
  const headers = [
    join(modules, "node-api-headers/include"),
    join(modules, "node-addon-api"),
    ...torch.include,
  ];
  const flags = [
    ...["-std=c++17", "-O3", "-fPIC", "-Wall", "-Wno-psabi"],
    // Without OpenMP, at::parallel_for in our own sources runs on one thread.
    ...(mac ? [] : ["-fopenmp"]),
    ...["-DNAPI_VERSION=8", "-DNAPI_CPP_EXCEPTIONS"],
    // A worker thread that is ended while it is in the addon takes no exception any more; by default that aborts.
    ...["-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", ...torch.flags],
    ...[`-I${native}`, ...headers.filter((folder) => folder !== "/usr/include").map((f) => `-isystem${f}`)],
  ];
  const key = [cxx.version, torch.version, torch.lib];
  const objects = listObjects(native).map((object) => ({
    ...object,
    flags: [...flags, ...object.flags],
    file: join(build, "obj", `${object.name}.o`),
    key: [...key, ...flags, ...object.flags],
  }));
  if (objects.length === 0) throw new Failure(`no C++ sources in ${native}`);

  const stale = objects.filter((object) => !isFresh(object));
  const queue = [...stale];
  const worker = async () => {
    for (let object = queue.shift(); object; object = queue.shift()) await compile(cxx, object);
  };
  await Promise.all(Array.from({ length: JOBS }, worker));

  const output = join(build, "qmimic_torch.node");
  const link = [
    ...(mac ? ["-bundle", "-undefined", "dynamic_lookup"] : ["-shared", "-fopenmp", "-Wl,--no-as-needed"]),
    ...objects.map((object) => object.file),
    ...[`-L${torch.lib}`, `-Wl,-rpath,${torch.lib}`, "-ltorch", "-ltorch_cpu", "-lc10"],
    ...(torch.cuda ? ["-ltorch_cuda", "-lc10_cuda"] : []),
  ];
  const stamp = join(build, "qmimic_torch.stamp");
  const linkHash = hash([...link, cxx.version, ...objects.map((object) => stampOf(object.file))]);
  const linked = stale.length > 0 || !existsSync(output) || read(stamp) !== linkHash;
  if (linked) {
    // Renamed into place: a process that has the old addon loaded keeps its file.
    await exec(cxx.name, [...link, "-o", `${output}.${process.pid}`]);
    renameSync(`${output}.${process.pid}`, output);
    writeFileSync(stamp, linkHash);
  }
  return { compiled: stale.length, objects: objects.length, linked };
}

function listObjects(native) {
  const sources = [native, join(native, "kernels")].flatMap((folder) =>
    existsSync(folder)
      ? readdirSync(folder)
          .sort()
          .map((file) => join(folder, file))
      : [],
  );
  return sources
    .filter((file) => file.endsWith(".cc"))
    .flatMap((source) => {
      const name = basename(source, ".cc");
      if (!name.endsWith(".isa")) return [{ source, name, flags: [] }];
      return Object.entries(ISAS).map(([isa, flags]) => ({
        source,
        name: `${name}.${isa}`,
        flags: [`-DQMIMIC_ISA=${isa}`, ...flags],
      }));
    });
}

async function compile(cxx, { source, file, flags, key }) {
  const start = Date.now();
  // Under names of this process until complete: another set-up may be building the same file.
  const [object, list] = [`${file}.${process.pid}`, `${file}.d.${process.pid}`];
  await exec(cxx.name, [...flags, "-MMD", "-MF", list, "-c", source, "-o", object]);
  renameSync(object, file);
  renameSync(list, `${file}.d`);
  // A file that was edited meanwhile leaves the object out of date.
  const edited = inputsOf(file).some((input) => existsSync(input) && statSync(input).mtimeMs >= start);
  writeFileSync(`${file}.stamp`, edited ? "" : inputsHash(file, key));
}

const isFresh = ({ file, key }) => existsSync(file) && stampOf(file) === inputsHash(file, key);
const stampOf = (file) => read(`${file}.stamp`);

/** What the compiler listed as read; system headers are left out, the compiler's version stands for them. */
const inputsOf = (file) =>
  read(`${file}.d`)
    .replaceAll("\\\n", " ")
    .split(/(?<!\\)\s+/)
    .slice(1)
    .filter(Boolean)
    .map((input) => input.replaceAll("\\ ", " "));
const inputsHash = (file, key) => hash([...key, ...inputsOf(file).map(read)]);

const hash = (parts) => createHash("sha256").update(parts.join("\0")).digest("hex");
const read = (file) => (existsSync(file) ? readFileSync(file, "utf8") : "");
