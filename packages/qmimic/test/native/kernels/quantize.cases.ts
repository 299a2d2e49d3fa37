// The quantizers against the dictionary written out: nearest entry, ties down, gradient passed on.

import { type Tensor, tensor } from "@qmimic/torch";
import { expect, test } from "vitest";
import { evaluate, seeded, uniform } from "../../../../torch/test/helpers.js";
import { quantize, quantizeCodes, quantizePow2 } from "../../../src/native/quantize.js";

/** Nearest of ascending `entries`; of two equally near the lower. */
function nearest(x: number, entries: readonly number[]): number {
  let best = 0;
  for (let k = 1; k < entries.length; k++) {
    if (Math.abs(x - entries[k]) < Math.abs(x - entries[best])) best = k;
  }
  return best;
}

const multiples = (stride: number) => Array.from({ length: 400 }, (_, k) => k * stride);
const powers = (min: number, max: number) => [
  0,
  ...Array.from({ length: max - min + 1 }, (_, k) => 2 ** (min + k)),
];

/** Random numbers, halves (ties at the strides below), numbers below zero, and 0. */
const values = Float32Array.from([
  ...uniform(301, seeded(1), -2, 12),
  ...Array.from({ length: 40 }, (_, k) => k / 8),
  -0.125,
  -0,
  0,
  1e-30,
  -1e30,
]);

export function quantizeCases(): void {
  test("quantize takes the nearest multiple, ties down, nothing below 0", () => {
    for (const stride of [0.25, 0.5, 1, 0.3, 0.07]) {
      const entries = multiples(Math.fround(stride));
      const expected = values.map((x) => entries[nearest(x, entries)]);
      expect([...quantize(tensor(values), stride).toFloat32()]).toEqual([...expected]);
    }
    expect([...quantize(tensor([0.5, 0.75, 1.5, 2.5, -3]), 1).toFloat32()]).toEqual([0, 1, 1, 2, 0]);
  });

  test("quantizeCodes is the index of that entry, at most 255", () => {
    for (const stride of [0.25, 0.3, 0.04]) {
      const entries = multiples(Math.fround(stride));
      const codes = quantizeCodes(tensor(values), stride);
      expect(codes.dtype).toBe("uint8");
      expect([...codes.toArray()]).toEqual([...values].map((x) => Math.min(255, nearest(x, entries))));
    }
    expect([...quantizeCodes(tensor([254.5, 254.6, 255, 1e9]), 1).toArray()]).toEqual([254, 255, 255, 255]);
  });

  test("quantizePow2 takes the nearest power of two or 0, ties down", () => {
    for (const [min, max] of [
      [-3, 2],
      [0, 0],
      [-1, 5],
    ]) {
      const entries = powers(min, max);
      const expected = values.map((x) => entries[nearest(x, entries)]);
      expect([...quantizePow2(tensor(values), min, max).toFloat32()]).toEqual([...expected]);
    }
    // The middles: of 0 and 1, of 1 and 2, of 2 and 4.
    expect([...quantizePow2(tensor([0.5, 0.6, 1.5, 1.6, 3, 3.1, 99]), 0, 2).toFloat32()]).toEqual([
      0, 1, 1, 2, 2, 4, 4,
    ]);
  });

  test("not-a-number stays one", () => {
    const bad = () => tensor([Number.NaN, 1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    const expected = [Number.NaN, 1, Number.NaN, Number.NaN];
    expect([...quantize(bad(), 0.5).toFloat32()]).toEqual(expected);
    expect([...quantizePow2(bad(), 0, 1).toFloat32()]).toEqual(expected);
  });

  test("the gradient passes both quantizers unchanged", () => {
    const gradient = uniform(values.length, seeded(2));
    const input = { shape: [values.length], data: values };
    const quantizers = [(x: Tensor) => quantize(x, 0.5), (x: Tensor) => quantizePow2(x, -2, 2)];
    for (const call of quantizers) expect(evaluate(call, [input], gradient).gradients[0]).toEqual(gradient);
  });

  test("a stride of 0 is refused", () => {
    expect(() => quantize(tensor([1]), 0)).toThrow(/stride is 0/);
  });
}
