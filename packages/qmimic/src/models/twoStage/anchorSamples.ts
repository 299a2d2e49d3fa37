// Selects anchors for the RPN's losses and proposals: plain loops over typed arrays, because they run for
// thousands of anchors in every step. In the maps, anchors are the outermost dimension ([A, H, W]), in
// generateAnchors the innermost ([H, W, A]).
import {
  encodeBoxes,
  matchAnchors,
  samplePositivesNegatives,
  takeBoxes,
  UNIT_WEIGHTS,
} from "@qmimic/runtime";
import type { Random, Tensor } from "@qmimic/torch";
import { ignoreRegions, type Target } from "../targets.js";

/** Training settings of the RPN; names and defaults as in torchvision's FasterRCNN. */
export interface RpnTraining {
  /** IoU from which an anchor is positive, and below which it is negative. */
  rpnHigh: number;
  rpnLow: number;
  /** Anchors per image in the loss, and the maximum fraction of positives. */
  rpnBatch: number;
  rpnPositives: number;
  /** Proposals before and after NMS in training. */
  rpnPreNmsTrain: number;
  rpnPostNmsTrain: number;
}

/** Scores and deltas of one batch, on the device and as arrays. */
export interface RpnOutput {
  /** [B, A, H, W] */
  logits: Tensor;
  /** [B, 4A, H, W]; channel 4a + k is delta k of anchor a */
  deltas: Tensor;
  /** [H * W * A, 4] xyxy, in generateAnchors' order */
  anchors: Float32Array;
  /** Parameters of the anchors, for matchAnchors. */
  bounds: Float32Array;
  height: number;
  width: number;
}

/** Anchors sampled for the losses, positives of an image first; indices are into the batch's flat maps. */
export interface SampledAnchors {
  /** [N] indices into the logits, and 1 for positive, 0 for negative */
  scores: Int32Array;
  objects: Float32Array;
  /** [4 * positives] indices into the deltas, and their targets */
  offsets: Int32Array;
  goals: Float32Array;
}

/** Matches each image's anchors with its objects, and samples positives and negatives at random. */
export function sampleAnchors(
  output: RpnOutput,
  targets: readonly Target[],
  settings: RpnTraining,
  random: Random,
): SampledAnchors {
  const { anchors, bounds, height, width } = output;
  const cells = height * width;
  const perCell = anchors.length / (4 * cells);
  const capacity = targets.length * settings.rpnBatch;
  const scores = new Int32Array(capacity);
  const objects = new Float32Array(capacity);
  const offsets = new Int32Array(4 * capacity);
  const goals = new Float32Array(4 * capacity);
  let count = 0;
  let objectCount = 0;
  targets.forEach((target, image) => {
    const thresholds = { high: settings.rpnHigh, low: settings.rpnLow, allowLowQuality: true };
    const matches = matchAnchors(anchors, target.boxes, thresholds, bounds);
    ignoreRegions(anchors, matches, target.ignore);
    const { positive, negative } = samplePositivesNegatives(
      matches,
      { count: settings.rpnBatch, positiveFraction: settings.rpnPositives },
      random,
    );
    const ownScores = scores.subarray(count);
    const layout = { perCell, cells, first: image * perCell * cells };
    toPlaces(positive, layout, ownScores);
    toPlaces(negative, layout, ownScores.subarray(positive.length));
    toOffsetPlaces(ownScores.subarray(0, positive.length), cells, offsets.subarray(4 * objectCount));
    objects.fill(1, count, count + positive.length);
    const matched = takeBoxes(
      target.boxes,
      positive.map((anchor) => matches[anchor]),
    );
    goals.set(encodeBoxes(matched, takeBoxes(anchors, positive), UNIT_WEIGHTS), 4 * objectCount);
    objectCount += positive.length;
    count += positive.length + negative.length;
  });
  return {
    scores: scores.subarray(0, count),
    objects: objects.subarray(0, count),
    offsets: offsets.subarray(0, 4 * objectCount),
    goals: goals.subarray(0, 4 * objectCount),
  };
}

/** Indices of an image's anchors in the batch's logits, where the image starts at `first`. */
function toPlaces(
  anchors: Int32Array,
  { perCell, cells, first }: { perCell: number; cells: number; first: number },
  places: Int32Array,
): void {
  for (let i = 0; i < anchors.length; i++) {
    const cell = Math.floor(anchors[i] / perCell);
    places[i] = first + (anchors[i] - cell * perCell) * cells + cell;
  }
}

/** Indices in the logits -> indices of the four deltas: each logit map corresponds to four delta maps. */
function toOffsetPlaces(places: Int32Array, cells: number, offsets: Int32Array): void {
  for (let i = 0; i < places.length; i++) {
    const map = Math.floor(places[i] / cells);
    for (let k = 0; k < 4; k++) offsets[4 * i + k] = places[i] + (3 * map + k) * cells;
  }
}
