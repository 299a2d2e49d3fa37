import { describe, expect, it } from "vitest";
import type { Dataset, Sample } from "../../src/data/types.js";
import type { SampleDetections } from "../../src/eval/detect.js";
import { evaluate } from "../../src/eval/evaluation.js";
import { formatEvaluation } from "../../src/report/evaluationText.js";
import { choosePictures } from "../../src/report/runPictures.js";

const sample = (id: string, boxes: number[], labels: number[], difficult = labels.map(() => 0)): Sample => ({
  id,
  imagePath: `${id}.jpg`,
  width: 100,
  height: 100,
  boxes: Float32Array.from(boxes),
  labels: Int32Array.from(labels),
  difficult: Uint8Array.from(difficult),
});

const found = (id: string, boxes: number[], labels: number[], scores: number[]): SampleDetections => ({
  id,
  boxes: Float32Array.from(boxes),
  labels: Int32Array.from(labels),
  scores: Float32Array.from(scores),
});

const [A, B, C] = [
  [0, 0, 20, 20],
  [30, 30, 60, 60],
  [70, 70, 90, 90],
];

describe("evaluate", () => {
  const dataset: Dataset = {
    root: "",
    split: "val",
    classes: ["cat", "dog", "cow"],
    samples: [sample("1", [...A, ...B], [1, 2]), sample("2", [...A, ...C], [1, 1], [0, 1])],
  };
  const detections = [
    found("1", [...A, ...B, ...C], [1, 2, 2], [0.9, 0.8, 0.95]),
    found("2", [...C, ...B], [1, 1], [0.7, 0.1]),
  ];
  const result = evaluate(dataset, detections);

  it("takes means over the classes with objects, difficult ones apart", () => {
    const [cat, dog, cow] = result.classes;
    expect(cat).toMatchObject({ name: "cat", ap: 0.5, objects: 2, difficult: 1, detections: 3 });
    expect(dog).toMatchObject({ name: "dog", ap: 0.5, objects: 1, difficult: 0, detections: 2 });
    expect(cow).toMatchObject({ name: "cow", ap: null, ap11: null, objects: 0, bestF1: null });
    expect(result).toMatchObject({
      mAP: 0.5,
      mAP50: 0.5,
      objects: 3,
      difficult: 1,
      detections: 5,
      images: 2,
    });
    // All boxes fit exactly: the same at every IoU.
    expect(result.mAP50to95).toBeCloseTo(0.5, 12);
  });

  it("has each class's curve at 101 recalls, and what is taken for what", () => {
    const [cat, dog, cow] = result.classes;
    expect(cat.curve).toEqual(Array.from({ length: 101 }, (_, k) => (k <= 50 ? 1 : 0)));
    expect(dog.curve).toEqual(new Array(101).fill(0.5));
    expect(cow.curve).toBeNull();
    // At .9 and .8: one cat of two, the dog, and a dog where nothing is.
    expect(result.confusion.thresholds.map((one) => Math.round(10 * one))).toEqual([9, 8, 5]);
    expect(result.confusion.matrix).toEqual([
      [1, 0, 0, 1],
      [0, 1, 0, 0],
      [0, 0, 0, 0],
      [0, 1, 0, 0],
    ]);
  });

  it("has one threshold for all classes", () => {
    // In order: .95 dog wrong, .9 cat right, .8 dog right, (.7 difficult, ignored), .1 cat wrong; 3 objects.
    expect(result.bestF1?.threshold).toBeCloseTo(0.8, 6);
    expect(result.bestF1?.precision).toBeCloseTo(2 / 3, 12);
    expect(result.bestF1?.recall).toBeCloseTo(2 / 3, 12);
  });

  it("has COCO's numbers beside VOC's, difficult objects as crowds", () => {
    // 51 of the 101 recalls are at most a half.
    expect(result.coco.classes[0]).toMatchObject({ ap50: 51 / 101, objects: 2, crowds: 1 });
    expect(result.coco.classes[1]).toMatchObject({ ap50: 0.5, objects: 1 });
    expect(result.coco).toMatchObject({ apMedium: null, apLarge: null });
    expect(result.coco.apSmall).toBe(result.coco.ap);
    expect(result.mAP75).toBe(0.5);
  });

  it("counts the last pixel when asked to, for VOC alone", () => {
    const set = { ...dataset, classes: ["cat"], samples: [sample("1", [1, 1, 10, 10], [1])] };
    const half = [found("1", [1, 1, 10, 5], [1], [1])];
    const at = (pixelInclusive: boolean) => evaluate(set, half, { pixelInclusive });
    expect(at(true)).toMatchObject({ mAP50: 1, coco: { ap50: 0 } });
    expect(at(false)).toMatchObject({ mAP50: 0, coco: { ap50: 0 } });
    expect(formatEvaluation(at(true))).toMatch(/^VOC, all points, including last pixel +100\.0/m);
  });

  it("has the IoU asked for beside the usual ones", () => {
    const text = formatEvaluation(evaluate(dataset, detections, { iou: 0.6 }));
    expect(text).toMatch(/^mean AP .* large +AP60$/m);
    expect(text).toMatch(/^VOC, all points .*- +50\.0$/m);
    expect(text).toMatch(/^class .* VOC AP60 /m);
  });

  it("is a table for people", () => {
    const text = formatEvaluation(result);
    expect(text).toMatch(/^class +objects +difficult +found +VOC AP50 +AP50 +AP75 +AP50:95 +precision/m);
    expect(text).toMatch(/^cat +2 +1 +3 +50\.0 +50\.5 +50\.5 +50\.5 /m);
    expect(text).toMatch(/^cow +0 +0 +0 +- +- +- +- +- +- +-$/m);
    expect(text).toMatch(/^all +3 +1 +5 +50\.0 +50\.2 +50\.2 +50\.2 /m);
    expect(text).toMatch(/^COCO, 101 points +50\.2 +50\.2 +50\.2 +50\.2 +- +-$/m);
    expect(text).toMatch(/^VOC, all points +50\.0 +50\.0 +50\.0 +- +- +-$/m);
    expect(text).toMatch(/^VOC, 11 points +52\.3 +52\.3 +52\.3 +- +- +-$/m);
    expect(text).not.toMatch(/interval/);
  });
});

describe("choosePictures", () => {
  it("takes the hardest for one half and others for the other, the same ones each time", () => {
    const mistakes = [0, 3, 0, 0, 9, 1, 0, 0];
    const chosen = choosePictures(mistakes, 4);
    expect(chosen.slice(2)).toEqual([4, 1]);
    expect(new Set(chosen).size).toBe(4);
    expect(choosePictures(mistakes, 4)).toEqual(chosen);
  });

  it("has no hardest where all is right, and takes all there are", () => {
    expect(choosePictures([0, 0, 0], 12)).toEqual([0, 1, 2]);
    expect(choosePictures([], 12)).toEqual([]);
  });
});
