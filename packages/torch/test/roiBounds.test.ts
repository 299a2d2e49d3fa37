// Both RoIAligns, kernel and fallback, reject unsupported arguments at once, with an error that contains the value.
import { describe, expect, test } from "vitest";
import { psRoiAlignFallback, roiAlignFallback } from "../src/fallbacks.js";
import { operator, psRoiAlign, roiAlign, type Tensor, tensor, zeros } from "../src/index.js";

const FORMS: [string, typeof roiAlign][] = [
  ["roiAlign", roiAlign],
  ["roiAlign, fallback", roiAlignFallback],
  ["psRoiAlign", psRoiAlign],
  ["psRoiAlign, fallback", psRoiAlignFallback],
];
const OPTIONS = { spatialScale: 1 / 8, pooled: 2, samplingRatio: 2, aligned: true };
const map = () => tensor(new Float32Array(4 * 30), [1, 4, 5, 6]);
const box = (...values: number[]): Tensor => tensor([0, 0, 0, 40, 40, ...values], [2, 5]);

describe.each(FORMS)("%s rejects", (_, align) => {
  test.each([1e9, 65, 0, -1, 2 ** 40, -(2 ** 40)])("a sampling ratio of %s", (samplingRatio) => {
    const call = () => align(map(), box(0, 0, 0, 8, 8), { ...OPTIONS, samplingRatio });
    expect(call).toThrow(new RegExp(`is ${samplingRatio}, expected 1 to 64`));
  });

  test.each([0, -1, 1025, 1e6, 2 ** 31, 2 ** 32, 2 ** 52])("a pooled size of %s", (pooled) => {
    // Zero channels are a multiple of every number of bins.
    const call = () => align(zeros([1, 0, 5, 6]), box(0, 0, 0, 8, 8), { ...OPTIONS, pooled });
    expect(call).toThrow(new RegExp(`is ${pooled}(x-?\\d+)?, expected 1 to 1024`));
  });

  test.each([
    [0, 6],
    [5, 0],
    [0, 0],
    [0, 2 ** 40],
  ])("a map of %s x %s cells", (height, width) => {
    const none = tensor(new Float32Array(0), [0, 5]);
    for (const rois of [box(0, 0, 0, 8, 8), none])
      expect(() => align(zeros([1, 4, height, width]), rois, OPTIONS)).toThrow(/at least 1 row and 1 column/);
  });

  test.each([1e12, -1e12, 8.5e6, 3e38, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN])(
    "a coordinate of %s",
    (value) => {
      for (let c = 0; c < 4; c++) {
        const edges = [0, 0, 8, 8];
        edges[c] = value;
        const call = () => align(map(), box(0, ...edges), OPTIONS);
        expect(call).toThrow(
          /rois\[1\] has coordinate .*(e[+]?\d+|nan|inf|\d{4}).*expected at most 8\.?\d+/i,
        );
      }
    },
  );

  test.each([1, -1, 0.5, 1e12, Number.NaN, Number.POSITIVE_INFINITY])("a box of image %s", (image) => {
    expect(() => align(map(), box(image, 0, 0, 8, 8), OPTIONS)).toThrow(/rois\[1\] names image/);
  });

  test.each([0, -1, 1e39, Number.NaN, Number.POSITIVE_INFINITY])("a spatial scale of %s", (spatialScale) => {
    const call = () => align(map(), box(0, 0, 0, 8, 8), { ...OPTIONS, spatialScale });
    expect(call).toThrow(/finite number above 0/);
  });

  test("a box that a large spatial scale moves out of range", () => {
    const call = () => align(map(), box(0, 0, 0, 8, 8), { ...OPTIONS, spatialScale: 1e6 });
    expect(call).toThrow(/rois\[0\] has coordinate 40/);
  });
});

describe.each(FORMS)("%s accepts", (_, align) => {
  test("the largest allowed box and sampling ratio", () => {
    const rois = box(0, -8e6, -8e6, 8e6, 8e6);
    const bins = align(map(), rois, { ...OPTIONS, samplingRatio: 64 }).toFloat32();
    expect(bins.every((value) => value === 0)).toBe(true);
  });

  test("an empty batch of maps with sizes whose product overflows", () => {
    const none = tensor(new Float32Array(0), [0, 5]);
    const features = zeros([0, 4, 2 ** 40, 2 ** 40]);
    expect(align(features, none, OPTIONS).shape.slice(2)).toEqual([2, 2]);
  });
});

test.each([roiAlignFallback, psRoiAlignFallback])(
  "more samples than fit in memory are rejected: %o",
  (align) => {
    const call = () =>
      align(zeros([1, 0, 5, 6]), box(0, 0, 0, 8, 8), { ...OPTIONS, pooled: 256, samplingRatio: 64 });
    expect(call).toThrow(/536870912 samples, expected at most 134217728/);
  },
);

test("both sides of roi_align's bins are checked", () => {
  const call = operator("qmimic::roi_align");
  expect(() => call(map(), box(0, 0, 0, 8, 8), 1, 2, 2 ** 40, 2, true)).toThrow(/2x1099511627776.*1024/);
  expect(() => call(map(), box(0, 0, 0, 8, 8), 1, 2 ** 40, 2, 2, true)).toThrow(/1099511627776x2.*1024/);
});
