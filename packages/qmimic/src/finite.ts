// Detects NaN and infinity early, before they look like "nothing found" or overwrite good numbers.
import { InputError } from "./errors.js";

/** Index of the first NaN or infinity; -1 if all numbers are finite. */
function firstNonFinite(values: Float32Array): number {
  // Their sum is finite only if all are; a sum of finite floats does not overflow a double.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return Number.isFinite(sum) ? -1 : values.findIndex((value) => !Number.isFinite(value));
}

/**
 * Maximum size of a network's weights and statistics. Trained ones are many orders of magnitude smaller; products of
 * larger ones overflow float32.
 */
const MAX_WEIGHT = 1e9;

/**
 * What makes a tensor unusable: NaN, infinity, a weight that is too large, or a negative variance; undefined if nothing
 * does.
 * @param name its name; those of optimizers may be large
 */
export function tensorFault(name: string, values: Float32Array): string | undefined {
  const bad = firstNonFinite(values);
  if (bad >= 0) return `has ${values[bad]} at index ${bad}`;
  if (name.startsWith("optimizer.")) return undefined;
  const large = values.findIndex((value) => value > MAX_WEIGHT || value < -MAX_WEIGHT);
  if (large >= 0)
    return `has ${values[large].toPrecision(3)} at index ${large}, expected at most ${MAX_WEIGHT}`;
  const negative = name.endsWith("running_var") ? values.findIndex((value) => value < 0) : -1;
  return negative >= 0 ? `has ${values[negative]} at index ${negative}, but is a variance` : undefined;
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
