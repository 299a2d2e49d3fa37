// Box voting (Gidaris and Komodakis, "Object detection via a multi-region and semantic segmentation-aware CNN model",
// ICCV 2015, section 5): what non-maximum suppression drops still knows where the object is.

import { boxArea } from "./boxes.js";

const f32 = Math.fround;

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
  const voted = new Float32Array(4 * kept.length);
  const sum = new Float64Array(4);
  for (let k = 0; k < kept.length; k++) {
    const survivor = kept[k];
    const [x1, y1, x2, y2] = boxes.subarray(4 * survivor, 4 * survivor + 4);
    const area = boxArea(boxes, survivor);
    sum.fill(0);
    let total = 0;
    for (let i = 0; i < scores.length; i++) {
      // As `iou` has it, written out: most pairs lie apart, which shows at once.
      const p = 4 * i;
      let overlap = 0;
      if (boxes[p] < x2 && boxes[p + 2] > x1 && boxes[p + 1] < y2 && boxes[p + 3] > y1) {
        const w = f32(Math.min(boxes[p + 2], x2) - Math.max(boxes[p], x1));
        const h = f32(Math.min(boxes[p + 3], y2) - Math.max(boxes[p + 1], y1));
        const shared = f32(w * h);
        overlap = w > 0 && h > 0 ? f32(shared / f32(f32(boxArea(boxes, i) + area) - shared)) : 0;
      }
      const votes = i === survivor || (overlap >= iouThreshold && labels[i] === labels[survivor]);
      if (!votes) continue;
      total += scores[i];
      for (let c = 0; c < 4; c++) sum[c] += scores[i] * boxes[p + c];
    }
    for (let c = 0; c < 4; c++) voted[4 * k + c] = total > 0 ? sum[c] / total : boxes[4 * survivor + c];
  }
  return voted;
}
