// Numbers that are none: found where they come in, before they pass for "nothing found" or replace good ones.
import { InputError } from "./errors.js";

/** Position of the first number that is NaN or infinite; -1 when all are finite. */
export function firstNonFinite(values: Float32Array): number {
  // Their sum is finite only if all are; a sum of finite floats does not overflow a double.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return Number.isFinite(sum) ? -1 : values.findIndex((value) => !Number.isFinite(value));
}

/** @throws InputError when a network gives NaN or infinity, as it can with finite weights: products overflow */
export function requireFinite(values: Float32Array, what: string): void {
  const at = firstNonFinite(values);
  if (at < 0) return;
  throw new InputError(
    `${what}: the network gives ${values[at]}: its weights are so large that float32 overflows. They come from a training that diverged; train again with a lower learning rate.`,
  );
}
