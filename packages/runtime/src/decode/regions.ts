// From what a two-stage detector's head says of regions to boxes with scores.
import { type BoxWeights, decodeBoxes } from "../geometry/boxCoding.js";
import { takeBoxes } from "../geometry/boxes.js";
import type { ScoredBoxes } from "./keepBest.js";

/** What a head says of the N regions of one image. */
export interface RegionOutputs {
  /** [N, labels] for a softmax, label 0 is background */
  logits: Float32Array;
  /** [N, labels, 4], or [N, 4] where all labels share the offsets */
  deltas: Float32Array;
  /** [N, 4] xyxy */
  regions: Float32Array;
  /** Classes and background. */
  labels: number;
}

/**
 * Each region as every class whose score is above `least`, moved by its offsets.
 * @param weights that the offsets are multiplied by
 * @param least 0..1
 */
export function scoredRegions(
  { logits, deltas, regions, labels }: RegionOutputs,
  weights: BoxWeights,
  least: number,
): ScoredBoxes {
  const scores = softmaxRows(logits, labels);
  const places = likely(scores, labels, least);
  const boxes = decodeBoxes(deltas, regions, weights);
  const shared = deltas.length === regions.length;
  return {
    boxes: takeBoxes(boxes, shared ? places.map((place) => Math.floor(place / labels)) : places),
    scores: Float32Array.from(places, (place) => scores[place]),
    labels: places.map((place) => place % labels),
  };
}

/** exp(x), each row normalised to a sum of 1. */
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

/** Places in [N, labels] of the scores above `least`, background left out. */
function likely(scores: Float32Array, labels: number, least: number): Int32Array {
  const places = new Int32Array(scores.length);
  let count = 0;
  for (let i = 0; i < scores.length; i++) {
    if (i % labels !== 0 && scores[i] > least) places[count++] = i;
  }
  return places.subarray(0, count);
}
