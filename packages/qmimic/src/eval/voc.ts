// The PASCAL VOC protocol: Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge" (IJCV 2010),
// section 4.2, and VOCevaldet.m of the development kit.
// 1. The detections of a class, in all images, by descending score (ties: in the order given).
// 2. Each is assigned the ground truth of its class and image with the largest IoU, matched already or not.
// 3. IoU >= threshold: difficult -> the detection is ignored; free -> true positive; already matched -> false
// positive. IoU below: false positive.
// 4. Precision and recall along the list, without difficult objects in the positives; average precision.

import { checkInputs } from "./checkInputs.js";
import { overlapWith } from "./overlap.js";
import { allPointAp, type BestF1, bestF1, elevenPointAp, precisionRecall } from "./precisionRecall.js";
import { descending } from "./ranking.js";
import { mean } from "./tally.js";
import type { ImageDetections, ImageGroundTruth } from "./types.js";

export interface VocOptions {
  /** Class names; a box's label is an index into them. */
  classes: readonly string[];
  /** Minimum IoU for a detection to match an object. Default 0.5. */
  iouThreshold?: number;
  /** 'all-point' (VOC 2010 and later) or '11-point' (VOC 2007). Default 'all-point'. */
  interpolation?: "all-point" | "11-point";
  /** Coordinates name the pixels inside the box, first and last (width = xmax - xmin + 1), as in the devkit's IoU.
   * Default false: coordinates are edges. */
  pixelInclusive?: boolean;
}

export interface VocClassResult {
  label: number;
  name: string;
  /** Average precision, 0..1; NaN without positives. */
  ap: number;
  /** Objects that are not difficult. */
  positives: number;
  /** All detections: tp + fp + ignored. */
  detections: number;
  tp: number;
  fp: number;
  /** Detections of difficult objects; not on the curve. */
  ignored: number;
  /** [tp + fp] along the ranked list. */
  precision: Float64Array;
  recall: Float64Array;
  scores: Float64Array;
  bestF1: BestF1 | null;
}

export interface VocResult {
  /** Mean over the classes with positives; NaN if none has any. */
  mAP: number;
  /** One per class, in the order of `classes`. */
  classes: VocClassResult[];
}

export interface VocRangeResult {
  /** Mean of `mAPs`. */
  mAP: number;
  iouThresholds: number[];
  /** mAP at each threshold. */
  mAPs: number[];
  /** Mean AP over the thresholds, per class; NaN without positives. */
  classAps: number[];
}

/**
 * Average precision per class, and their mean.
 * @param groundTruths one entry per image, also for images without objects
 * @param detections missing images have no detections
 * @throws Error as checkInputs does; RangeError for a threshold outside (0, 1]
 */
export function evaluateVoc(
  groundTruths: readonly ImageGroundTruth[],
  detections: readonly ImageDetections[],
  options: VocOptions,
): VocResult {
  const { classes, iouThreshold = 0.5, interpolation = "all-point", pixelInclusive = false } = options;
  if (!(iouThreshold > 0 && iouThreshold <= 1)) {
    throw new RangeError(`evaluateVoc: IoU threshold ${iouThreshold}; expected above 0 and at most 1`);
  }
  const inputs = { groundTruths, detections, positions: checkInputs(groundTruths, detections, classes) };
  const results = rankByClass(detections, classes.length).map((ranked, label): VocClassResult => {
    let positives = 0;
    for (const image of groundTruths) {
      for (let g = 0; g < image.labels.length; g++) {
        if (image.labels[g] === label && image.difficult[g] === 0) positives++;
      }
    }
    const { hits, scores } = judge(ranked, label, inputs, { iouThreshold, pixelInclusive });
    const curve = precisionRecall(hits, positives);
    const tp = hits.reduce((sum, hit) => sum + hit, 0);
    const ap = interpolation === "all-point" ? allPointAp(curve) : elevenPointAp(curve);
    return {
      label,
      name: classes[label],
      ap: positives === 0 ? Number.NaN : ap,
      positives,
      detections: ranked.length,
      tp,
      fp: hits.length - tp,
      ignored: ranked.length - hits.length,
      ...curve,
      scores,
      bestF1: bestF1(curve, scores),
    };
  });
  return { mAP: mean(results.filter((r) => r.positives > 0).map((r) => r.ap)), classes: results };
}

/**
 * evaluateVoc at several IoU thresholds, and the mean over them: by default 0.5, 0.55, ... 0.95, as in COCO
 * (but with VOC's matching and interpolation).
 */
export function evaluateVocRange(
  groundTruths: readonly ImageGroundTruth[],
  detections: readonly ImageDetections[],
  options: Omit<VocOptions, "iouThreshold"> & { iouThresholds?: readonly number[] },
): VocRangeResult {
  const { iouThresholds = Array.from({ length: 10 }, (_, k) => (50 + 5 * k) / 100), ...rest } = options;
  const results = iouThresholds.map((iouThreshold) =>
    evaluateVoc(groundTruths, detections, { ...rest, iouThreshold }),
  );
  return {
    mAP: mean(results.map((r) => r.mAP)),
    iouThresholds: [...iouThresholds],
    mAPs: results.map((r) => r.mAP),
    classAps: options.classes.map((_, label) => mean(results.map((r) => r.classes[label].ap))),
  };
}

/** One detection: index of its image's entry, and of its box. */
interface Ranked {
  entry: number;
  box: number;
}

/** Detections per class, best first. */
function rankByClass(detections: readonly ImageDetections[], classes: number): Ranked[][] {
  const found: Ranked[][] = Array.from({ length: classes }, () => []);
  detections.forEach((image, entry) => {
    for (let box = 0; box < image.labels.length; box++) found[image.labels[box]].push({ entry, box });
  });
  return found.map((list) => {
    const scores = Float64Array.from(list, ({ entry, box }) => detections[entry].scores[box]);
    return Array.from(descending(scores), (i) => list[i]);
  });
}

interface JudgedImages {
  groundTruths: readonly ImageGroundTruth[];
  detections: readonly ImageDetections[];
  /** The ground truth of each entry of the detections. */
  positions: Int32Array;
}

/** Steps 2 and 3: hit (1) or not (0), and the score, of each detection that is not ignored. */
function judge(
  ranked: readonly Ranked[],
  label: number,
  { groundTruths, detections, positions }: JudgedImages,
  { iouThreshold, pixelInclusive }: { iouThreshold: number; pixelInclusive: boolean },
): { hits: Uint8Array; scores: Float64Array } {
  const overlapOf = overlapWith(pixelInclusive ? 1 : 0);
  const taken = new Map<ImageGroundTruth, Uint8Array>();
  const hits = new Uint8Array(ranked.length);
  const scores = new Float64Array(ranked.length);
  let count = 0;
  for (const { entry, box } of ranked) {
    const truth = groundTruths[positions[entry]];
    const image = detections[entry];
    let largest = Number.NEGATIVE_INFINITY;
    let nearest = -1;
    for (let g = 0; g < truth.labels.length; g++) {
      if (truth.labels[g] !== label) continue;
      const overlap = overlapOf(image.boxes, box, truth.boxes, g);
      if (overlap > largest) {
        largest = overlap;
        nearest = g;
      }
    }
    const found = largest >= iouThreshold;
    if (found && truth.difficult[nearest] !== 0) continue;
    if (found) {
      let here = taken.get(truth);
      if (here === undefined) {
        here = new Uint8Array(truth.labels.length);
        taken.set(truth, here);
      }
      hits[count] = here[nearest] === 0 ? 1 : 0;
      here[nearest] = 1;
    }
    scores[count++] = image.scores[box];
  }
  return { hits: hits.slice(0, count), scores: scores.slice(0, count) };
}
