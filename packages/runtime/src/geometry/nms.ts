// Greedy non-maximum suppression, like torchvision.ops.nms on the CPU: in descending score, drops each box that
// overlaps a kept one by more than the threshold.
//
// A box can only be suppressed by a nearby one of similar size: IoU > t limits the ratio of the widths to 1/t and the
// distance between the centres to width * (1-t) / (2t), likewise for heights. So kept boxes are stored in a grid by
// their centres, and a candidate is only compared with those in cells within that distance.

/** Boxes and the order in which they are considered. */
export interface Candidates {
  /** [N, 4] xyxy */
  boxes: Float32Array;
  /** Indices of the candidates, best first. */
  order: Int32Array;
  /** [N]; boxes with different labels do not suppress each other (torchvision `batched_nms`) */
  labels?: Int32Array;
}

/** Cells per side of the grid: few for few boxes, because most cells searched would be empty. */
const gridFor = (boxes: number): number => Math.max(4, Math.min(32, Math.ceil(0.75 * Math.sqrt(boxes))));

/**
 * Indices of the kept boxes, in the order of the candidates. NaN coordinates overlap nothing.
 * @param iouThreshold 0..1; a box is dropped if its IoU with a kept one is above this
 * @param limit maximum number of boxes to keep
 * @throws RangeError if the threshold is out of range, or there is not one label per box
 */
export function nms(
  candidates: Candidates,
  iouThreshold: number,
  limit: number = Number.POSITIVE_INFINITY,
): Int32Array {
  checkCandidates(candidates, iouThreshold);
  const { boxes, order, labels } = candidates;
  const f32 = Math.fround;
  const n = order.length;
  const maxKept = Math.min(n, Math.max(0, Math.floor(limit)));
  const kept = new Int32Array(maxKept);
  // Kept boxes, [kept, 5] xyxy and area: a copy, so that the inner loop reads a single array.
  const values = new Float32Array(5 * maxKept);
  const grid = gridFor(maxKept);
  const heads = new Int32Array(grid * grid).fill(-1);
  const next = new Int32Array(maxKept);

  const extent = centerExtent(boxes, order);
  const scaleX = grid / Math.max(extent[2] - extent[0], 1e-6);
  const scaleY = grid / Math.max(extent[3] - extent[1], 1e-6);
  // Slightly larger than the bound, because IoU is rounded to single precision.
  const reach = ((1 - iouThreshold) / (2 * iouThreshold)) * 1.001 + 1e-4;

  let count = 0;
  for (let o = 0; o < n && count < maxKept; o++) {
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
    const left = cell((centerX - reachX) * scaleX, grid);
    const right = cell((centerX + reachX) * scaleX, grid);
    const top = cell((centerY - reachY) * scaleY, grid);
    const bottom = cell((centerY + reachY) * scaleY, grid);

    let suppressed = false;
    search: for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        for (let k = heads[row * grid + column]; k >= 0; k = next[k]) {
          const v = 5 * k;
          const w = f32(Math.min(x2, values[v + 2]) - Math.max(x1, values[v]));
          if (!(w > 0)) continue;
          const h = f32(Math.min(y2, values[v + 3]) - Math.max(y1, values[v + 1]));
          if (!(h > 0)) continue;
          const intersection = f32(w * h);
          const overlap = f32(intersection / f32(f32(values[v + 4] + area) - intersection));
          if (overlap > iouThreshold && (labels === undefined || labels[kept[k]] === labels[i])) {
            suppressed = true;
            break search;
          }
        }
      }
    }
    if (suppressed) continue;

    const home = cell(centerY * scaleY, grid) * grid + cell(centerX * scaleX, grid);
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

/** @throws RangeError if the threshold is out of range, or there is not one label per box */
export function checkCandidates({ boxes, labels }: Candidates, iouThreshold: number): void {
  if (!(iouThreshold >= 0 && iouThreshold <= 1)) {
    throw new RangeError(`nms: IoU threshold ${iouThreshold}, expected 0 to 1`);
  }
  if (labels && labels.length * 4 !== boxes.length) {
    throw new RangeError(
      `nms: ${labels.length} labels for ${boxes.length / 4} boxes, expected one label per box`,
    );
  }
}

/** The grid coordinate of a scaled position; 0 for NaN (non-finite boxes). */
function cell(position: number, grid: number): number {
  return position > 0 ? (position < grid ? position | 0 : grid - 1) : 0;
}

/** The bounding box of all centres: [xmin, ymin, xmax, ymax]. */
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
