// Numbers that are none: found where they come in, before they pass for "nothing found" or replace good ones.
import { InputError } from "./errors.js";

/** Position of the first number that is NaN or infinite; -1 when all are finite. */
export function firstNonFinite(values: Float32Array): number {
  // Their sum is finite only if all are; a sum of finite floats does not overflow a double.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return Number.isFinite(sum) ? -1 : values.findIndex((value) => !Number.isFinite(value));
}

/** A network gave NaN or infinity, as it can with finite weights: products overflow. */
export class OverflowError extends InputError {
  override name = "OverflowError";

  /**
   * @param seen what the network gave, for instance "detections: the network gives NaN"
   * @param file that its weights come from
   */
  constructor(
    readonly seen: string,
    file?: string,
  ) {
    const weights = file === undefined ? "its weights" : `the weights of ${file}`;
    super(
      `${seen}: ${weights} are so large that float32 overflows. They come from a training that diverged; train again with a lower learning rate.`,
    );
  }
}

/** @throws OverflowError when one of a network's numbers is NaN or infinite */
export function requireFinite(values: Float32Array, what: string): void {
  const at = firstNonFinite(values);
  if (at >= 0) throw new OverflowError(`${what}: the network gives ${values[at]}`);
}

const files = new WeakMap<object, string>();

/** Says which file a network's weights come from, for the errors of `namingFile`. */
export const rememberFile = (network: object, file: string): void => void files.set(network, file);

/** Runs a network: where it overflows, the error names the file of its weights. */
export function namingFile<T>(network: object, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof OverflowError) throw new OverflowError(error.seen, files.get(network));
    throw error;
  }
}
