import { describe, expect, it } from "vitest";
import type { ImageDetections, ImageGroundTruth } from "../../src/eval/types.js";
import { evaluateVoc, evaluateVocRange } from "../../src/eval/voc.js";
import { slowAveragePrecision } from "./slowVoc.js";

function truth(id: string, boxes: number[], labels: number[], difficult?: number[]): ImageGroundTruth {
  return {
    id,
    boxes: Float32Array.from(boxes),
    labels: Int32Array.from(labels),
    difficult: Uint8Array.from(difficult ?? labels.map(() => 0)),
  };
}

function found(id: string, boxes: number[], scores: number[], labels?: number[]): ImageDetections {
  return {
    id,
    boxes: Float32Array.from(boxes),
    scores: Float32Array.from(scores),
    labels: Int32Array.from(labels ?? scores.map(() => 0)),
  };
}

describe("evaluateVoc", () => {
  const classes = ["cell"];
  // Three objects and a difficult one.
  const truths = [
    truth("1", [0, 0, 10, 10, 20, 0, 30, 10, 40, 0, 50, 10], [0, 0, 0], [0, 0, 1]),
    truth("2", [0, 0, 10, 10], [0]),
  ];
  // In descending score: found; found again; difficult, twice; found with IoU 0.5 exactly; nothing there.
  const detections = [
    found(
      "1",
      [0, 0, 10, 10, 0, 0, 10, 8, 40, 0, 50, 10, 40, 0, 50, 10, 60, 60, 70, 70],
      [0.9, 0.8, 0.7, 0.65, 0.5],
    ),
    found("2", [0, 0, 10, 5], [0.6]),
  ];

  it("counts hits, doubles, difficult objects and misses", () => {
    const { mAP, classes: results } = evaluateVoc(truths, detections, { classes });
    const [result] = results;
    expect(result).toMatchObject({
      label: 0,
      name: "cell",
      positives: 3,
      detections: 6,
      tp: 2,
      fp: 2,
      ignored: 2,
    });
    expect([...result.precision]).toEqual([1, 1 / 2, 2 / 3, 2 / 4]);
    expect([...result.recall]).toEqual([1 / 3, 1 / 3, 2 / 3, 2 / 3]);
    expect([...result.scores]).toEqual([...Float32Array.of(0.9, 0.8, 0.6, 0.5)]);
    expect(result.ap).toBeCloseTo((1 / 3) * 1 + (1 / 3) * (2 / 3), 12);
    expect(mAP).toBe(result.ap);
    expect(result.bestF1).toEqual({
      f1: 2 / 3,
      threshold: Math.fround(0.6),
      precision: 2 / 3,
      recall: 2 / 3,
    });
  });

  it("interpolates at eleven points", () => {
    const { mAP } = evaluateVoc(truths, detections, { classes, interpolation: "11-point" });
    expect(mAP).toBeCloseTo((4 * 1 + 3 * (2 / 3)) / 11, 12);
  });

  it("does not reach recall 0.6 with 9 of 15, as numpy's thresholds have it", () => {
    const images = Array.from({ length: 15 }, (_, i) => truth(String(i), [0, 0, 9, 9], [0]));
    const hits = Array.from({ length: 9 }, (_, i) => found(String(i), [0, 0, 9, 9], [1 - i / 20]));
    const { mAP } = evaluateVoc(images, hits, { classes, interpolation: "11-point" });
    expect(mAP).toBeCloseTo(6 / 11, 12);
  });

  it("takes the nearest object even when that is taken and another would do", () => {
    const { classes: results } = evaluateVoc(
      [truth("1", [0, 0, 10, 10, 4, 0, 14, 10], [0, 0])],
      [found("1", [0, 0, 10, 10, 1, 0, 11, 10], [0.9, 0.8])],
      { classes },
    );
    expect(results[0]).toMatchObject({ tp: 1, fp: 1 });
  });

  it("counts the last pixel of a box when asked to", () => {
    const one = [truth("1", [1, 1, 10, 10], [0])];
    const half = [found("1", [1, 1, 10, 5], [1])];
    expect(evaluateVoc(one, half, { classes, pixelInclusive: true }).mAP).toBe(1);
    expect(evaluateVoc(one, half, { classes }).mAP).toBe(0);
  });

  it("keeps equal scores in the order given, and gives them one threshold", () => {
    const images = [truth("1", [0, 0, 9, 9], [0])];
    const wrong = [20, 20, 29, 29];
    const first = evaluateVoc(images, [found("1", [0, 0, 9, 9, ...wrong], [0.5, 0.5])], { classes });
    const second = evaluateVoc(images, [found("1", [...wrong, 0, 0, 9, 9], [0.5, 0.5])], { classes });
    expect([first.mAP, second.mAP]).toEqual([1, 0.5]);
    expect(first.classes[0].bestF1).toEqual(second.classes[0].bestF1);
    expect(first.classes[0].bestF1).toMatchObject({ precision: 0.5, recall: 1, threshold: 0.5 });
  });

  it("leaves classes without positives out of the mean", () => {
    const { mAP, classes: results } = evaluateVoc(
      [truth("1", [0, 0, 9, 9, 20, 20, 29, 29, 40, 40, 49, 49], [0, 1, 3], [0, 1, 0])],
      [found("1", [0, 0, 9, 9, 0, 0, 9, 9], [0.5, 0.4], [0, 2])],
      { classes: ["seen", "difficult", "absent", "missed"] },
    );
    expect(results.map((r) => r.ap)).toEqual([1, Number.NaN, Number.NaN, 0]);
    expect(mAP).toBe(0.5);
    expect(results.map((r) => r.bestF1?.f1 ?? null)).toEqual([1, null, null, null]);
    expect(evaluateVoc([], [], { classes: ["seen"] }).mAP).toBeNaN();
  });

  it("equals the protocol's definition on random boxes", () => {
    let state = 1;
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 4294967296;
    };
    const names = ["a", "b", "c"];
    for (let round = 0; round < 20; round++) {
      const groundTruths = Array.from({ length: 6 }, (_, i) => {
        const labels = Array.from({ length: Math.floor(random() * 6) }, () => Math.floor(random() * 3));
        const boxes = labels.flatMap(() => {
          const [x, y] = [Math.floor(random() * 30), Math.floor(random() * 30)];
          return [x, y, x + 5 + Math.floor(random() * 20), y + 5 + Math.floor(random() * 20)];
        });
        const difficult = labels.map(() => (random() < 0.2 ? 1 : 0));
        return truth(String(i), boxes, labels, difficult);
      });
      const guesses = groundTruths.map((image) => {
        const boxes = [...image.boxes, ...image.boxes].map((c) => c + Math.floor(random() * 7) - 3);
        const labels = [...image.labels, ...image.labels].map((l) => (random() < 0.8 ? l : (l + 1) % 3));
        const scores = labels.map(() => Math.floor(random() * 10) / 10);
        return found(image.id, boxes, scores, labels);
      });
      for (const pixelInclusive of [true, false]) {
        for (const iouThreshold of [0.3, 0.5, 0.75]) {
          const { classes: results } = evaluateVoc(groundTruths, guesses, {
            classes: names,
            iouThreshold,
            pixelInclusive,
          });
          for (const { label, ap } of results) {
            const input = { classes: names, groundTruths, detections: guesses };
            const expected = slowAveragePrecision(input, label, iouThreshold, pixelInclusive ? 1 : 0);
            if (Number.isNaN(expected)) expect(ap).toBeNaN();
            else expect(ap).toBeCloseTo(expected, 12);
          }
        }
      }
    }
  });

  it("averages over IoU thresholds", () => {
    // IoU 0.8: a hit at 0.5, 0.55, ... 0.8, seven of ten.
    const images = [truth("1", [0, 0, 10, 10], [0])];
    const result = evaluateVocRange(images, [found("1", [0, 0, 10, 8], [1])], { classes });
    expect(result.iouThresholds).toEqual([0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]);
    expect(result.mAPs).toEqual([1, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
    expect(result.mAP).toBeCloseTo(0.7, 12);
    expect(result.classAps[0]).toBeCloseTo(0.7, 12);
  });

  it("refuses what does not belong together, by name", () => {
    const run = (t: ImageGroundTruth[], d: ImageDetections[], iouThreshold = 0.5) =>
      evaluateVoc(t, d, { classes, iouThreshold });
    const one = truth("1", [0, 0, 9, 9], [0]);
    expect(() => run([one], [found("2", [], [])])).toThrow(/image "2": no such image/);
    expect(() => run([one], [found("1", [], []), found("1", [], [])])).toThrow(/"1": the id appears twice/);
    expect(() => run([one, one], [])).toThrow(/ground truth of image "1": the id appears twice/);
    expect(() => run([one], [found("1", [0, 0, 9, 9], [1], [1])])).toThrow(/label 1 of box 0; expected 0..0/);
    expect(() => run([truth("1", [0, 0, 9, 9], [-1])], [])).toThrow(/label -1/);
    expect(() => run([one], [found("1", [0, 0, 9], [1])])).toThrow(/3 box coordinates, expected 4/);
    expect(() => run([one], [found("1", [0, 0, 9, 9], [Number.NaN])])).toThrow(/score 0 is NaN/);
    expect(() => run([truth("1", [0, 0, 9, Number.POSITIVE_INFINITY], [0])], [])).toThrow(
      /coordinate 3 is Infinity/,
    );
    expect(() => run([truth("1", [0, 0, 9, 9], [0], [])], [])).toThrow(/0 difficult, expected 1/);
    expect(() => run([one], [], 0)).toThrow(/threshold 0;/);
  });
});
