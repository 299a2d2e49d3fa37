// Decodes the outputs of a two-stage detector's region head to boxes with scores.
import { type BoxWeights, decodeBoxes } from "../geometry/boxCoding.js";
import { type ScoredBoxes, takeBoxes, takeValues } from "../geometry/boxes.js";

/** The outputs for the N regions of one image. */
export interface RegionOutputs {
  /** [N, labels], before the softmax; label 0 is background */
  logits: Float32Array;
  /** [N, labels, 4], or [N, 4] if all labels share the deltas */
  deltas: Float32Array;
  /** [N, 4] xyxy */
  regions: Float32Array;
  /** The number of classes, plus background. */
  labels: number;
}

/**
 * A box for each region and class with a score above `minScore`, decoded with its deltas.
 * @param weights by which the deltas are multiplied
 * @param minScore 0..1
 */
export function scoredRegions(
  { logits, deltas, regions, labels }: RegionOutputs,
  weights: BoxWeights,
  minScore: number,
): ScoredBoxes {
  const scores = softmaxRows(logits, labels);
  const places = placesAbove(minScore, scores, labels);
  const boxes = decodeBoxes(deltas, regions, weights);
  const shared = deltas.length === regions.length;
  return {
    boxes: takeBoxes(boxes, shared ? places.map((place) => Math.floor(place / labels)) : places),
    scores: takeValues(scores, places),
    labels: places.map((place) => place % labels),
  };
}

/** Softmax of each row. */
function softmaxRows(logits: Float32Array, width: number): Float32Array {
  const scores = new Float32Array(logits.length);
  for (let row = 0; row < logits.length; row += width) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = row; i < row + width; i++) largest = Math.max(largest, logits[i]);
    let sum = 0;
    for (let i = row; i < row + width; i++) sum += Math.exp(logits[i] - largest);
    for (let i = row; i < row + width; i++) scores[i] = Math.exp(logits[i] - largest) / sum;
  }
  return scores;
}

/** Indices in [N, labels] of the scores above `minScore`, without background. */
function placesAbove(minScore: number, scores: Float32Array, labels: number): Int32Array {
  const places = new Int32Array(scores.length);
  let count = 0;
  for (let i = 0; i < scores.length; i++) {
    if (i % labels !== 0 && scores[i] > minScore) places[count++] = i;
  }
  return places.subarray(0, count);
}
