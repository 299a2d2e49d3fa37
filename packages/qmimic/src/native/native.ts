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
    // Loads the addon of @qmimic/torch first: the operators here are registered in its library.
    configuration();
    requireOneLibrary();
    loaded = loadAddon<Addon>(QMIMIC_ADDON);
  }
  return loaded;
}

/**
 * Whether both addons are set up, without loading them: libtorch takes most of a second.
 * @throws AddonError if one has not been built, or no longer matches the installed libtorch
 */
export function requireAddons(): void {
  for (const sources of [TORCH_ADDON, QMIMIC_ADDON]) {
    const found = findAddon(sources);
    if ("problem" in found) throw new AddonError(found.problem);
  }
  requireOneLibrary();
}

/** Two addons linked to different versions of libtorch would crash, possibly late. @throws AddonError */
function requireOneLibrary(): void {
  const [torch, own] = [TORCH_ADDON, QMIMIC_ADDON].map(findAddon);
  if ("problem" in torch || "problem" in own || torch.library.path === own.library.path) return;
  throw new AddonError(
    `the addons were built for different libraries: ${torch.library.path} and ${own.library.path}`,
  );
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
