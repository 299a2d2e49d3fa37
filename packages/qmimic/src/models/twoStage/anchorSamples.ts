// Which anchors of the RPN's maps enter a loss or become proposals: plain loops over typed arrays, because they run for
// thousands of anchors in every step. The maps hold anchors outermost ([A, H, W]), generateAnchors innermost ([H, W, A]).
import {
  encodeBoxes,
  matchAnchors,
  samplePositivesNegatives,
  takeBoxes,
  UNIT_WEIGHTS,
} from "@qmimic/runtime";
import type { Random, Tensor } from "@qmimic/torch";
import { ignoreRegions, type Target } from "../targets.js";

/** How the RPN is trained; names and defaults as in torchvision's FasterRCNN. */
export interface RpnTraining {
  /** IoU from which an anchor is an object, and below which it is background. */
  rpnHigh: number;
  rpnLow: number;
  /** Anchors of an image in the loss, and at most this share of them objects. */
  rpnBatch: number;
  rpnPositives: number;
  /** Proposals before and after suppression in training. */
  rpnPreNmsTrain: number;
  rpnPostNmsTrain: number;
}

/** Scores and offsets of one batch, on the device and as arrays. */
export interface RpnOutput {
  /** [B, A, H, W] */
  logits: Tensor;
  /** [B, 4A, H, W]; channel 4a + k is offset k of anchor a */
  deltas: Tensor;
  /** [H * W * A, 4] xyxy, as generateAnchors lays them out */
  anchors: Float32Array;
  /** Of the anchors, for matchAnchors. */
  bounds: Float32Array;
  height: number;
  width: number;
}

/** Anchors picked for the losses, objects of an image first; places are into the flat maps of the batch. */
export interface SampledAnchors {
  /** [N] places in the logits, and 1 for object, 0 for background */
  scores: Int32Array;
  objects: Float32Array;
  /** [4 * objects] places in the deltas, and the offsets that should be there */
  offsets: Int32Array;
  goals: Float32Array;
}

/** Matches the anchors of each image with its objects, and picks a share of objects and background at random. */
export function sampleAnchors(
  output: RpnOutput,
  targets: readonly Target[],
  settings: RpnTraining,
  random: Random,
): SampledAnchors {
  const { anchors, bounds, height, width } = output;
  const cells = height * width;
  const perCell = anchors.length / (4 * cells);
  const most = targets.length * settings.rpnBatch;
  const scores = new Int32Array(most);
  const objects = new Float32Array(most);
  const offsets = new Int32Array(4 * most);
  const goals = new Float32Array(4 * most);
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
    const first = image * perCell * cells;
    toPlaces(positive, perCell, cells, first, ownScores);
    toPlaces(negative, perCell, cells, first, ownScores.subarray(positive.length));
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

/** Places of an image's anchors in the logits of the batch, where its own begin at `first`. */
function toPlaces(
  anchors: Int32Array,
  perCell: number,
  cells: number,
  first: number,
  places: Int32Array,
): void {
  for (let i = 0; i < anchors.length; i++) {
    const cell = Math.floor(anchors[i] / perCell);
    places[i] = first + (anchors[i] - cell * perCell) * cells + cell;
  }
}

/** Places in the logits of the batch -> those of the four offsets in the deltas: each map of the one is four of the other. */
function toOffsetPlaces(places: Int32Array, cells: number, offsets: Int32Array): void {
  for (let i = 0; i < places.length; i++) {
    const map = Math.floor(places[i] / cells);
    for (let k = 0; k < 4; k++) offsets[4 * i + k] = places[i] + (3 * map + k) * cells;
  }
}
