// Loads this package's native addon (functions and registered operators) on first use.
import {
  configuration,
  type OperatorArgument,
  type OperatorResult,
  operator,
  type Tensor,
} from "@qmimic/torch";
import { AddonError, findAddon, loadAddon, nameSetUp, TORCH_ADDON } from "@qmimic/torch/setup";
import { QMIMIC_ADDON } from "./addon.js";

interface Addon {
  tryLockFile(file: number): boolean;
  unlockFile(file: number): void;
  crc32c(data: Uint8Array, before: number): number;
  endAtSecondSignal(): void;
}

// For users of qmimic, one command sets up both addons.
nameSetUp("npx qmimic setup");

let loaded: Addon | null = null;

/** Loads the addon. @throws AddonError if it or the addon of @qmimic/torch cannot be loaded */
export function addon(): Addon {
  if (loaded === null) {
    requireAddons();
    // Loads the addon of @qmimic/torch first: the operators here are registered in its library.
    configuration();
    loaded = loadAddon<Addon>(QMIMIC_ADDON);
  }
  return loaded;
}

/**
 * Whether both addons are set up, without loading them: libtorch takes most of a second. Two addons linked to different
 * versions of libtorch would crash, possibly late.
 * @throws AddonError if one has not been built, if libtorch has changed since, or if they were built for different ones
 */
export function requireAddons(): void {
  const [torch, own] = [TORCH_ADDON, QMIMIC_ADDON].map((sources) => {
    const found = findAddon(sources);
    if ("problem" in found) throw new AddonError(found.problem);
    return found.library.path;
  });
  if (torch !== own)
    throw new AddonError(`the addons were built for different libraries: ${torch} and ${own}`);
}

/** An operator registered by the addon. @see operator */
export function ownOperator<R extends OperatorResult = Tensor>(
  name: `qmimic::${string}`,
): (...args: OperatorArgument[]) => R {
  const call = operator<R>(name);
  return (...args) => {
    addon();
    return call(...args);
  };
}
