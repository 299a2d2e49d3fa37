import { expect, it } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { matchCoco } from "../../src/eval/coco.js";
import {
  compareSeeds as compareResampled,
  compareValues,
  resampleSeeds,
} from "../../src/eval/compareSeeds.js";
import { deviation, mean } from "../../src/eval/tally.js";

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
type Matches = ReturnType<typeof matchCoco>;
const compareSeeds = (a: readonly Matches[], b: readonly Matches[], images: number) =>
  compareResampled(resampleSeeds(a, images), resampleSeeds(b, images));

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

it("adds the images' and the seeds' half-widths in quadrature", () => {
  const [a, b] = [seeds(0.4, 3, 0), seeds(0.7, 3, 50)].map((side) => resampleSeeds(side, IMAGES));
  const both = compareResampled(a, b).ap50!;
  const perSeed = a.whole.map(({ ap50 }, i) => b.whole[i].ap50 - ap50);
  const perResample = a.resampled[0].ap50.map(
    (_, k) => mean(b.resampled.map(({ ap50 }) => ap50[k])) - mean(a.resampled.map(({ ap50 }) => ap50[k])),
  );
  const half = Math.hypot(1.96 * deviation(perResample), (4.303 * deviation(perSeed)) / Math.sqrt(3));
  expect(both.difference).toBeCloseTo(mean(perSeed), 12);
  expect(both.interval.high - both.difference).toBeCloseTo(half, 12);
});

it("covers the true difference in nearly all experiments with other images and seeds", () => {
  // Each seed of a side finds each image's object with its own chance: both sources of randomness.
  const recall = (middle: number, seed: string) => middle + 0.1 * (2 * createRandom(seed)() - 1);
  const experiments = 40;
  let covered = 0;
  for (let i = 0; i < experiments; i++) {
    const side = (middle: number, from: number) =>
      Array.from({ length: 4 }, (_, k) =>
        matches(recall(middle, `recall/${i}/${from}/${k}`), 1000 * i + from + k),
      );
    const { interval } = compareSeeds(side(0.4, 0), side(0.6, 500), IMAGES).ap50!;
    // AP50 of a detector without false positives is its recall, up to COCO's 101 points.
    if (interval.low <= 0.2 && interval.high >= 0.2) covered++;
  }
  expect(covered).toBeGreaterThanOrEqual(35);
});

it("with one seed is the interval of the images, and decides nothing; sides of different length are refused", () => {
  const { interval, decided } = compareSeeds([matches(0.1, 0)], [matches(0.9, 1)], IMAGES).ap50!;
  expect(interval.low).toBeGreaterThan(0);
  expect(interval.high).toBeGreaterThan(interval.low);
  // Another seed could give anything.
  expect(decided).toBe(false);
  expect(() => compareSeeds([matches(0.3, 0)], [], IMAGES)).toThrow(RangeError);
});

it("is the same each time", () => {
  const [a, b] = [seeds(0.4, 2, 0), seeds(0.6, 2, 9)];
  expect(compareSeeds(a, b, IMAGES)).toEqual(compareSeeds(a, b, IMAGES));
});

it("values are compared over seeds by Student's t; one seed decides nothing", () => {
  const { difference, interval, decided } = compareValues([0.5, 0.5, 0.5], [0.6, 0.7, 0.8])!;
  expect(difference).toBeCloseTo(0.2, 12);
  // t of 2 degrees of freedom, deviation 0.1.
  expect(interval.high - difference).toBeCloseTo((4.303 * 0.1) / Math.sqrt(3), 12);
  expect(decided).toBe(false);
  expect(compareValues([0.5, 0.5], [0.7, 0.7])!.decided).toBe(true);
  expect(compareValues([0.5], [0.7])).toBe(null);
});
