// Greedy non-maximum suppression, as torchvision.ops.nms does on the CPU: boxes in descending score; one that
// overlaps a kept box by more than the threshold is dropped.
//
// A box can only be suppressed by one of similar size nearby: IoU > t bounds the ratio of the widths by 1/t and the
// distance of the centres by width * (1-t) / (2t), likewise for heights. So kept boxes are filed in a grid by
// their centre, and a candidate looks only into the cells within that distance.

import { topK } from "./topK.js";

const GRID = 32;

/**
 * Indices of the boxes that survive, in descending score (ties: lower index first).
 * @param boxes [N, 4] xyxy
 * @param scores [N] scores; or, as Int32Array, the indices of the boxes to look at, best first
 * @param iouThreshold 0..1; a box is dropped when its IoU with a kept one is above this
 * @param limit stop after this many survivors
 * @throws RangeError when lengths or the threshold do not fit
 */
export function nms(
  boxes: Float32Array,
  scores: Float32Array | Int32Array,
  iouThreshold: number,
  limit: number = Number.POSITIVE_INFINITY,
): Int32Array {
  return suppress(boxes, scores, null, iouThreshold, limit);
}

/**
 * As nms, but boxes of different labels do not suppress each other (torchvision `batched_nms`).
 * @param boxes [N, 4] xyxy
 * @param scores [N] scores; or, as Int32Array, the indices of the boxes to look at, best first
 * @param labels [N]
 * @returns indices over all labels in descending score
 */
export function batchedNms(
  boxes: Float32Array,
  scores: Float32Array | Int32Array,
  labels: Int32Array,
  iouThreshold: number,
  limit: number = Number.POSITIVE_INFINITY,
): Int32Array {
  if (labels.length * 4 !== boxes.length) {
    throw new RangeError(`batchedNms: ${labels.length} labels for ${boxes.length / 4} boxes`);
  }
  return suppress(boxes, scores, labels, iouThreshold, limit);
}

function suppress(
  boxes: Float32Array,
  scores: Float32Array | Int32Array,
  labels: Int32Array | null,
  iouThreshold: number,
  limit: number,
): Int32Array {
  if (!(iouThreshold >= 0 && iouThreshold <= 1)) {
    throw new RangeError(`nms: IoU threshold ${iouThreshold}; a number in 0..1 expected`);
  }
  if (scores instanceof Float32Array && scores.length * 4 !== boxes.length) {
    throw new RangeError(`nms: ${scores.length} scores for ${boxes.length / 4} boxes`);
  }
  const order = scores instanceof Float32Array ? topK(scores) : scores;
  const f32 = Math.fround;
  const n = order.length;
  const most = Math.min(n, Math.max(0, Math.floor(limit)));
  const kept = new Int32Array(most);
  // Kept boxes by value, [kept, 5] xyxy and area, in the order kept: the inner loop then reads one array.
  const values = new Float32Array(5 * most);
  const heads = new Int32Array(GRID * GRID).fill(-1);
  const next = new Int32Array(most);

  const extent = centerExtent(boxes, order);
  const scaleX = GRID / Math.max(extent[2] - extent[0], 1e-6);
  const scaleY = GRID / Math.max(extent[3] - extent[1], 1e-6);
  // A little wider than the bound, because IoU is rounded to single precision.
  const reach = ((1 - iouThreshold) / (2 * iouThreshold)) * 1.001 + 1e-4;

  let count = 0;
  for (let o = 0; o < n && count < most; o++) {
    const i = order[o];
    const x1 = boxes[4 * i];
    const y1 = boxes[4 * i + 1];
    const x2 = boxes[4 * i + 2];
    const y2 = boxes[4 * i + 3];
    const area = f32(f32(x2 - x1) * f32(y2 - y1));
    const centerX = 0.5 * (x1 + x2) - extent[0];
    const centerY = 0.5 * (y1 + y2) - extent[1];
    const reachX = reach * (x2 - x1);
    const reachY = reach * (y2 - y1);
    const left = cell((centerX - reachX) * scaleX);
    const right = cell((centerX + reachX) * scaleX);
    const top = cell((centerY - reachY) * scaleY);
    const bottom = cell((centerY + reachY) * scaleY);

    let suppressed = false;
    search: for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        for (let k = heads[row * GRID + column]; k >= 0; k = next[k]) {
          const v = 5 * k;
          const w = f32(Math.min(x2, values[v + 2]) - Math.max(x1, values[v]));
          if (!(w > 0)) continue;
          const h = f32(Math.min(y2, values[v + 3]) - Math.max(y1, values[v + 1]));
          if (!(h > 0)) continue;
          const intersection = f32(w * h);
          const overlap = f32(intersection / f32(f32(values[v + 4] + area) - intersection));
          if (overlap > iouThreshold && (labels === null || labels[kept[k]] === labels[i])) {
            suppressed = true;
            break search;
          }
        }
      }
    }
    if (suppressed) continue;

    const home = cell(centerY * scaleY) * GRID + cell(centerX * scaleX);
    values[5 * count] = x1;
    values[5 * count + 1] = y1;
    values[5 * count + 2] = x2;
    values[5 * count + 3] = y2;
    values[5 * count + 4] = area;
    next[count] = heads[home];
    heads[home] = count;
    kept[count++] = i;
  }
  return kept.slice(0, count);
}

/** Grid coordinate of a scaled position; NaN (a box that is not finite) goes to 0. */
function cell(position: number): number {
  return position > 0 ? (position < GRID ? position | 0 : GRID - 1) : 0;
}

/** Smallest and largest centre: [xmin, ymin, xmax, ymax]. */
function centerExtent(boxes: Float32Array, order: Int32Array): [number, number, number, number] {
  let left = Number.POSITIVE_INFINITY;
  let top = Number.POSITIVE_INFINITY;
  let right = Number.NEGATIVE_INFINITY;
  let bottom = Number.NEGATIVE_INFINITY;
  for (let o = 0; o < order.length; o++) {
    const k = 4 * order[o];
    const x = 0.5 * (boxes[k] + boxes[k + 2]);
    const y = 0.5 * (boxes[k + 1] + boxes[k + 3]);
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
  }
  return [left, top, right, bottom];
}
