// Compiled sources, cached under a hash of all their inputs: after a change to one source, or in another checkout of
// the same sources, only what is new is compiled.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { identityOf, objectsFolder, touch } from "./cache.js";
import { type Compiler, compileTo } from "./compiler.js";
import { isMac, SetupError } from "./exec.js";
import { type Libtorch, mainLibrary } from "./libtorch.js";
import { type AddonSources, hashOf, listObjects, type ObjectSource } from "./sources.js";

/** torch's headers take about 1 GB of memory per compiler. */
const JOBS = Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / 2e9)));

/** The Node-API headers, which are npm packages. */
const nodeHeaders = () =>
  [
    { name: "node-api-headers", include: "include" },
    { name: "node-addon-api", include: "." },
  ].map(({ name, include }) => {
    const file = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
    return { folder: join(dirname(file), include), version };
  });

const FLAGS = [
  ...["-std=c++17", "-O3", "-fPIC", "-Wall", "-Wno-psabi"],
  // Without OpenMP, at::parallel_for in our sources runs on one thread.
  ...(isMac ? [] : ["-fopenmp"]),
  ...["-DNAPI_VERSION=8", "-DNAPI_CPP_EXCEPTIONS"],
  // A worker thread that is terminated inside the addon can no longer throw; by default that aborts the process.
  "-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
];

export interface Objects {
  files: string[];
  compiled: number;
}

/** Compiles what is not in the cache. @throws SetupError with the compiler's output */
export async function compileObjects(
  sources: AddonSources,
  torch: Libtorch,
  cxx: Compiler,
): Promise<Objects> {
  const folders = [sources.folder, ...sources.headers];
  const node = nodeHeaders();
  const system = [...node.map(({ folder }) => folder), ...torch.include];
  const paths = [
    ...folders.map((folder) => `-I${folder}`),
    ...system.filter((folder) => folder !== "/usr/include").map((folder) => `-isystem${folder}`),
    // Makes objects independent of where the sources are.
    ...folders.map((folder, i) => `-ffile-prefix-map=${folder}=${i === 0 ? sources.name : `headers-${i}`}`),
  ];
  const { bytes, modifiedMs, path } = identityOf(mainLibrary(torch));
  const versions = [
    cxx.version,
    ...cxx.args,
    torch.version,
    path,
    bytes,
    modifiedMs,
    ...node.map(({ version }) => version),
  ];
  const keyOf = ({ source, flags }: ObjectSource) =>
    hashOf([...versions.map(String), ...FLAGS, ...torch.flags, ...flags, ...textsOf(source, folders)]);

  const objects = listObjects(sources).map((object) => {
    const key = keyOf(object);
    return { ...object, key, file: join(objectsFolder(), `${object.name}-${key.slice(0, 24)}.o`) };
  });
  if (objects.length === 0) throw new SetupError(`no C++ sources in ${sources.folder}`);
  const missing = objects.filter(({ file }) => !existsSync(file));
  const queue = [...missing];
  const work = async () => {
    for (let object = queue.shift(); object; object = queue.shift()) {
      const flags = [...FLAGS, ...torch.flags, ...object.flags, ...paths];
      await compileTo(object.file, cxx, [...flags, "-c", object.source], () => {
        if (keyOf(object) !== object.key)
          throw new SetupError(
            `${object.source} or one of its headers changed while it was being compiled. Run this again`,
          );
      });
    }
  };
  await Promise.all(Array.from({ length: JOBS }, work));
  const files = objects.map(({ file }) => file);
  files.forEach(touch);
  return { files, compiled: missing.length };
}

/** The contents of a source and of everything it includes from `folders`. */
function textsOf(source: string, folders: readonly string[]): string[] {
  const seen = new Map<string, string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    const text = readFileSync(file, "utf8");
    seen.set(file, text);
    for (const [, name] of text.matchAll(/^\s*#include "(.+)"/gm)) {
      const found = [dirname(file), ...folders]
        .map((folder) => join(folder, name))
        .find((path) => existsSync(path));
      if (found) visit(found);
    }
  };
  visit(source);
  return [...seen.values()];
}
