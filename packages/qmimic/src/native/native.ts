// Loads this package's addon on first use of its functions or of the operators it registers.
import {
  configuration,
  type OperatorArgument,
  type OperatorResult,
  operator,
  type Tensor,
} from "@qmimic/torch";
import { loadAddon, nameSetUp } from "@qmimic/torch/setup";
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

/** The addon. @throws AddonError if it, or the addon of @qmimic/torch, cannot be loaded */
export function addon(): Addon {
  if (loaded === null) {
    // Loads the addon of @qmimic/torch first: it defines the library that these operators are added to.
    configuration();
    loaded = loadAddon<Addon>(QMIMIC_ADDON);
  }
  return loaded;
}

/** An operator registered by this addon. @see operator */
export function ownOperator<R extends OperatorResult = Tensor>(
  name: `qmimic::${string}`,
): (...args: OperatorArgument[]) => R {
  const call = operator<R>(name);
  return (...args) => {
    addon();
    return call(...args);
  };
}
