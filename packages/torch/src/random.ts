// Initial weights: constant, or from the caller's seeded generator; libtorch's global generator is never used.
import { operator } from "./dispatcher.js";
import { type Tensor, tensor } from "./tensor.js";

/** Returns uniform numbers in [0, 1). Use a separate generator for each purpose. */
export type Random = () => number;

/** Standard normal numbers from uniform ones (Box and Muller, 1958). */
function fillNormal(target: Float32Array, std: number, random: Random): void {
  for (let i = 0; i < target.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - random())) * std;
    const angle = 2 * Math.PI * random();
    target[i] = radius * Math.cos(angle);
    if (i + 1 < target.length) target[i + 1] = radius * Math.sin(angle);
  }
}

const count = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

const empty = operator("aten::empty.memory_format");

let withoutValues = false;

/**
 * Builds networks whose tensors have shapes but no values (libtorch's device "meta"): no memory is allocated and no
 * random numbers are drawn, however large they are. `body` must be synchronous.
 */
export function shapesOnly<T>(body: () => T): T {
  const before = withoutValues;
  withoutValues = true;
  try {
    return body();
  } finally {
    withoutValues = before;
  }
}

/** Observes initial tensors as they are created, and can change their shapes. */
interface Watcher {
  /** Returns the shape to use instead of the requested one. */
  shape(asked: readonly number[]): readonly number[];
  made(created: Tensor): void;
}

let watcher: Watcher | null = null;

/** Runs `body`, which must be synchronous, with another watcher. */
export function watchInitial<T>(by: Watcher, body: () => T): T {
  const before = watcher;
  watcher = by;
  try {
    return body();
  } finally {
    watcher = before;
  }
}

function initial(asked: readonly number[], fill: (data: Float32Array) => void): Tensor {
  const shape = watcher === null ? asked : watcher.shape(asked);
  const created = withoutValues ? empty([...shape], "float32", null, "meta") : filled(shape, fill);
  watcher?.made(created);
  return created;
}

function filled(shape: readonly number[], fill: (data: Float32Array) => void): Tensor {
  const data = new Float32Array(count(shape));
  fill(data);
  return tensor(data, shape);
}

/** A tensor filled with one value. */
export const constant = (shape: readonly number[], value: number): Tensor =>
  initial(shape, (data) => void data.fill(value));

/** Normally distributed numbers with mean 0. */
export const randomNormal = (shape: readonly number[], std: number, random: Random): Tensor =>
  initial(shape, (data) => fillNormal(data, std, random));

/** Uniformly distributed numbers in [-bound, bound). */
export const randomUniform = (shape: readonly number[], bound: number, random: Random): Tensor =>
  initial(shape, (data) => {
    for (let i = 0; i < data.length; i++) data[i] = (2 * random() - 1) * bound;
  });
