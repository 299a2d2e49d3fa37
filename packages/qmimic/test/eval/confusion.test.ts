import { describe, expect, it } from "vitest";
import { confusionMatrix } from "../../src/eval/confusion.js";
import type { ImageDetections, ImageGroundTruth } from "../../src/eval/types.js";
import { evaluateVoc } from "../../src/eval/voc.js";
import { randomCase } from "./randomCase.js";

const A = [0, 0, 10, 10];
const B = [20, 0, 30, 10];
const truth = (boxes: number[][], labels: number[], difficult = labels.map(() => 0)): ImageGroundTruth => ({
  id: "1",
  boxes: Float64Array.from(boxes.flat()),
  labels: Int32Array.from(labels),
  difficult: Uint8Array.from(difficult),
});
const found = (
  boxes: number[][],
  labels: number[],
  scores = labels.map((_, i) => 1 - i / 10),
): ImageDetections => ({
  id: "1",
  boxes: Float64Array.from(boxes.flat()),
  labels: Int32Array.from(labels),
  scores: Float64Array.from(scores),
});
const matrixOf = (truths: ImageGroundTruth, detections: ImageDetections, thresholds = [0, 0]) =>
  confusionMatrix([truths], [detections], { thresholds });

describe("confusionMatrix", () => {
  it("counts as many hits as VOC's matching: a second detection of an object is not of its neighbour", () => {
    const close = [2, 0, 12, 10];
    const twice = found([A, [0.5, 0, 10.5, 10]], [0, 0]);
    expect(matrixOf(truth([A, close], [0, 0]), twice, [0])).toEqual([
      [1, 1],
      [1, 0],
    ]);
  });

  it("counts what is found, taken for another class, missed, and nothing there", () => {
    expect(matrixOf(truth([A], [0]), found([A], [0]))).toEqual([
      [1, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(matrixOf(truth([A], [0]), found([A], [1]))).toEqual([
      [0, 1, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(matrixOf(truth([A], [1]), found([B], [0]))).toEqual([
      [0, 0, 0],
      [0, 0, 1],
      [1, 0, 0],
    ]);
  });

  it("gives an object to its own class first, though another has the better score", () => {
    expect(matrixOf(truth([A], [0]), found([A, A], [1, 0]))).toEqual([
      [1, 0, 0],
      [0, 0, 0],
      [0, 1, 0],
    ]);
  });

  it("counts a second detection as one of nothing, and leaves out those below the threshold of their class", () => {
    const twice = found([A, A], [0, 0], [0.9, 0.4]);
    expect(matrixOf(truth([A], [0]), twice)).toEqual([
      [1, 0, 0],
      [0, 0, 0],
      [1, 0, 0],
    ]);
    expect(matrixOf(truth([A], [0]), twice, [0.5, 0])).toEqual([
      [1, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(matrixOf(truth([A], [0]), twice, [0.95, 0])).toEqual([
      [0, 0, 1],
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  it("leaves difficult objects out, found or not", () => {
    expect(matrixOf(truth([A, B], [0, 0], [1, 1]), found([A], [0])).flat()).toEqual(new Array(9).fill(0));
  });

  it("pairs what is left across classes by the largest IoU", () => {
    const near = [0, 0, 10, 8];
    expect(matrixOf(truth([A], [0]), found([near, A], [1, 1]))).toEqual([
      [0, 1, 0],
      [0, 0, 0],
      [0, 1, 0],
    ]);
  });

  it("has precision and recall of VOC's protocol in its diagonal, columns and rows", () => {
    for (let round = 0; round < 30; round++) {
      const { groundTruths, detections, classes } = randomCase(round);
      for (const iou of [0.5, 0.75]) {
        const { classes: results } = evaluateVoc(groundTruths, detections, { classes, iouThreshold: iou });
        const thresholds = results.map(({ bestF1 }) => bestF1?.threshold ?? 2);
        const matrix = confusionMatrix(groundTruths, detections, { thresholds, iou });
        results.forEach(({ bestF1, positives }, label) => {
          const row = matrix[label].reduce((sum, count) => sum + count, 0);
          const column = matrix.reduce((sum, counts) => sum + counts[label], 0);
          expect(row).toBe(positives);
          if (bestF1 === null) return;
          expect(matrix[label][label] / row).toBeCloseTo(bestF1.recall, 12);
          expect(matrix[label][label] / column).toBeCloseTo(bestF1.precision, 12);
        });
      }
    }
  });
});
