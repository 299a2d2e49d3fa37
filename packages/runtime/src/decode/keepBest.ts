// From scored boxes to detections: one class at a time, suppressed, placed by votes, the best of each image kept.
import { clipBoxes, takeBoxes } from "../geometry/boxes.js";
import { batchedNms } from "../geometry/nms.js";
import { topK } from "../geometry/topK.js";
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
 * Places of the best logits whose scores are at least `least`, in descending order.
 * @param most of them
 * @param least 0..1
 */
export function bestPlaces(logits: Float32Array, most: number, least: number): Int32Array {
  const low = Math.log(least / (1 - least));
  const guess = Math.max(low, leastOfMost(logits, most));
  if (guess === Number.NEGATIVE_INFINITY) return withoutNaN(topK(logits, most), logits);
  // Few are left by most thresholds; of what is left out nothing has to be sorted.
  let places = placesFrom(logits, guess);
  // The sample was not like the rest.
  if (guess > low && places.length < most) places = placesFrom(logits, low);
  return topK(logitsAt(places, logits), most).map((i) => places[i]);
}

function withoutNaN(places: Int32Array, logits: Float32Array): Int32Array {
  let end = places.length;
  while (end > 0 && Number.isNaN(logits[places[end - 1]])) end--;
  return places.subarray(0, end);
}

/** Every so many logits are looked at to guess which are among the best. */
const SAMPLED = 16;

/** A number that somewhat more than `most` of many logits are likely to reach. */
function leastOfMost(logits: Float32Array, most: number): number {
  if (logits.length < SAMPLED * 256 || logits.length < 4 * most) return Number.NEGATIVE_INFINITY;
  const sample = new Float32Array(Math.ceil(logits.length / SAMPLED));
  for (let i = 0; i < sample.length; i++) sample[i] = logits[SAMPLED * i];
  const reached = Math.ceil((1.25 * most) / SAMPLED) + 8;
  const least = sample[topK(sample, reached).at(-1)!];
  return Number.isNaN(least) ? Number.NEGATIVE_INFINITY : least;
}

function placesFrom(logits: Float32Array, low: number): Int32Array {
  const places = new Int32Array(logits.length);
  let count = 0;
  for (let i = 0; i < logits.length; i++) if (logits[i] >= low) places[count++] = i;
  return places.subarray(0, count);
}

function logitsAt(places: Int32Array, logits: Float32Array): Float32Array {
  const chosen = new Float32Array(places.length);
  for (let i = 0; i < places.length; i++) chosen[i] = logits[places[i]];
  return chosen;
}
