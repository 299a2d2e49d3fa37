// Finds the addon that was built of a package's sources, and loads it.
import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { addonFolder, type BuiltAddon, requestName, touch } from "./cache.js";
import type { AddonSources } from "./sources.js";

/** An addon that has not been built, or does not fit what is installed any more. */
export class AddonError extends Error {
  override name = "AddonError";
  /** What is the matter, without what to do about it. */
  readonly reason: string;

  /** @param command what sets it up */
  constructor(reason: string, command: string) {
    super(`${reason}. Run: ${command}`);
    this.reason = reason;
  }
}

/** The description of the addon in use, or what is the matter with it. */
export function findAddon(sources: AddonSources): (BuiltAddon & { file: string }) | { problem: string } {
  const folder = addonFolder(sources);
  const { LIBTORCH, LIBTORCH_USE_PYTORCH } = process.env;
  const request = LIBTORCH
    ? ` for LIBTORCH=${LIBTORCH}`
    : LIBTORCH_USE_PYTORCH === "1"
      ? " for the torch of python3"
      : "";
  let built: BuiltAddon;
  try {
    built = JSON.parse(readFileSync(join(folder, requestName()), "utf8")) as BuiltAddon;
  } catch {
    return { problem: `this needs libtorch, and the addon ${sources.name} that calls it has not been built${request}` };
  }
  const { path, bytes, modifiedMs } = built.library;
  const now = statSync(path, { throwIfNoEntry: false });
  if (now === undefined) return { problem: `libtorch ${built.version} is no longer there: ${path}` };
  if (now.size !== bytes || now.mtimeMs !== modifiedMs)
    return { problem: `libtorch was changed since the addon ${sources.name} was built: ${path}` };
  return { ...built, file: join(folder, built.addon) };
}

/**
 * Loads an addon into this thread.
 * @param command what sets it up, for the error
 * @throws AddonError where it has not been built, where libtorch changed since, or where it cannot be loaded
 */
export function loadAddon<T>(sources: AddonSources, command: string): T {
  const found = findAddon(sources);
  if ("problem" in found) throw new AddonError(found.problem, command);
  touch(addonFolder(sources));
  try {
    return createRequire(import.meta.url)(found.file) as T;
  } catch (error) {
    throw new AddonError(`the addon ${sources.name} cannot be loaded: ${(error as Error).message}`, command);
  }
}
