// Test helpers: seeded numbers, approximate equality, and comparison of two functions and their gradients.
import { expect } from "vitest";
import { backward, mul, type Random, scope, sum, type Tensor, tensor } from "../src/index.js";

/** Reproducible numbers in [0, 1): mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A tensor in the fixtures. */
export interface Packed {
  shape: number[];
  data: number[];
}

export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, side) => product * side, 1);

/** Uniform numbers in [low, high). */
export function uniform(length: number, random: Random, low = -1, high = 1): Float32Array {
  return Float32Array.from({ length }, () => low + (high - low) * random());
}

/**
 * RoIAlign boxes, [K, 5], for an image of `height` x `width` pixels, alternating between the images: inside, crossing
 * the border, enclosing the image, thin, empty, with swapped corners, outside.
 */
export function regions(images: readonly number[], height: number, width: number, random: Random): Tensor {
  const rows = Array.from({ length: 20 }, (_, i) => {
    const [x, y] = [(random() * 1.6 - 0.3) * width, (random() * 1.6 - 0.3) * height];
    const [w, h] = [
      [random() * 0.6 * width, random() * 0.6 * height],
      [0.3, height],
      [0, 0],
      [-0.4 * width, -0.3 * height],
    ][Math.max(0, i - 16)];
    return [images[i % images.length], x, y, x + w, y + h];
  });
  rows.push(
    [images[0], -width, -height, 2 * width, 2 * height],
    [images[0], 300 * width, 0, 400 * width, height],
  );
  return tensor(rows.flat(), [rows.length, 5]);
}

/** Asserts that every number is within `tolerance`, relative to the largest expected number (at least 0.01). */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = "",
): void {
  expect(actual.length, what).toBe(expected.length);
  let largest = 0.01;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    largest = Math.max(largest, Math.abs(expected[i]));
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
  }
  expect(worst, what).toBeLessThanOrEqual(tolerance * largest);
}

export interface Input {
  shape: readonly number[];
  data: Float32Array;
}

/** The output of a function of tensors, and the gradient of each input. */
export interface Evaluated {
  output: Float32Array;
  shape: number[];
  gradients: Float32Array[];
}

/**
 * @param outputGradient one number per element of the output, or one per map of an output [B, C, H, W] (the operator then
 * gets an expanded gradient); null: ones
 */
export function evaluate(
  call: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Input[],
  outputGradient: Float32Array | null,
): Evaluated {
  return scope(() => {
    const leaves = inputs.map(({ data, shape }) => tensor(data, shape));
    for (const leaf of leaves) leaf.requiresGrad = true;
    const output = call(...leaves);
    const maps = outputGradient !== null && outputGradient.length < output.size;
    const reduced = maps ? sum(output, [2, 3]) : output;
    backward(sum(outputGradient ? mul(reduced, tensor(outputGradient, reduced.shape)) : reduced));
    const gradients = leaves.map((leaf, i) => {
      const { grad } = leaf;
      expect(grad?.shape, `gradient of input ${i}`).toEqual(leaf.shape);
      return grad!.toFloat32();
    });
    return { output: output.toFloat32(), shape: output.shape, gradients };
  });
}

/**
 * Asserts that two functions to [B, C, H, W] agree on outputs and gradients, for dense and expanded output gradients.
 */
export function expectSame(
  ours: (...inputs: Tensor[]) => Tensor,
  reference: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Input[],
  { random, tolerance, what = "" }: { random: Random; tolerance: number; what?: string },
): void {
  const { shape } = evaluate(reference, inputs, null);
  for (const gradient of [uniform(sizeOf(shape), random), uniform(shape[0] * shape[1], random)]) {
    const expected = evaluate(reference, inputs, gradient);
    const actual = evaluate(ours, inputs, gradient);
    expect(actual.shape, what).toEqual(expected.shape);
    expectClose(actual.output, expected.output, tolerance, `${what}: output`);
    for (const [i, gradientOfInput] of expected.gradients.entries()) {
      expectClose(actual.gradients[i], gradientOfInput, tolerance, `${what}: gradient of input ${i}`);
    }
  }
}
