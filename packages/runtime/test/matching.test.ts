import { describe, expect, it } from "vitest";
import { BELOW_LOW, BETWEEN, iou, matchAnchors, samplePositivesNegatives } from "../src/index.js";
import { geometry, randomBoxes, randomNumbers } from "./fixture.js";

describe("matchAnchors", () => {
  const anchors = Float32Array.from(geometry.matcher.anchors);
  geometry.matcher.cases.forEach(({ groundTruth, results }, index) => {
    for (const { matches, ...options } of results) {
      it(`equals torchvision's Matcher: case ${index}, ${JSON.stringify(options)}`, () => {
        expect([...matchAnchors(anchors, Float32Array.from(groundTruth), options)]).toEqual(matches);
      });
    }
  });

  it("equals the definition on unordered proposals", () => {
    const rng = randomNumbers(5);
    const proposals = randomBoxes(700, 100, rng);
    const truth = randomBoxes(12, 100, rng);
    const expected = Array.from({ length: 700 }, (_, i) => {
      const overlaps = Array.from({ length: 12 }, (_, g) => iou(truth, g, proposals, i));
      const highest = Math.max(...overlaps);
      return highest >= 0.5 ? overlaps.indexOf(highest) : highest < Math.fround(0.3) ? BELOW_LOW : BETWEEN;
    });
    expect([...matchAnchors(proposals, truth, { high: 0.5, low: 0.3, allowLowQuality: false })]).toEqual(
      expected,
    );
  });

  it("matches nothing without ground truth, or if no anchor overlaps it", () => {
    const options = { high: 0.7, low: 0.3, allowLowQuality: true };
    const two = Float32Array.of(0, 0, 8, 8, 8, 8, 16, 16);
    expect([...matchAnchors(two, new Float32Array(0), options)]).toEqual([BELOW_LOW, BELOW_LOW]);
    expect([...matchAnchors(two, Float32Array.of(90, 90, 99, 99), options)]).toEqual([BELOW_LOW, BELOW_LOW]);
    expect([...matchAnchors(two, Float32Array.of(7, 7, 7, 7), options)]).toEqual([BELOW_LOW, BELOW_LOW]);
    expect(matchAnchors(new Float32Array(0), two, options).length).toBe(0);
  });

  it("rejects thresholds in the wrong order", () => {
    expect(() => matchAnchors(anchors, anchors, { high: 0.3, low: 0.7, allowLowQuality: false })).toThrow(
      /low 0.7 is above high 0.3/,
    );
  });
});

describe("samplePositivesNegatives", () => {
  const matchesOf = (labels: number[]) => Int32Array.from(labels, (label) => label - 1);

  for (const { labels, positives, negatives, ...options } of geometry.sampler) {
    it(`picks as many as torchvision: ${options.count} of ${labels.length}`, () => {
      const matches = matchesOf(labels);
      const { positive, negative } = samplePositivesNegatives(matches, options, randomNumbers(6));
      expect([positive.length, negative.length]).toEqual([positives, negatives]);
      expect([...positive].every((i) => labels[i] >= 1)).toBe(true);
      expect([...negative].every((i) => labels[i] === 0)).toBe(true);
      for (const indices of [positive, negative]) {
        expect([...indices]).toEqual([...new Set(indices)].sort((a, b) => a - b));
      }
    });
  }

  it("is uniform, and reproducible for the same random numbers", () => {
    const matches = new Int32Array(20).fill(-1);
    const seen = new Int32Array(20);
    const rng = randomNumbers(8);
    for (let round = 0; round < 8000; round++) {
      const { negative } = samplePositivesNegatives(matches, { count: 5, positiveFraction: 0.5 }, rng);
      for (const i of negative) seen[i]++;
    }
    // Binomial(8000, 1/4): mean 2000, standard deviation 39.
    for (const times of seen) expect(Math.abs(times - 2000)).toBeLessThan(200);
    const once = samplePositivesNegatives(matches, { count: 5, positiveFraction: 0.5 }, randomNumbers(9));
    const again = samplePositivesNegatives(matches, { count: 5, positiveFraction: 0.5 }, randomNumbers(9));
    expect(once).toEqual(again);
  });
});
