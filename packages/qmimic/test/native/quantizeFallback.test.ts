// The quantizers of other devices, on the CPU: they agree with the kernels, values and gradients.
import { tensor } from "@qmimic/torch";
import { expect, test } from "vitest";
import { evaluate, seeded, uniform } from "../../../torch/test/helpers.js";
import { quantize, quantizeCodes, quantizePow2 } from "../../src/native/quantize.js";
import {
  quantizeCodesFallback,
  quantizeFallback,
  quantizePow2Fallback,
} from "../../src/native/quantizeFallback.js";

/** Random numbers, ties, negative ones, ends. */
const values = Float32Array.from([
  ...uniform(2000, seeded(1), -2, 12),
  ...Array.from({ length: 80 }, (_, k) => k / 16),
  ...[-0.125, 0, 1e-30, -1e30, 1e9],
]);
const input = [{ shape: [values.length], data: values }];
const gradient = uniform(values.length, seeded(2));

test.each([0.25, 0.5, 0.3, 0.07, 1])("quantize and its codes, stride %s: equal bits", (stride) => {
  const ours = evaluate((x) => quantizeFallback(x, stride), input, gradient);
  expect(ours).toEqual(evaluate((x) => quantize(x, stride), input, gradient));
  const codes = quantizeCodesFallback(tensor(values), stride);
  expect(codes.dtype).toBe("uint8");
  expect(codes.toArray()).toEqual(quantizeCodes(tensor(values), stride).toArray());
});

test.each([
  [-3, 2],
  [0, 0],
  [-1, 5],
])("powers of two from %s to %s: equal bits", (min, max) => {
  const ours = evaluate((x) => quantizePow2Fallback(x, min, max), input, gradient);
  expect(ours).toEqual(evaluate((x) => quantizePow2(x, min, max), input, gradient));
});

test("not-a-number stays one, and a stride of 0 is refused", () => {
  const bad = () => tensor([Number.NaN, 1]);
  expect([...quantizeFallback(bad(), 0.5).toFloat32()]).toEqual([Number.NaN, 1]);
  expect([...quantizePow2Fallback(bad(), 0, 1).toFloat32()]).toEqual([Number.NaN, 1]);
  expect(() => quantizeFallback(tensor([1]), 0)).toThrow(/stride is 0/);
});
