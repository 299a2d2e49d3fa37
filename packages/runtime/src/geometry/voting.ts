// Box voting (Gidaris and Komodakis, "Object detection via a multi-region and semantic segmentation-aware CNN model",
// ICCV 2015, section 5): what non-maximum suppression drops still knows where the object is.

import { iou, takeValues } from "./boxes.js";
import { topK } from "./topK.js";

/**
 * Boxes that survived suppression, each moved to the mean of the boxes of its label that overlap it, itself among
 * them, weighted by score. Scores, and so the order, stay as they are.
 * @param boxes [N, 4] xyxy, all that went into suppression
 * @param scores [N], 0..1
 * @param labels [N]
 * @param kept [K] indices of the survivors
 * @param iouThreshold 0..1; a box votes when its IoU with the survivor is at least this
 * @returns [K, 4] xyxy
 * @throws RangeError when lengths or the threshold do not fit
 */
export function voteBoxes(
  boxes: Float32Array,
  scores: Float32Array,
  labels: Int32Array,
  kept: Int32Array,
  iouThreshold: number,
): Float32Array {
  if (!(iouThreshold >= 0 && iouThreshold <= 1)) {
    throw new RangeError(`voteBoxes: IoU threshold ${iouThreshold}; a number in 0..1 expected`);
  }
  if (scores.length * 4 !== boxes.length || labels.length !== scores.length) {
    throw new RangeError(
      `voteBoxes: ${scores.length} scores and ${labels.length} labels for ${boxes.length / 4} boxes`,
    );
  }
  // From right to left. Of boxes that overlap by IoU t, the left sides are at most (1 - t) / t of either's width apart: few of the
  // others have to be looked at.
  const sides = new Float32Array(scores.length);
  for (let i = 0; i < sides.length; i++) sides[i] = boxes[4 * i];
  const order = topK(sides);
  const lefts = takeValues(sides, order);
  // A little wider, because IoU is rounded to single precision.
  const reach = ((1 - iouThreshold) / iouThreshold) * 1.001 + 1e-4;
  const voted = new Float32Array(4 * kept.length);
  const sum = new Float64Array(4);
  for (let k = 0; k < kept.length; k++) {
    const survivor = kept[k];
    const left = boxes[4 * survivor];
    const width = Math.abs(boxes[4 * survivor + 2] - left);
    const least = left - reach * width;
    sum.fill(0);
    let total = 0;
    for (let o = firstAtMost(lefts, left + reach * width); o < order.length && !(lefts[o] < least); o++) {
      const i = order[o];
      const votes =
        i === survivor || (labels[i] === labels[survivor] && iou(boxes, i, boxes, survivor) >= iouThreshold);
      if (!votes) continue;
      total += scores[i];
      for (let c = 0; c < 4; c++) sum[c] += scores[i] * boxes[4 * i + c];
    }
    for (let c = 0; c < 4; c++) voted[4 * k + c] = total > 0 ? sum[c] / total : boxes[4 * survivor + c];
  }
  return voted;
}

/** Place of the first number that is not above `most`, in numbers that descend. */
function firstAtMost(numbers: Float32Array, most: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] > most) low = middle + 1;
    else high = middle;
  }
  return low;
}
