// The ways of other devices, on the CPU: they agree with the kernels, values and gradients.
import { describe, expect, test } from "vitest";
import {
  quantizeCodesFallback,
  quantizeFallback,
  quantizePow2Fallback,
  roiAlignFallback,
} from "../src/fallbacks.js";
import { quantize, quantizeCodes, quantizePow2, roiAlign, tensor } from "../src/index.js";
import { evaluate, expectClose, regions, seeded, uniform } from "./helpers.js";

/** Random numbers, ties, negative ones, ends. */
const values = Float32Array.from([
  ...uniform(2000, seeded(1), -2, 12),
  ...Array.from({ length: 80 }, (_, k) => k / 16),
  ...[-0.125, 0, 1e-30, -1e30, 1e9],
]);
const input = [{ shape: [values.length], data: values }];
const gradient = uniform(values.length, seeded(2));

describe("fallbacks", () => {
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

  test.each([
    { spatialScale: 1 / 8, pooled: 7, samplingRatio: 2, aligned: false },
    { spatialScale: 1 / 8, pooled: 3, samplingRatio: 2, aligned: true },
    { spatialScale: 1 / 8, pooled: 1, samplingRatio: 3, aligned: false },
  ])("roiAlign %o", (options) => {
    const random = seeded(3);
    const [height, width] = [9, 13];
    const features = { shape: [3, 5, height, width], data: uniform(3 * 5 * height * width, random) };
    const rois = regions([2, 0], 8 * height, 8 * width, random);
    const outputs = uniform(rois.shape[0] * 5 * options.pooled ** 2, random);
    const expected = evaluate((x) => roiAlign(x, rois, options), [features], outputs);
    const ours = evaluate((x) => roiAlignFallback(x, rois, options), [features], outputs);
    expect(ours.shape).toEqual(expected.shape);
    expectClose(ours.output, expected.output, 1e-5);
    expectClose(ours.gradients[0], expected.gradients[0], 2e-5);
  });

  test("roiAlign of no boxes is empty, and one of an image that is not there is refused", () => {
    const options = { spatialScale: 1, pooled: 7, samplingRatio: 2, aligned: false };
    const features = { shape: [1, 4, 5, 6], data: new Float32Array(120) };
    const none = tensor(new Float32Array(0), [0, 5]);
    const { shape, gradients } = evaluate((x) => roiAlignFallback(x, none, options), [features], null);
    expect(shape).toEqual([0, 4, 7, 7]);
    expect(gradients[0].every((value) => value === 0)).toBe(true);
    const wrong = tensor([1, 0, 0, 8, 8], [1, 5]);
    expect(() => roiAlignFallback(tensor(features.data, features.shape), wrong, options)).toThrow(/image 1/);
  });
});
