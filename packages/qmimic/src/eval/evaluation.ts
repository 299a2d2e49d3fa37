// Everything that `qmimic val` reports for a set of detections: COCO and VOC metrics, precision and recall.
import type { Dataset } from "../data/types.js";
import { type CocoResult, evaluateCoco } from "./coco.js";
import { confusionMatrix } from "./confusion.js";
import { evaluationInputs, type SampleDetections } from "./detect.js";
import { type BestF1, bestF1, precisionEnvelope, precisionRecall } from "./precisionRecall.js";
import { descending } from "./ranking.js";
import { countDifficult, orNull } from "./tally.js";
import { evaluateVoc, evaluateVocRange, type VocClassResult } from "./voc.js";

/** Numbers from 0 to 1; null without objects to find. */
export interface ClassEvaluation {
  name: string;
  /** VOC at the given IoU, all points (VOC 2010 and later). */
  ap: number | null;
  /** The same with 11 points (VOC 2007). */
  ap11: number | null;
  /** Mean over IoU 0.5, 0.55, ... 0.95, with VOC's matching, all points. */
  ap50to95: number | null;
  /** Objects that count, difficult objects, and detections (at any score). */
  objects: number;
  difficult: number;
  detections: number;
  /** At the score threshold with the largest F1 of this class. */
  bestF1: BestF1 | null;
  /** [101] maximum precision at recall >= 0, 0.01, ... 1; null without objects. */
  curve: number[] | null;
}

export interface Confusion {
  /** One per class, in label order: the score with the best F1, 0.5 if nothing is found. */
  thresholds: number[];
  /** @see confusionMatrix */
  matrix: number[][];
}

export interface Evaluation {
  /** IoU of mAP, mAP11, precision and recall. */
  iou: number;
  /** Whether boxes include their last pixel in VOC's numbers. In COCO's they never do. */
  pixelInclusive: boolean;
  images: number;
  /** VOC's protocol, means over the classes with objects: all points, or 11 points (mAP11). */
  mAP: number | null;
  mAP11: number | null;
  mAP50: number | null;
  mAP50At11: number | null;
  mAP75: number | null;
  mAP75At11: number | null;
  mAP50to95: number | null;
  mAP50to95At11: number | null;
  objects: number;
  difficult: number;
  detections: number;
  /** At the one score threshold for all classes with the largest F1. */
  bestF1: BestF1 | null;
  classes: ClassEvaluation[];
  /** At the same IoU. */
  confusion: Confusion;
  /** COCO's protocol; difficult objects are its crowds. */
  coco: CocoResult;
}

export interface EvaluateOptions {
  /** Minimum IoU for a detection to match an object (VOC). Default 0.5. */
  iou?: number;
  /** Boxes include their last pixel, as in VOC's devkit. Default false: coordinates are edges. */
  pixelInclusive?: boolean;
}

/** Index of 0.75 among the thresholds 0.5, 0.55, ... 0.95. */
const AT_75 = 5;

/**
 * Scores detections by the protocols of VOC and COCO.
 * @param found one entry per image of `dataset`, in its order: boxes xyxy in pixels of the image, labels from 1
 * @throws Error if an entry is missing or for another image; RangeError for an IoU outside (0, 1]
 */
export function evaluate(
  dataset: Dataset,
  found: readonly SampleDetections[],
  { iou = 0.5, pixelInclusive = false }: EvaluateOptions = {},
): Evaluation {
  const { groundTruths, detections } = evaluationInputs(dataset, found);
  const { classes } = dataset;
  const by = (interpolation: "all-point" | "11-point") => {
    const options = { classes, interpolation, pixelInclusive };
    return {
      at: evaluateVoc(groundTruths, detections, { ...options, iouThreshold: iou }),
      range: evaluateVocRange(groundTruths, detections, options),
    };
  };
  const [main, eleven] = [by("all-point"), by("11-point")];
  const difficult = countDifficult(groundTruths, classes.length);
  const thresholds = main.at.classes.map(({ bestF1 }) => bestF1?.threshold ?? 0.5);
  const total = (pick: (result: VocClassResult) => number) =>
    main.at.classes.reduce((sum, result) => sum + pick(result), 0);
  return {
    iou,
    pixelInclusive,
    images: dataset.samples.length,
    mAP: orNull(main.at.mAP),
    mAP11: orNull(eleven.at.mAP),
    mAP50: orNull(main.range.mAPs[0]),
    mAP50At11: orNull(eleven.range.mAPs[0]),
    mAP75: orNull(main.range.mAPs[AT_75]),
    mAP75At11: orNull(eleven.range.mAPs[AT_75]),
    mAP50to95: orNull(main.range.mAP),
    mAP50to95At11: orNull(eleven.range.mAP),
    objects: total((result) => result.positives),
    difficult: difficult.reduce((sum, count) => sum + count, 0),
    detections: total((result) => result.detections),
    bestF1: jointBestF1(main.at.classes),
    classes: main.at.classes.map((result, label) => ({
      name: result.name,
      ap: orNull(result.ap),
      ap11: orNull(eleven.at.classes[label].ap),
      ap50to95: orNull(main.range.classAps[label]),
      objects: result.positives,
      difficult: difficult[label],
      detections: result.detections,
      bestF1: result.bestF1,
      curve: result.positives === 0 ? null : precisionEnvelope(result, 0.01),
    })),
    confusion: {
      thresholds,
      matrix: confusionMatrix(groundTruths, detections, { thresholds, iou, pixelInclusive }),
    },
    coco: evaluateCoco(groundTruths, detections, classes),
  };
}

/** The ranked lists of all classes merged: a user sets one threshold for all. */
export function jointBestF1(classes: readonly VocClassResult[]): BestF1 | null {
  const scores: number[] = [];
  const hits: number[] = [];
  for (const result of classes) {
    let before = 0;
    result.precision.forEach((precision, i) => {
      const found = Math.round(precision * (i + 1));
      scores.push(result.scores[i]);
      hits.push(found - before);
      before = found;
    });
  }
  const order = descending(scores);
  const positives = classes.reduce((sum, result) => sum + result.positives, 0);
  return bestF1(
    precisionRecall(
      Uint8Array.from(order, (i) => hits[i]),
      positives,
    ),
    Float64Array.from(order, (i) => scores[i]),
  );
}

/** The score with the best F1 per class, a threshold for showing its detections; null if it finds nothing. */
export const bestThresholds = ({ classes }: Evaluation): (number | null)[] =>
  classes.map(({ bestF1 }) => bestF1?.threshold ?? null);
