// Everything that `qmimic val` reports of one set of detections: AP in four forms, and precision and recall.
import type { Dataset } from "../data/types.js";
import { evaluationInputs, type SampleDetections } from "./detect.js";
import { type BestF1, bestF1, precisionRecall } from "./precisionRecall.js";
import { descending } from "./ranking.js";
import { evaluateVoc, evaluateVocRange, type VocClassResult } from "./voc.js";

/** Numbers from 0 to 1; null where there is no object to find. */
export interface ClassEvaluation {
  name: string;
  /** At the IoU asked for, all points (VOC 2010 and later). */
  ap: number | null;
  /** The same by 11 points (VOC 2007). */
  ap11: number | null;
  /** Mean over IoU 0.5, 0.55, ... 0.95, all points. */
  ap50to95: number | null;
  /** Objects that count, those marked difficult, and detections (at any score). */
  objects: number;
  difficult: number;
  detections: number;
  /** At the score threshold with the largest F1 of this class. */
  bestF1: BestF1 | null;
}

export interface Evaluation {
  iou: number;
  images: number;
  /** Means over the classes that have objects. */
  mAP: number | null;
  mAP11: number | null;
  mAP50: number | null;
  mAP50At11: number | null;
  mAP50to95: number | null;
  mAP50to95At11: number | null;
  objects: number;
  difficult: number;
  detections: number;
  /** At the one score threshold for all classes with the largest F1. */
  bestF1: BestF1 | null;
  classes: ClassEvaluation[];
}

/** @param iou from which a detection finds an object */
export function evaluate(dataset: Dataset, found: readonly SampleDetections[], iou = 0.5): Evaluation {
  const { groundTruths, detections } = evaluationInputs(dataset, found);
  const { classes } = dataset;
  const at = (iouThreshold: number, interpolation: "all-point" | "11-point" = "all-point") =>
    evaluateVoc(groundTruths, detections, { classes, iouThreshold, interpolation });
  const main = at(iou);
  const eleven = at(iou, "11-point");
  const range = evaluateVocRange(groundTruths, detections, { classes });
  const difficult = classes.map((_, label) =>
    groundTruths.reduce(
      (sum, { labels, difficult: marks }) =>
        sum + marks.filter((mark, i) => mark && labels[i] === label).length,
      0,
    ),
  );
  const total = (pick: (one: VocClassResult) => number) =>
    main.classes.reduce((sum, one) => sum + pick(one), 0);
  const range11 = evaluateVocRange(groundTruths, detections, { classes, interpolation: "11-point" });
  return {
    iou,
    images: dataset.samples.length,
    mAP: orNull(main.mAP),
    mAP11: orNull(eleven.mAP),
    mAP50: orNull(range.mAPs[0]),
    mAP50At11: orNull(range11.mAPs[0]),
    mAP50to95: orNull(range.mAP),
    mAP50to95At11: orNull(range11.mAP),
    objects: total((one) => one.positives),
    difficult: difficult.reduce((sum, count) => sum + count, 0),
    detections: total((one) => one.detections),
    bestF1: jointBestF1(main.classes),
    classes: main.classes.map((one, label) => ({
      name: one.name,
      ap: orNull(one.ap),
      ap11: orNull(eleven.classes[label].ap),
      ap50to95: orNull(range.classAps[label]),
      objects: one.positives,
      difficult: difficult[label],
      detections: one.detections,
      bestF1: one.bestF1,
    })),
  };
}

/** The ranked lists of all classes as one: the threshold that a person sets is one for all. */
export function jointBestF1(classes: readonly VocClassResult[]): BestF1 | null {
  const scores: number[] = [];
  const hits: number[] = [];
  for (const one of classes) {
    let before = 0;
    one.precision.forEach((precision, i) => {
      const found = Math.round(precision * (i + 1));
      scores.push(one.scores[i]);
      hits.push(found - before);
      before = found;
    });
  }
  const order = descending(scores);
  const positives = classes.reduce((sum, one) => sum + one.positives, 0);
  return bestF1(
    precisionRecall(
      Uint8Array.from(order, (i) => hits[i]),
      positives,
    ),
    Float64Array.from(order, (i) => scores[i]),
  );
}

const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);
