// Where built addons lie: a folder of the user's, which installing packages anew leaves alone, which projects share, and which
// can be written to where the packages cannot.
//
//   CACHE/objects/KEY.o                 compiled sources, by all that goes into them
//   CACHE/addons/NAME-SOURCES/          addons of the same sources
//     ADDON.node                        by what was linked
//     REQUEST.json                      which of them is used where libtorch is asked for in this way, see BuiltAddon
//     latest.json                       the one that was set up last
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { SetupError } from "./exec.js";
import { type AddonSources, hashOf, sourcesHash } from "./sources.js";

/** A file as it was: another size or time says that it was replaced. */
export interface FileIdentity {
  path: string;
  bytes: number;
  modifiedMs: number;
}

/** An addon that was built, and what for. */
export interface BuiltAddon {
  /** File beside this description. */
  addon: string;
  /** The libtorch that it is linked to. */
  version: string;
  library: FileIdentity;
  compiler: string;
}

/** @throws the operating system's error where there is no such file */
export function identityOf(path: string): FileIdentity {
  const { size, mtimeMs } = statSync(path);
  return { path, bytes: size, modifiedMs: mtimeMs };
}

/** QMIMIC_CACHE, or the place that the system has for caches. */
export function cacheFolder(): string {
  const { QMIMIC_CACHE, XDG_CACHE_HOME } = process.env;
  if (QMIMIC_CACHE) return resolve(QMIMIC_CACHE);
  if (process.platform === "darwin") return join(homedir(), "Library/Caches/qmimic");
  return join(XDG_CACHE_HOME || join(homedir(), ".cache"), "qmimic");
}

export const objectsFolder = (): string => join(cacheFolder(), "objects");

/** The folder of addons that are built of these very sources for this kind of processor. */
export const addonFolder = (sources: AddonSources): string => {
  const key = hashOf([sourcesHash(sources), process.platform, process.arch]);
  return join(cacheFolder(), "addons", `${sources.name}-${key.slice(0, 16)}`);
};

/** The name of the description of the addon that the environment asks for. */
export function requestName(): string {
  const { LIBTORCH, LIBTORCH_USE_PYTORCH } = process.env;
  if (LIBTORCH) return `${hashOf(["LIBTORCH", resolve(LIBTORCH)]).slice(0, 16)}.json`;
  return LIBTORCH_USE_PYTORCH === "1" ? "pytorch.json" : LATEST;
}

export const LATEST = "latest.json";

/** Makes a folder of the cache. @throws SetupError where it cannot be written to */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new SetupError(
      `the cache folder cannot be made: ${(error as Error).message}. Name another one: QMIMIC_CACHE=DIR`,
    );
  }
}

/** A name beside `file` to write it under until it is complete: readers see the file as it was before, or whole. */
export const temporaryName = (file: string): string => `${file}.${randomBytes(4).toString("hex")}`;

/** Writes a file that appears whole. */
export function writeWhole(file: string, text: string): void {
  const temporary = temporaryName(file);
  writeFileSync(temporary, text);
  renameSync(temporary, file);
}

/** Notes that a file or folder of the cache is in use. */
export function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // A cache that can only be read is not tidied either.
  }
}

const UNUSED_DAYS = 90;

/** Removes what has not been used for long. */
export function tidy(): void {
  const limit = Date.now() - UNUSED_DAYS * 24 * 3600 * 1000;
  for (const folder of [objectsFolder(), join(cacheFolder(), "addons")])
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const found = statSync(path, { throwIfNoEntry: false });
      if (found && found.mtimeMs < limit) rmSync(path, { recursive: true, force: true });
    }
}
