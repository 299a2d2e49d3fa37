// Detects NaN and infinity early, before they look like "nothing found" or overwrite good numbers.
import { InputError } from "./errors.js";

/** Index of the first NaN or infinity; -1 if all numbers are finite. */
export function firstNonFinite(values: Float32Array): number {
  // Their sum is finite only if all are; a sum of finite floats does not overflow a double.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return Number.isFinite(sum) ? -1 : values.findIndex((value) => !Number.isFinite(value));
}

/** A network's output is NaN or infinite, which can happen with finite weights: products overflow. */
export class OverflowError extends InputError {
  override name = "OverflowError";

  /**
   * @param seen what was found, for instance "detections: the network outputs NaN"
   * @param file its weights file
   */
  constructor(
    readonly seen: string,
    file?: string,
  ) {
    const weights = file === undefined ? "its weights" : `the weights of ${file}`;
    super(
      `${seen}: ${weights} are so large that float32 overflows. Their training diverged; train again with a lower learning rate.`,
    );
  }
}

/** @throws OverflowError if one of a network's numbers is NaN or infinite */
export function requireFinite(values: Float32Array, what: string): void {
  const at = firstNonFinite(values);
  if (at >= 0) throw new OverflowError(`${what}: the network outputs ${values[at]}`);
}

const files = new WeakMap<object, string>();

/** Records the file of a network's weights, for the errors of `namingFile`. */
export const rememberFile = (network: object, file: string): void => void files.set(network, file);

/** Runs a network; an overflow error then names the file of its weights. */
export function namingFile<T>(network: object, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof OverflowError) throw new OverflowError(error.seen, files.get(network));
    throw error;
  }
}
