// Position-sensitive RoIAlign against RoIAlign of all channels, from which each bin takes its own. (operators.test.ts
// compares with torchvision.)
import { afterAll, describe, expect, test } from "vitest";
import { psRoiAlignFallback } from "../src/fallbacks.js";
import {
  configuration,
  indexSelect,
  type PsRoiAlignOptions,
  psRoiAlign,
  reshape,
  roiAlign,
  setThreads,
  type Tensor,
  tensor,
} from "../src/index.js";
import { evaluate, expectClose, regions, seeded, sizeOf, uniform } from "./helpers.js";

/** From RoIAlign of all channels, [K, C k k, k, k], takes the entries of channel (c k + i) k + j at bin (i, j). */
function reference(features: Tensor, rois: Tensor, options: PsRoiAlignOptions): Tensor {
  const all = roiAlign(features, rois, { ...options, aligned: true });
  const [count, channels, k] = all.shape;
  const index = BigInt64Array.from({ length: count * channels }, (_, entry) =>
    BigInt(entry * k * k + (entry % (k * k))),
  );
  return reshape(indexSelect(reshape(all, [-1]), 0, tensor(index)), [count, channels / (k * k), k, k]);
}

const SIZES = [
  { channels: 2, pooled: 7, samplingRatio: 2, height: 9, width: 13 },
  { channels: 4, pooled: 3, samplingRatio: 1, height: 8, width: 16 },
  { channels: 11, pooled: 3, samplingRatio: 3, height: 5, width: 4 },
  { channels: 5, pooled: 1, samplingRatio: 2, height: 1, width: 7 },
  { channels: 1, pooled: 2, samplingRatio: 9, height: 6, width: 1 },
];

const threads = configuration().threads;
afterAll(() => setThreads(threads));

describe.each([
  ["kernel", psRoiAlign],
  ["fallback", psRoiAlignFallback],
])("psRoiAlign, %s", (_, psAlign) => {
  test.each(SIZES)("each bin reads its own channels, with its gradient: %o", (size) => {
    const { channels, pooled, samplingRatio, height, width } = size;
    const options = { spatialScale: 1 / 8, pooled, samplingRatio };
    const random = seeded(channels);
    const shape = [3, channels * pooled ** 2, height, width];
    const features = { shape, data: uniform(sizeOf(shape), random) };
    const rois = regions([0, 2], 8 * height, 8 * width, random);
    const gradient = uniform(rois.shape[0] * channels * pooled ** 2, random);
    const expected = evaluate((x) => reference(x, rois, options), [features], gradient);
    const ours = evaluate((x) => psAlign(x, rois, options), [features], gradient);
    expect(ours.shape).toEqual([rois.shape[0], channels, pooled, pooled]);
    expectClose(ours.output, expected.output, 1e-5, "output");
    expectClose(ours.gradients[0], expected.gradients[0], 2e-5, "gradient");
  });

  test("no regions, and no channels, give an empty result", () => {
    const options = { spatialScale: 1, pooled: 2, samplingRatio: 2 };
    const features = { shape: [1, 8, 5, 6], data: new Float32Array(240) };
    const none = tensor(new Float32Array(0), [0, 5]);
    const { shape, gradients } = evaluate((x) => psAlign(x, none, options), [features], null);
    expect(shape).toEqual([0, 2, 2, 2]);
    expect(gradients[0].every((value) => value === 0)).toBe(true);
    const empty = tensor(new Float32Array(0), [1, 0, 5, 6]);
    expect(psAlign(empty, tensor([0, 0, 0, 4, 4], [1, 5]), options).shape).toEqual([1, 0, 2, 2]);
  });

  test("a number of channels that is not a multiple of the bins is rejected", () => {
    const features = tensor(new Float32Array(10 * 30), [1, 10, 5, 6]);
    const rois = tensor([0, 0, 0, 4, 4], [1, 5]);
    const call = () => psAlign(features, rois, { spatialScale: 1, pooled: 3, samplingRatio: 2 });
    expect(call).toThrow(/1, ?10, ?5, ?6.*multiple|multiple.*10/);
  });
});

test("psRoiAlign gives the same bits with one thread and with three", () => {
  const options = { spatialScale: 1 / 8, pooled: 3, samplingRatio: 2 };
  const random = seeded(7);
  const features = { shape: [2, 45, 12, 15], data: uniform(2 * 45 * 12 * 15, random) };
  const rois = regions([1, 0], 96, 120, random);
  const gradient = uniform(rois.shape[0] * 45, random);
  const [one, three] = [1, 3].map((count) => {
    setThreads(count);
    return evaluate((x) => psRoiAlign(x, rois, options), [features], gradient);
  });
  expect(three).toEqual(one);
});
