// Where built addons are stored: a folder of the user that survives reinstalling packages, is shared by all projects,
// and is writable even if the installed packages are not.
//
//   CACHE/objects/KEY.o                 compiled sources; the key hashes all inputs
//   CACHE/addons/NAME-SOURCES/          addons built from the same sources
//     ADDON.node                        named after a hash of what was linked
//     REQUEST.json                      the addon for one way of requesting libtorch, see BuiltAddon
//     latest.json                       the addon that was set up last
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { SetupError } from "./exec.js";
import { type AddonSources, hashOf, sourcesHash } from "./sources.js";

/** Identifies a file's version: if size or time differ, it was replaced. */
export interface FileIdentity {
  path: string;
  bytes: number;
  modifiedMs: number;
}

/** Describes a built addon and what it was built for. */
export interface BuiltAddon {
  /** File name, in the folder of this description. */
  addon: string;
  /** The libtorch version it is linked to. */
  version: string;
  library: FileIdentity;
  compiler: string;
}

/** @throws the operating system's error if the file does not exist */
export function identityOf(path: string): FileIdentity {
  const { size, mtimeMs } = statSync(path);
  return { path, bytes: size, modifiedMs: mtimeMs };
}

/** QMIMIC_CACHE, or the system's cache folder for this user. */
export function cacheFolder(): string {
  const { QMIMIC_CACHE, XDG_CACHE_HOME } = process.env;
  if (QMIMIC_CACHE) return resolve(QMIMIC_CACHE);
  if (process.platform === "darwin") return join(homedir(), "Library/Caches/qmimic");
  return join(XDG_CACHE_HOME || join(homedir(), ".cache"), "qmimic");
}

export const objectsFolder = (): string => join(cacheFolder(), "objects");

/** The folder of addons built from exactly these sources for this platform. */
export const addonFolder = (sources: AddonSources): string => {
  const key = hashOf([sourcesHash(sources), process.platform, process.arch]);
  return join(cacheFolder(), "addons", `${sources.name}-${key.slice(0, 16)}`);
};

/** The file name of the description of the addon requested by the environment. */
export function requestName(): string {
  const { LIBTORCH, LIBTORCH_USE_PYTORCH } = process.env;
  if (LIBTORCH) return `${hashOf(["LIBTORCH", resolve(LIBTORCH)]).slice(0, 16)}.json`;
  return LIBTORCH_USE_PYTORCH === "1" ? "pytorch.json" : LATEST;
}

export const LATEST = "latest.json";

/** Creates a folder in the cache. @throws SetupError if the cache is not writable */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new SetupError(
      `cannot create the cache folder: ${(error as Error).message}. Use another one: QMIMIC_CACHE=DIR`,
    );
  }
}

/** A temporary name next to `file`, to write to before renaming: readers see the old file or the complete new one. */
export const temporaryName = (file: string): string => `${file}.${randomBytes(4).toString("hex")}`;

/** Writes a file atomically. */
export function writeWhole(file: string, text: string): void {
  const temporary = temporaryName(file);
  writeFileSync(temporary, text);
  renameSync(temporary, file);
}

/** Marks a file or folder in the cache as used. */
export function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // A read-only cache is never tidied either.
  }
}

const UNUSED_DAYS = 90;

/** Removes everything that has not been used for UNUSED_DAYS. */
export function tidy(): void {
  const limit = Date.now() - UNUSED_DAYS * 24 * 3600 * 1000;
  for (const folder of [objectsFolder(), join(cacheFolder(), "addons")])
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const found = statSync(path, { throwIfNoEntry: false });
      if (!found || found.mtimeMs >= limit) continue;
      try {
        rmSync(path, { recursive: true, force: true });
      } catch {
        // Another user's, or a read-only cache: nothing depends on its removal.
      }
    }
}
