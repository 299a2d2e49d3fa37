// Loads the addon of this package when something of it is first used: its functions, and the operators that it registers.
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

// Whoever has qmimic sets both addons up at once.
nameSetUp("npx qmimic setup");

let loaded: Addon | null = null;

/** The addon. @throws AddonError where it, or that of @qmimic/torch, cannot be loaded */
export function addon(): Addon {
  if (loaded === null) {
    // That of @qmimic/torch first: the operators here are of its library.
    configuration();
    loaded = loadAddon<Addon>(QMIMIC_ADDON);
  }
  return loaded;
}

/** An operator that the addon registers. @see operator */
export function ownOperator<R extends OperatorResult = Tensor>(
  name: `qmimic::${string}`,
): (...args: OperatorArgument[]) => R {
  const call = operator<R>(name);
  return (...args) => {
    addon();
    return call(...args);
  };
}
