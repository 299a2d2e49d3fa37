// Initial weights from a seeded generator of the caller's: libtorch's global generator is never used.
import { type Tensor, tensor } from "./tensor.js";

/** Uniform numbers in [0, 1). One generator serves one purpose. */
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

/** Normal numbers of mean 0. */
export function randomNormal(shape: readonly number[], std: number, random: Random): Tensor {
  const data = new Float32Array(count(shape));
  fillNormal(data, std, random);
  return tensor(data, shape);
}

/** Uniform numbers in [-bound, bound). */
export function randomUniform(shape: readonly number[], bound: number, random: Random): Tensor {
  const data = new Float32Array(count(shape));
  for (let i = 0; i < data.length; i++) data[i] = (2 * random() - 1) * bound;
  return tensor(data, shape);
}
