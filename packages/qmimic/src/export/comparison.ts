// Compares an exported file with the trained detector on the same images.
import { type Detections, iou } from "@qmimic/runtime";
import type { Dataset } from "../data/types.js";
import { type SampleDetections, scoreDetections } from "../eval/detect.js";

export interface Comparison {
  images: number;
  /** The lowest score of the compared detections. */
  min: number;
  /** Detections in both, and in at least one. */
  matched: number;
  detections: number;
  /** Largest difference between matched detections: in image pixels, and in scores. */
  boxDifference: number;
  scoreDifference: number;
  /** AP50 (VOC, all points), 0..1; NaN without objects. */
  trainedAp: number;
  exportedAp: number;
}

/** Minimum IoU of the same detection, as in evaluation. */
const SAME_IOU = 0.5;

/**
 * @param trained the detector's detections in every image of the data set
 * @param exported the file's detections
 * @param min detections with lower scores are excluded from the pairs, not from AP
 */
export function compareDetections(
  dataset: Dataset,
  trained: readonly SampleDetections[],
  exported: readonly SampleDetections[],
  min: number,
): Comparison {
  const result: Comparison = {
    images: dataset.samples.length,
    min,
    matched: 0,
    detections: 0,
    boxDifference: 0,
    scoreDifference: 0,
    trainedAp: scoreDetections(dataset, trained).mAP,
    exportedAp: scoreDetections(dataset, exported).mAP,
  };
  trained.forEach((found, i) => {
    addPairs(result, found, exported[i], min);
  });
  return result;
}

/** One line. @param name of what was compared; @param as name of what it was compared with */
export const formatComparison = (name: string, result: Comparison, as: string): string =>
  `${name.padEnd(12)} AP50 ${(100 * result.exportedAp).toFixed(2)} (${as} ${(100 * result.trainedAp).toFixed(2)}); ` +
  `of ${result.detections} detections with scores of at least ${result.min}, ${result.matched} are in both: boxes at most ` +
  `${result.boxDifference.toPrecision(2)} px apart, scores ${result.scoreDifference.toPrecision(2)}`;

/** Pairs each detection with the one from the other side that overlaps it most. */
function addPairs(result: Comparison, a: SampleDetections, b: SampleDetections, min: number): void {
  const taken = new Set<number>();
  for (let i = 0; i < a.scores.length && a.scores[i] >= min; i++) {
    result.detections++;
    const partner = bestPartner(a, i, b, taken);
    if (partner < 0) continue;
    taken.add(partner);
    result.matched++;
    result.scoreDifference = Math.max(result.scoreDifference, Math.abs(a.scores[i] - b.scores[partner]));
    for (let k = 0; k < 4; k++) {
      const apart = Math.abs(a.boxes[4 * i + k] - b.boxes[4 * partner + k]);
      result.boxDifference = Math.max(result.boxDifference, apart);
    }
  }
  for (let k = 0; k < b.scores.length && b.scores[k] >= min; k++) if (!taken.has(k)) result.detections++;
}

function bestPartner(a: Detections, i: number, b: Detections, taken: ReadonlySet<number>): number {
  let best = -1;
  let bestOverlap = SAME_IOU;
  for (let k = 0; k < b.scores.length; k++) {
    if (taken.has(k) || a.labels[i] !== b.labels[k]) continue;
    const overlap = iou(a.boxes, i, b.boxes, k);
    if (overlap >= bestOverlap) {
      best = k;
      bestOverlap = overlap;
    }
  }
  return best;
}
