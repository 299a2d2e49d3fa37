import { describe, expect, it } from "vitest";
import { iou, voteBoxes } from "../src/index.js";
import { crowdedBoxes, randomNumbers } from "./fixture.js";

describe("voteBoxes", () => {
  // Two boxes of label 1 with IoU 0.6, the same two with label 2, and one of label 1 far away.
  const boxes = Float32Array.of(...[0, 0, 8, 10], ...[2, 0, 10, 10], ...[0, 0, 8, 10], ...[50, 50, 60, 60]);
  const scores = Float32Array.of(0.75, 0.25, 0.5, 0.125);
  const labels = Int32Array.of(1, 1, 2, 1);
  const found = { boxes, scores, labels };

  it("moves a survivor to the score-weighted mean of its label's overlapping boxes", () => {
    const voted = voteBoxes(found, Int32Array.of(0, 2, 3), 0.6);
    expect([...voted]).toEqual([0.5, 0, 8.5, 10, 0, 0, 8, 10, 50, 50, 60, 60]);
  });

  it("does not move boxes without enough overlap", () => {
    const kept = Int32Array.of(0, 2, 3);
    expect([...voteBoxes(found, kept, 0.61)]).toEqual([0, 0, 8, 10, 0, 0, 8, 10, 50, 50, 60, 60]);
    expect([...voteBoxes(found, kept, 1)]).toEqual([0, 0, 8, 10, 0, 0, 8, 10, 50, 50, 60, 60]);
  });

  it("equals the definition on random boxes of many sizes", () => {
    const rng = randomNumbers(4);
    for (let round = 0; round < 20; round++) {
      const some = crowdedBoxes(100, rng);
      const count = some.length / 4;
      const points = Float32Array.from({ length: count }, rng);
      const classes = Int32Array.from({ length: count }, () => Math.floor(rng() * 2));
      const kept = Int32Array.from({ length: count }, (_, i) => i);
      for (const threshold of [0, 0.05, 0.3, 0.6, 0.9, 1]) {
        const voted = voteBoxes({ boxes: some, scores: points, labels: classes }, kept, threshold);
        kept.forEach((k) => {
          const voters = [...kept].filter(
            (i) => i === k || (classes[i] === classes[k] && iou(some, i, some, k) >= threshold),
          );
          const total = voters.reduce((sum, i) => sum + points[i], 0);
          for (let c = 0; c < 4; c++) {
            const mean = voters.reduce((sum, i) => sum + points[i] * some[4 * i + c], 0) / total;
            expect(Math.abs(voted[4 * k + c] - mean)).toBeLessThanOrEqual(1e-6 * Math.abs(mean));
          }
        });
      }
    }
  });

  it("keeps boxes without area or score", () => {
    const flat = Float32Array.of(5, 5, 5, 9);
    const one = { boxes: flat, scores: Float32Array.of(0), labels: Int32Array.of(1) };
    expect([...voteBoxes(one, Int32Array.of(0), 0)]).toEqual([5, 5, 5, 9]);
    const none = { boxes: new Float32Array(0), scores: new Float32Array(0), labels: new Int32Array(0) };
    expect(voteBoxes(none, new Int32Array(0), 0.5)).toHaveLength(0);
  });

  it("names mismatched lengths and an invalid threshold", () => {
    const none = new Int32Array(0);
    expect(() => voteBoxes({ ...found, scores: scores.subarray(1) }, none, 0.5)).toThrow(
      "3 scores and 4 labels for 4 boxes",
    );
    expect(() => voteBoxes(found, none, 1.5)).toThrow("IoU threshold 1.5");
  });
});
