// Builds an addon using only the C++ compiler: no node-gyp, no downloads.
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import {
  addonFolder,
  type BuiltAddon,
  identityOf,
  LATEST,
  makeFolder,
  objectsFolder,
  requestName,
  touch,
  writeWhole,
} from "./cache.js";
import { type Compiler, compileTo } from "./compiler.js";
import { isMac } from "./exec.js";
import { type Libtorch, mainLibrary } from "./libtorch.js";
import { compileObjects } from "./objects.js";
import { type AddonSources, hashOf } from "./sources.js";

export interface Build {
  /** The addon. */
  file: string;
  objects: number;
  /** How many of them had to be compiled. */
  compiled: number;
  linked: boolean;
}

/**
 * Compiles and links what is not in the cache.
 * @throws SetupError with the compiler's output, or if the cache is not writable
 */
export async function buildAddon(sources: AddonSources, torch: Libtorch, cxx: Compiler): Promise<Build> {
  const folder = addonFolder(sources);
  for (const path of [folder, objectsFolder()]) makeFolder(path);
  const { files, compiled } = await compileObjects(sources, torch, cxx);
  const flags = [
    ...(isMac ? ["-bundle", "-undefined", "dynamic_lookup"] : ["-shared", "-fopenmp", "-Wl,--no-as-needed"]),
    ...files,
    ...[`-L${torch.lib}`, `-Wl,-rpath,${torch.lib}`, "-ltorch", "-ltorch_cpu", "-lc10"],
    ...(torch.cuda ? ["-ltorch_cuda", "-lc10_cuda"] : []),
  ];
  const inputs = flags.map((flag) => (files.includes(flag) ? basename(flag) : flag));
  const addon = `${hashOf([cxx.version, ...cxx.args, ...inputs]).slice(0, 16)}.node`;
  const file = join(folder, addon);
  const linked = !existsSync(file);
  if (linked) await compileTo(file, cxx, flags);
  const { version } = torch;
  const built: BuiltAddon = {
    addon,
    version,
    library: identityOf(mainLibrary(torch)),
    compiler: cxx.version,
  };
  const text = `${JSON.stringify(built, null, 2)}\n`;
  for (const name of new Set([requestName(), LATEST])) {
    const description = join(folder, name);
    if (!existsSync(description) || readFileSync(description, "utf8") !== text) writeWhole(description, text);
  }
  touch(folder);
  return { file, objects: files.length, compiled, linked };
}
