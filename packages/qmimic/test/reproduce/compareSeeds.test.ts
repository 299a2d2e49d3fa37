import { expect, it } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { matchCoco } from "../../src/eval/coco.js";
import { compareSeeds } from "../../src/eval/compareSeeds.js";

const IMAGES = 40;
const truths = Array.from({ length: IMAGES }, (_, id) => ({
  id: String(id),
  boxes: Float64Array.from([0, 0, 10, 10]),
  labels: Int32Array.from([0]),
  difficult: Uint8Array.from([0]),
}));

/** A detector that finds the objects of some images, by chance. */
function matches(recall: number, seed: number) {
  const random = createRandom(`test/${seed}`);
  const found = truths.map(({ id }) => {
    const finds = random() < recall;
    return {
      id,
      boxes: Float32Array.from(finds ? [0, 0, 10, 10] : []),
      scores: Float32Array.from(finds ? [0.9] : []),
      labels: Int32Array.from(finds ? [0] : []),
    };
  });
  return matchCoco(truths, found, ["object"]);
}
const seeds = (recall: number, count: number, from: number) =>
  Array.from({ length: count }, (_, seed) => matches(recall, from + seed));

it("decides a large difference, and not a small one", () => {
  const large = compareSeeds(seeds(0.2, 5, 0), seeds(0.9, 5, 100), IMAGES).ap50!;
  expect(large.decided).toBe(true);
  expect(large.difference).toBeGreaterThan(0.5);
  expect(large.interval.low).toBeLessThan(large.difference);
  expect(compareSeeds(seeds(0.5, 3, 0), seeds(0.55, 3, 100), IMAGES).ap50!.decided).toBe(false);
});

it("is 0 between a side and itself, and turns its sign when the sides change places", () => {
  const [a, b] = [seeds(0.4, 3, 0), seeds(0.7, 3, 50)];
  expect(compareSeeds(a, a, IMAGES).ap50).toEqual({
    difference: 0,
    interval: { low: 0, high: 0 },
    decided: false,
  });
  const [there, back] = [compareSeeds(a, b, IMAGES).ap!, compareSeeds(b, a, IMAGES).ap!];
  expect(back.difference).toBeCloseTo(-there.difference, 12);
  expect(back.interval.low).toBeCloseTo(-there.interval.high, 12);
});

it("is wider with seeds that differ, by Student's t", () => {
  const a = [matches(0.5, 1), matches(0.5, 1)];
  const near = compareSeeds(a, [matches(0.8, 2), matches(0.8, 2)], IMAGES).ap50!;
  const apart = compareSeeds(a, [matches(0.7, 2), matches(0.9, 3)], IMAGES).ap50!;
  const width = ({ interval }: typeof near) => interval.high - interval.low;
  expect(width(apart)).toBeGreaterThan(width(near));
});

it("with one seed is the interval of the images; sides of different length are refused", () => {
  const { interval } = compareSeeds([matches(0.3, 0)], [matches(0.6, 1)], IMAGES).ap50!;
  expect(interval.high).toBeGreaterThan(interval.low);
  expect(() => compareSeeds([matches(0.3, 0)], [], IMAGES)).toThrow(RangeError);
});

it("is the same each time", () => {
  const [a, b] = [seeds(0.4, 2, 0), seeds(0.6, 2, 9)];
  expect(compareSeeds(a, b, IMAGES)).toEqual(compareSeeds(a, b, IMAGES));
});
