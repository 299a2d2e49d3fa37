// From scored boxes to detections: one class at a time, suppressed, placed by votes, the best of each image kept.
import { clipBoxes, takeBoxes } from "../geometry/boxes.js";
import { batchedNms } from "../geometry/nms.js";
import { voteBoxes } from "../geometry/voting.js";

/** Boxes with a thinner side, in pixels, are dropped. */
export const MIN_DETECTION_SIDE = 0.01;

export interface KeepSettings {
  /** IoU above which a detection of the same class is suppressed. */
  nms: number;
  /** IoU from which others of the class help to place one that is kept; 1: none does. */
  vote: number;
  /** Most detections of an image. */
  detections: number;
}

/** Width and height in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** What was found in one image, best first. */
export interface Detections {
  /** [N, 4] xyxy, pixels of the network's input */
  boxes: Float32Array;
  /** [N], 0..1 */
  scores: Float32Array;
  /** [N], 1..classes */
  labels: Int32Array;
}

/** Boxes of one image whose scores are high enough, of any number of classes. */
export interface ScoredBoxes {
  /** [N, 4] xyxy */
  boxes: Float32Array;
  /** [N] */
  scores: Float32Array;
  /** [N], 1..classes */
  labels: Int32Array;
}

/** Clips to the image (in place), suppresses within each class, and keeps the best, in descending score. */
export function keepBest(found: ScoredBoxes, size: Size, settings: KeepSettings): Detections {
  const { nms, vote, detections } = settings;
  const clipped = clipBoxes(found.boxes, size.width, size.height);
  const rows: number[] = [];
  for (let i = 0; i < found.scores.length; i++) {
    const wide = clipped[4 * i + 2] - clipped[4 * i] >= MIN_DETECTION_SIDE;
    if (wide && clipped[4 * i + 3] - clipped[4 * i + 1] >= MIN_DETECTION_SIDE) rows.push(i);
  }
  const index = Int32Array.from(rows);
  const boxes = takeBoxes(clipped, index);
  const scores = Float32Array.from(index, (i) => found.scores[i]);
  const labels = index.map((i) => found.labels[i]);
  const kept = batchedNms(boxes, scores, labels, nms).subarray(0, detections);
  return {
    boxes: voteBoxes(boxes, scores, labels, kept, vote),
    scores: Float32Array.from(kept, (i) => scores[i]),
    labels: kept.map((i) => labels[i]),
  };
}

/**
 * The head of a list of places, sorted by logit, whose scores are at least `least`.
 * @param least 0..1
 */
export function aboveScore(sorted: Int32Array, logits: Float32Array, least: number): Int32Array {
  const low = Math.log(least / (1 - least));
  let end = 0;
  while (end < sorted.length && logits[sorted[end]] >= low) end++;
  return sorted.subarray(0, end);
}
