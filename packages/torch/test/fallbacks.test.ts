// The fallbacks for other devices, run on the CPU, agree with the kernels in values and gradients.
import { describe, expect, test } from "vitest";
import { roiAlignFallback } from "../src/fallbacks.js";
import { roiAlign, tensor } from "../src/index.js";
import { evaluate, expectClose, regions, seeded, uniform } from "./helpers.js";

describe("fallbacks", () => {
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

  test("roiAlign of no boxes is empty, and an invalid image index is rejected", () => {
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
