import { expect, it } from "vitest";
import type { Sample } from "../../src/data/types.js";
import { quickSettings, suitableStride } from "../../src/train/quick.js";

/** Photographs of 960 x 720 px with an object of each size, of class 1 unless said. */
const samples = (count: number, sizes: readonly number[], labels = sizes.map(() => 1)): Sample[] =>
  Array.from({ length: count }, (_, id) => ({
    id: String(id),
    imagePath: `${id}.jpg`,
    width: 960,
    height: 720,
    boxes: Float32Array.from(sizes.flatMap((size) => [0, 0, 2 * size, size])),
    labels: Int32Array.from(labels),
    difficult: new Uint8Array(sizes.length),
  }));

it("the map is as coarse as the smaller objects allow, at the size of the input", () => {
  const stride = (...sizes: number[]) => quickSettings(samples(9, sizes), 480).outputStride;
  expect([stride(10), stride(40), stride(100)]).toEqual([4, 8, 16]);
  expect(quickSettings(samples(9, [40]), 960).outputStride).toBe(16);
});

it("the same stride is recommended for other recipes", () => {
  expect(suitableStride(samples(9, [40]), 480)).toBe(8);
});

it("a rare class of small objects counts", () => {
  const large = Array.from({ length: 30 }, () => 200);
  expect(quickSettings(samples(9, [...large, 12]), 480).outputStride).toBe(16);
  expect(quickSettings(samples(9, [...large, 12], [...large.map(() => 1), 2]), 480).outputStride).toBe(4);
});

it("objects that do not count are left out", () => {
  const [sample] = samples(1, [200, 4]);
  sample.difficult[1] = 1;
  expect(quickSettings([sample], 480).outputStride).toBe(16);
});

it("fewer photographs are looked at more often, within limits; the student alone is trained", () => {
  const epochs = (count: number) => quickSettings(samples(count, [50]), 480).epochs;
  expect([epochs(10), epochs(500), epochs(1500), epochs(100_000)]).toEqual([40, 30, 10, 4]);
  expect(quickSettings(samples(500, [50]), 480)).toMatchObject({
    method: "scratch",
    stage: "student",
    evalEvery: 6,
  });
});
