// Box voting (Gidaris and Komodakis, "Object detection via a multi-region and semantic segmentation-aware CNN model",
// ICCV 2015, section 5): boxes dropped by non-maximum suppression still indicate where the object is.

import { iou, type ScoredBoxes, takeValues } from "./boxes.js";
import { topK } from "./topK.js";

/**
 * Moves each box kept by NMS to the score-weighted mean of the overlapping boxes with its label, including itself.
 * Scores, and therefore the order, do not change.
 * @param found the input of NMS; scores are 0..1
 * @param kept [K] indices of the kept boxes
 * @param iouThreshold 0..1; a box votes if its IoU with the kept one is at least this
 * @returns [K, 4] xyxy
 * @throws RangeError if lengths do not match or the threshold is out of range
 */
export function voteBoxes(
  { boxes, scores, labels }: ScoredBoxes,
  kept: Int32Array,
  iouThreshold: number,
): Float32Array {
  if (!(iouThreshold >= 0 && iouThreshold <= 1)) {
    throw new RangeError(`voteBoxes: IoU threshold ${iouThreshold}, expected 0 to 1`);
  }
  if (scores.length * 4 !== boxes.length || labels.length !== scores.length) {
    throw new RangeError(
      `voteBoxes: ${scores.length} scores and ${labels.length} labels for ${boxes.length / 4} boxes, expected one per box`,
    );
  }
  // Sorted from right to left. The left sides of boxes with IoU t are at most (1 - t) / t of either's width apart, and
  // likewise the upper sides, so each box is compared with few others.
  const sides = new Float32Array(scores.length);
  for (let i = 0; i < sides.length; i++) sides[i] = boxes[4 * i];
  const order = topK(sides);
  const lefts = takeValues(sides, order);
  // Slightly larger, because IoU is rounded to single precision.
  const reach = ((1 - iouThreshold) / iouThreshold) * 1.001 + 1e-4;
  const voted = new Float32Array(4 * kept.length);
  const sum = new Float64Array(4);
  for (let k = 0; k < kept.length; k++) {
    const survivor = kept[k];
    const left = boxes[4 * survivor];
    const upper = boxes[4 * survivor + 1];
    const width = Math.abs(boxes[4 * survivor + 2] - left);
    const reachDown = reach * Math.abs(boxes[4 * survivor + 3] - upper);
    const minLeft = left - reach * width;
    sum.fill(0);
    let total = 0;
    for (let o = firstAtMost(lefts, left + reach * width); o < order.length && !(lefts[o] < minLeft); o++) {
      const i = order[o];
      if (i !== survivor) {
        if (labels[i] !== labels[survivor] || Math.abs(boxes[4 * i + 1] - upper) > reachDown) continue;
        if (!(iou(boxes, i, boxes, survivor) >= iouThreshold)) continue;
      }
      const score = scores[i];
      total += score;
      for (let c = 0; c < 4; c++) sum[c] += score * boxes[4 * i + c];
    }
    for (let c = 0; c < 4; c++) voted[4 * k + c] = total > 0 ? sum[c] / total : boxes[4 * survivor + c];
  }
  return voted;
}

/** The index of the first number of at most `max`, in descending numbers. */
function firstAtMost(numbers: Float32Array, max: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] > max) low = middle + 1;
    else high = middle;
  }
  return low;
}
