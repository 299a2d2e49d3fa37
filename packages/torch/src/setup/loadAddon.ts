// Finds the addon built from a package's sources, and loads it.
import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { addonFolder, type BuiltAddon, requestName, touch } from "./cache.js";
import type { AddonSources } from "./sources.js";

let setUpCommand = "npx qmimic-torch setup";

/** Sets the setup command that errors suggest, for a package that sets up its own addon along with this one. */
export function nameSetUp(command: string): void {
  setUpCommand = command;
}

/** The addon has not been built, or no longer matches the installed libtorch. The message says what to run. */
export class AddonError extends Error {
  override name = "AddonError";

  constructor(reason: string) {
    super(`${reason}. Run: ${setUpCommand}`);
  }
}

/** The description of the addon in use, or the reason why there is none. */
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
    return {
      problem: `this needs libtorch, and the addon ${sources.name} that calls it has not been built${request}`,
    };
  }
  const { path, bytes, modifiedMs } = built.library;
  const now = statSync(path, { throwIfNoEntry: false });
  if (now === undefined) return { problem: `libtorch ${built.version} no longer exists: ${path}` };
  if (now.size !== bytes || now.mtimeMs !== modifiedMs)
    return { problem: `libtorch has changed since the addon ${sources.name} was built: ${path}` };
  return { ...built, file: join(folder, built.addon) };
}

/**
 * Loads an addon into this thread.
 * @throws AddonError if it has not been built, if libtorch has changed since, or if it cannot be loaded
 */
export function loadAddon<T>(sources: AddonSources): T {
  const found = findAddon(sources);
  if ("problem" in found) throw new AddonError(found.problem);
  touch(addonFolder(sources));
  try {
    return createRequire(import.meta.url)(found.file) as T;
  } catch (error) {
    throw new AddonError(`cannot load the addon ${sources.name}: ${(error as Error).message}`);
  }
}
