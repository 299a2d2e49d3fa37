// From scored boxes to detections: NMS per class, box voting, and a limit per image.
import { clipBoxes, type ScoredBoxes, takeBoxes, takeValues } from "../geometry/boxes.js";
import { nms } from "../geometry/nms.js";
import { topK } from "../geometry/topK.js";
import { voteBoxes } from "../geometry/voting.js";

/** Boxes with a side shorter than this, in pixels, are dropped. */
export const MIN_DETECTION_SIDE = 0.01;

export interface KeepSettings {
  /** IoU above which a detection of the same class is suppressed. */
  nms: number;
  /** Minimum IoU with a kept detection for others of the class to vote on its box; 1: no voting. */
  vote: number;
  /** Maximum number of detections per image. */
  detections: number;
}

/** Width and height in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** The detections in one image, best first. */
export interface Detections {
  /** [N, 4] xyxy, pixels of the network's input */
  boxes: Float32Array;
  /** [N], 0..1 */
  scores: Float32Array;
  /** [N], 1..classes */
  labels: Int32Array;
}

/**
 * Clips to the image (in place), applies NMS within each class, and keeps the best, in descending score.
 * @param size of the image in the network's input, from the top left
 * @param suppress nms, or another function with the same results
 */
export function keepBest(
  found: ScoredBoxes,
  size: Size,
  { nms: threshold, vote, detections }: KeepSettings,
  suppress = nms,
): Detections {
  const clipped = clipBoxes(found.boxes, [0, 0, size.width, size.height]);
  const rows = new Int32Array(found.scores.length);
  let count = 0;
  for (let i = 0; i < found.scores.length; i++) {
    const wide = clipped[4 * i + 2] - clipped[4 * i] >= MIN_DETECTION_SIDE;
    if (wide && clipped[4 * i + 3] - clipped[4 * i + 1] >= MIN_DETECTION_SIDE) rows[count++] = i;
  }
  const index = rows.subarray(0, count);
  const boxes = takeBoxes(clipped, index);
  const scores = takeValues(found.scores, index);
  const labels = index.map((i) => found.labels[i]);
  const kept = suppress({ boxes, order: topK(scores), labels }, threshold, detections);
  return {
    boxes: voteBoxes({ boxes, scores, labels }, kept, vote),
    scores: takeValues(scores, kept),
    labels: kept.map((i) => labels[i]),
  };
}

/**
 * Indices of the best logits with scores of at least `minScore`, in descending order.
 * @param limit maximum number of indices
 * @param minScore 0..1
 */
export function bestPlaces(logits: Float32Array, limit: number, minScore: number): Int32Array {
  const low = Math.log(minScore / (1 - minScore));
  const guess = Math.max(low, guessCutoff(logits, limit));
  if (guess === Number.NEGATIVE_INFINITY) return withoutNaN(topK(logits, limit), logits);
  // Most thresholds leave few logits, so filter before sorting.
  let places = placesFrom(logits, guess, 2 * limit);
  // The guess was too high: the sample was not representative.
  if (guess > low && places.length < limit) places = placesFrom(logits, low, 2 * limit);
  const best = topK(takeValues(logits, places), limit);
  for (let i = 0; i < best.length; i++) best[i] = places[best[i]];
  return best;
}

function withoutNaN(places: Int32Array, logits: Float32Array): Int32Array {
  let end = places.length;
  while (end > 0 && Number.isNaN(logits[places[end - 1]])) end--;
  return places.subarray(0, end);
}

/** The cutoff is guessed from a sample of every 16th logit. */
const SAMPLING_STEP = 16;

/** A value that slightly more than `limit` of many logits probably reach. */
function guessCutoff(logits: Float32Array, limit: number): number {
  if (logits.length < SAMPLING_STEP * 256 || logits.length < 4 * limit) return Number.NEGATIVE_INFINITY;
  const sample = new Float32Array(Math.ceil(logits.length / SAMPLING_STEP));
  for (let i = 0; i < sample.length; i++) sample[i] = logits[SAMPLING_STEP * i];
  const rank = Math.ceil((1.25 * limit) / SAMPLING_STEP) + 8;
  const cutoff = sample[topK(sample, rank).at(-1)!];
  return Number.isNaN(cutoff) ? Number.NEGATIVE_INFINITY : cutoff;
}

/** Indices of the logits of at least `low`, ascending; `expected` is about their number. */
function placesFrom(logits: Float32Array, low: number, expected: number): Int32Array {
  let places = new Int32Array(Math.max(16, Math.min(expected, logits.length)));
  let count = 0;
  for (let i = 0; i < logits.length; i++) {
    if (!(logits[i] >= low)) continue;
    if (count === places.length) {
      const larger = new Int32Array(2 * count);
      larger.set(places);
      places = larger;
    }
    places[count++] = i;
  }
  return places.subarray(0, count);
}
