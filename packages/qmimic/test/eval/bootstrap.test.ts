import { describe, expect, it } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { bootstrapIntervals, comparePaired } from "../../src/eval/bootstrap.js";
import { evaluateCoco, matchCoco, weightedCocoAp } from "../../src/eval/coco.js";
import { formatComparisons } from "../../src/report/evaluationText.js";
import { randomCase as anyCase } from "./randomCase.js";
import type { EvaluationCase } from "./sharedData.js";

const matchesOf = ({ groundTruths, detections, classes }: EvaluationCase) =>
  matchCoco(groundTruths, detections, classes);

/** Scores are equal only across images: within one the copies of the first would come before those of the second. */
function randomCase(seed: number): EvaluationCase {
  const input = anyCase(seed);
  const detections = input.detections.map((one) => ({
    ...one,
    scores: one.scores.map((s, d) => s + d / 1000),
  }));
  return { ...input, detections };
}

/** A set that holds image i weights[i] times, evaluated in full. */
function evaluateCopies({ groundTruths, detections, classes }: EvaluationCase, weights: Int32Array) {
  const copies = [...weights.keys()].flatMap((i) =>
    Array.from({ length: weights[i] }, (_, k) => [i, `${i}/${k}`]),
  );
  return evaluateCoco(
    copies.map(([i, id]) => ({ ...groundTruths[i as number], id: id as string })),
    copies.flatMap(([i, id]) => {
      const found = detections.find((one) => one.id === groundTruths[i as number].id);
      return found ? [{ ...found, id: id as string }] : [];
    }),
    classes,
  );
}

describe("bootstrap", () => {
  it("weights give the numbers of a set that holds its images that often, equal scores of two images included", () => {
    for (let round = 0; round < 20; round++) {
      const input = randomCase(round);
      const random = createRandom(`weights/${round}`);
      const weights = Int32Array.from(input.groundTruths, () => Math.floor(random() * 4));
      const expected = evaluateCopies(input, weights);
      const { ap, ap50 } = weightedCocoAp(matchesOf(input), weights);
      if (expected.ap === null) expect(ap).toBeNaN();
      else {
        expect(ap).toBeCloseTo(expected.ap, 12);
        expect(ap50).toBeCloseTo(expected.ap50!, 12);
      }
    }
  });

  it("intervals are those of full evaluations of the resampled sets", () => {
    const input = randomCase(3);
    const images = input.groundTruths.length;
    const random = createRandom("bootstrap/7");
    const aps = Array.from({ length: 41 }, () => {
      const weights = new Int32Array(images);
      for (let i = 0; i < images; i++) weights[Math.floor(random() * images)]++;
      return evaluateCopies(input, weights).ap!;
    }).sort((a, b) => a - b);
    const whole = evaluateCoco(input.groundTruths, input.detections, input.classes).ap!;
    const { ap } = bootstrapIntervals(matchesOf(input), images, { resamples: 41, seed: 7 });
    // Those equal to the number of the set count half.
    const share =
      aps.reduce((sum, value) => sum + (Math.abs(value - whole) < 1e-12 ? 0.5 : Number(value < whole)), 0) /
      41;
    // The normal distribution by summing its density in small steps.
    const step = 1e-4;
    const density = (z: number) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
    const areas = [0];
    for (let z = -8; z < 8; z += step) areas.push(areas[areas.length - 1] + step * density(z + step / 2));
    const bias = areas.findIndex((area) => area >= share) * step - 8;
    const expected = [-1.959964, 1.959964].map((z) => {
      const place = 40 * areas[Math.round((2 * bias + z + 8) / step)];
      const [low, high] = [aps[Math.floor(place)], aps[Math.min(40, Math.floor(place) + 1)]];
      return low + (place - Math.floor(place)) * (high - low);
    });
    expect(share).toBeGreaterThan(0.1);
    expect(share).toBeLessThan(0.9);
    expect(ap!.low).toBeCloseTo(expected[0], 4);
    expect(ap!.high).toBeCloseTo(expected[1], 4);
  });

  it("gives the same interval for the same seed, and holds the number itself", () => {
    const input = randomCase(1);
    const matches = matchesOf(input);
    const whole = evaluateCoco(input.groundTruths, input.detections, input.classes);
    const first = bootstrapIntervals(matches, input.groundTruths.length);
    expect(bootstrapIntervals(matches, input.groundTruths.length)).toEqual(first);
    expect(bootstrapIntervals(matches, input.groundTruths.length, { seed: 1 })).not.toEqual(first);
    expect(first.ap50!.low).toBeLessThan(whole.ap50!);
    expect(first.ap50!.high).toBeGreaterThan(whole.ap50!);
  });

  it("covers the true value in about 95 of 100 sets", () => {
    // Each image has one object, found with certainty 0.7 and no false positive: AP50 is the share found.
    const random = createRandom("coverage");
    let covered = 0;
    for (let set = 0; set < 100; set++) {
      const truths = Array.from({ length: 100 }, (_, i) => ({
        id: String(i),
        boxes: Float64Array.of(0, 0, 9, 9),
        labels: Int32Array.of(0),
        difficult: Uint8Array.of(0),
      }));
      const found = truths
        .filter(() => random() < 0.7)
        .map(({ id, boxes, labels }) => ({ id, boxes, labels, scores: Float64Array.of(1) }));
      const { ap50 } = bootstrapIntervals(matchCoco(truths, found, ["a"]), 100, { resamples: 200 });
      if (ap50!.low <= 0.7 && ap50!.high >= 0.7) covered++;
    }
    expect(covered / 100).toBeGreaterThan(0.9);
    expect(covered / 100).toBeLessThan(1);
  });

  it("has no interval without objects", () => {
    const images = [
      { id: "1", boxes: new Float64Array(), labels: new Int32Array(), difficult: new Uint8Array() },
    ];
    const matches = matchCoco(images, [], ["a"]);
    expect(bootstrapIntervals(matches, 1)).toEqual({ ap50: null, ap: null });
    expect(comparePaired(matches, matches, 1)).toEqual({ ap50: null, ap: null });
    expect(bootstrapIntervals(matchCoco([], [], []), 0)).toEqual({ ap50: null, ap: null });
  });
});

describe("comparePaired", () => {
  const truths = Array.from({ length: 60 }, (_, i) => ({
    id: String(i),
    boxes: Float64Array.of(0, 0, 9, 9),
    labels: Int32Array.of(0),
    difficult: Uint8Array.of(0),
  }));
  /** Finds the objects of the images for which `finds` is true. */
  const system = (finds: (i: number) => boolean) => {
    const found = truths
      .filter((_, i) => finds(i))
      .map(({ id, boxes, labels }) => ({ id, boxes, labels, scores: Float64Array.of(1) }));
    return matchCoco(truths, found, ["a"]);
  };

  it("is not decided for a detector and itself, nor for two that are as good", () => {
    const half = system((i) => i % 2 === 0);
    const same = comparePaired(half, half, 60);
    expect(same.ap50).toEqual({ difference: 0, interval: { low: 0, high: 0 }, decided: false });
    const other = comparePaired(
      half,
      system((i) => i % 2 === 1),
      60,
    );
    expect(other.ap50!.decided).toBe(false);
    expect(formatComparisons(other)).toMatch(/^AP50 .* to .*not significant$/m);
  });

  it("is decided where the same images are found and more, which two intervals would not decide", () => {
    const fewer = system((i) => i % 2 === 0);
    const more = system((i) => i % 2 === 0 || i % 10 === 1);
    const { ap50 } = comparePaired(fewer, more, 60);
    expect(ap50).toMatchObject({ decided: true });
    expect(ap50!.difference).toBeCloseTo(0.1, 1);
    const [a, b] = [fewer, more].map((one) => bootstrapIntervals(one, 60).ap50!);
    expect(b.low).toBeLessThan(a.high);
    expect(formatComparisons(comparePaired(fewer, more, 60))).toMatch(/B is better$/m);
    expect(formatComparisons(comparePaired(more, fewer, 60))).toMatch(/A is better$/m);
  });
});
