// Values that other evaluators give for the same files; see ../shared/data/eval-reference/NOTICE.txt.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { evaluateVoc, type VocOptions } from "../../src/eval/voc.js";
import {
  haveShared,
  idsOf,
  readCocoCase,
  readTextFolder,
  readVocFolder,
  shared,
  toCase,
} from "./sharedData.js";
import { slowAveragePrecision } from "./slowVoc.js";

const reference = join(shared, "eval-reference");

// biome-ignore format: a table
const VOC_CLASSES = [
  "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
  "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
];

// IoU 0.5, pixel-inclusive; computed once in numpy after voc_eval.py of py-faster-rcnn (which follows the devkit), with
// its overlap test as >= as in VOCevaldet.m.
// biome-ignore format: a table
const VOC_SAMPLE_APS = {
  "all-point": [
    0.8407738095, 0.86, 0.4735449735, 0.4090909091, 0.483974359, 0.9285714286, 0.245, 1.0, 0.3394817743,
    0.7875888817, 0.25, 0.5173076923, 0.9761904762, 0.2666666667, 0.3706452629, 0.6428571429, 0.625, 0.7083333333,
    0.75, 0.8024691358,
  ],
  "11-point": [
    0.8234848485, 0.8727272727, 0.4646464646, 0.4090909091, 0.4825174825, 0.9350649351, 0.2290909091, 1.0,
    0.3341717571, 0.7716166187, 0.2424242424, 0.4853146853, 0.974025974, 0.303030303, 0.3836099531, 0.6363636364,
    0.6363636364, 0.6767676768, 0.7424242424, 0.7474747475,
  ],
};

describe.skipIf(!haveShared)("VOC protocol, other evaluators' values (skipped without shared data)", () => {
  // Both projects take boxes as pixel-inclusive (their IoU adds one to every side).
  const options = (iouThreshold: number, interpolation: NonNullable<VocOptions["interpolation"]>) => ({
    iouThreshold,
    interpolation,
    pixelInclusive: true,
  });

  it.each([
    ["11-point", 0.1, 0.3333333333],
    ["11-point", 0.3, 0.2683982683],
    ["11-point", 0.5, 0.0303030303],
    ["11-point", 0.75, 0],
    ["all-point", 0.1, 0.3371980676],
    ["all-point", 0.3, 0.2456866804],
    ["all-point", 0.5, 0.0222222222],
    ["all-point", 0.75, 0],
  ] as const)("voc_case1: %s at IoU %f is %f", (interpolation, iou, expected) => {
    const folder = join(reference, "voc_case1");
    const input = toCase(
      readTextFolder(join(folder, "gts"), { scores: false, corners: false }),
      readTextFolder(join(folder, "dets"), { scores: true, corners: false }),
      idsOf(join(folder, "gts"), ".txt"),
    );
    const { mAP } = evaluateVoc(input.groundTruths, input.detections, {
      classes: input.classes,
      ...options(iou, interpolation),
    });
    expect(Math.abs(mAP - expected)).toBeLessThan(1e-9);
  });

  it.each([
    ["11-point", 0.5, 0.8864],
    ["all-point", 0.5, 0.8958],
    ["11-point", 0.75, 0.4924],
    ["all-point", 0.75, 0.5097],
  ] as const)("toyexample: %s at IoU %f is %f", (interpolation, iou, expected) => {
    const folder = join(reference, "toyexample");
    const input = toCase(
      readVocFolder(join(folder, "gts_vocpascal_format")),
      readTextFolder(join(folder, "dets_classname_abs_xyx2y2"), { scores: true, corners: true }),
      idsOf(join(folder, "gts_vocpascal_format"), ".xml"),
    );
    const { mAP } = evaluateVoc(input.groundTruths, input.detections, {
      classes: input.classes,
      ...options(iou, interpolation),
    });
    // Four decimals are published.
    expect(Math.abs(mAP - expected)).toBeLessThan(0.5e-4 + 1e-9);
  });

  interface Expected {
    ap: number;
    precision: number[];
    recall: number[];
    num_groundtruth?: number;
    num_detection?: number;
    tp?: number;
    fp?: number;
  }

  it.each([
    ["yfpeng_sample", 1e-6],
    ["yfpeng_sample_3", 0.5e-2 + 1e-9], // two decimals are stored; the AP, with four, is checked below
  ])("%s: every class, its curve and counts", (name, tolerance) => {
    const folder = join(reference, name);
    const input = readCocoCase(folder);
    // Python's json writes NaN, which JSON does not have.
    const text = readFileSync(join(folder, "expected0_5.json"), "utf8").replaceAll(/\bNaN\b/g, "null");
    const { mAP: expectedMean, ...expected } = JSON.parse(text) as Record<string, Expected> & { mAP: number };
    const result = evaluateVoc(input.groundTruths, input.detections, {
      classes: input.classes,
      pixelInclusive: true,
    });
    expect(result.classes.map((c) => c.name).sort()).toEqual(Object.keys(expected).sort());
    for (const actual of result.classes) {
      const wanted = expected[actual.name];
      if (wanted.ap === null) expect(actual.ap).toBeNaN();
      else expect(Math.abs(actual.ap - wanted.ap)).toBeLessThan(tolerance === 1e-6 ? 1e-6 : 0.5e-4);
      for (const curve of ["precision", "recall"] as const) {
        if (wanted.ap === null && curve === "recall") continue;
        expect(actual[curve].length).toBe(wanted[curve].length);
        wanted[curve].forEach((value, i) => {
          expect(Math.abs(actual[curve][i] - value)).toBeLessThan(tolerance);
        });
      }
      if (wanted.tp !== undefined) {
        expect([actual.tp, actual.fp, actual.positives, actual.detections]).toEqual([
          wanted.tp,
          wanted.fp,
          wanted.num_groundtruth,
          wanted.num_detection,
        ]);
      }
    }
    if (expectedMean !== undefined) expect(Math.abs(result.mAP - expectedMean)).toBeLessThan(1e-6);
  });

  it("yfpeng_sample_3: AP of person at IoU 0.3", () => {
    const input = readCocoCase(join(reference, "yfpeng_sample_3"));
    const { mAP } = evaluateVoc(input.groundTruths, input.detections, {
      classes: input.classes,
      iouThreshold: 0.3,
      pixelInclusive: true,
    });
    expect(Math.abs(mAP - 0.245687)).toBeLessThan(1e-6);
  });

  it("voc-sample100: every class as the protocol's definition, difficult objects included", () => {
    const folder = join(shared, "voc-sample100");
    const input = toCase(
      readVocFolder(join(folder, "Annotations")),
      readTextFolder(join(folder, "dets_abs_xyx2y2"), { scores: true, corners: true, names: VOC_CLASSES }),
      idsOf(join(folder, "Annotations"), ".xml"),
      VOC_CLASSES,
    );
    expect(input.groundTruths.length).toBe(100);
    for (const pixelInclusive of [true, false]) {
      for (const iouThreshold of [0.3, 0.5, 0.75]) {
        const result = evaluateVoc(input.groundTruths, input.detections, {
          classes: VOC_CLASSES,
          iouThreshold,
          pixelInclusive,
        });
        for (const { label, ap } of result.classes) {
          expect(ap).toBeCloseTo(
            slowAveragePrecision(input, label, iouThreshold, pixelInclusive ? 1 : 0),
            12,
          );
        }
      }
    }
    const result = evaluateVoc(input.groundTruths, input.detections, {
      classes: VOC_CLASSES,
      pixelInclusive: true,
    });
    expect(result.classes.reduce((sum, c) => sum + c.detections, 0)).toBe(452);
    expect(result.classes.reduce((sum, c) => sum + c.ignored, 0)).toBeGreaterThan(0);
  });

  it.each(Object.entries(VOC_SAMPLE_APS))(
    "voc-sample100: %s APs as a numpy evaluator's",
    (name, expected) => {
      const folder = join(shared, "voc-sample100");
      const input = toCase(
        readVocFolder(join(folder, "Annotations")),
        readTextFolder(join(folder, "dets_abs_xyx2y2"), { scores: true, corners: true, names: VOC_CLASSES }),
        idsOf(join(folder, "Annotations"), ".xml"),
        VOC_CLASSES,
      );
      const result = evaluateVoc(input.groundTruths, input.detections, {
        classes: VOC_CLASSES,
        ...options(0.5, name as "all-point" | "11-point"),
      });
      result.classes.forEach((actual, label) => {
        expect(Math.abs(actual.ap - expected[label])).toBeLessThan(1e-9);
      });
    },
  );
});
