// Is an exported file what was trained? The same images through both.
import { type Detections, iou } from "@qmimic/runtime";
import type { Dataset } from "../data/types.js";
import { type SampleDetections, scoreDetections } from "../eval/detect.js";

export interface Comparison {
  images: number;
  /** Detections that both sides have, of those that at least one has. */
  matched: number;
  detections: number;
  /** Largest difference between those: in pixels of the image, and between scores. */
  boxDifference: number;
  scoreDifference: number;
  /** AP50 by VOC, all points, 0..1; NaN where there are no objects. */
  trainedAp: number;
  exportedAp: number;
}

/** What counts as one detection: the IoU that evaluation asks for. */
const SAME_IOU = 0.5;

/**
 * @param trained what the detector finds in every image of the data set
 * @param exported what the file finds there
 * @param least detections of lower scores are left out of the pairs, not of AP
 */
export function compareDetections(
  dataset: Dataset,
  trained: readonly SampleDetections[],
  exported: readonly SampleDetections[],
  least: number,
): Comparison {
  const result: Comparison = {
    images: dataset.samples.length,
    matched: 0,
    detections: 0,
    boxDifference: 0,
    scoreDifference: 0,
    trainedAp: scoreDetections(dataset, trained).mAP,
    exportedAp: scoreDetections(dataset, exported).mAP,
  };
  trained.forEach((found, i) => {
    addPairs(result, found, exported[i], least);
  });
  return result;
}

/** Pairs each detection with the one of the other side that overlaps it most. */
function addPairs(result: Comparison, a: SampleDetections, b: SampleDetections, least: number): void {
  const taken = new Set<number>();
  for (let i = 0; i < a.scores.length && a.scores[i] >= least; i++) {
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
  for (let k = 0; k < b.scores.length && b.scores[k] >= least; k++) if (!taken.has(k)) result.detections++;
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
