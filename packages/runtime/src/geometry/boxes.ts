// Axis-aligned boxes in flat arrays: box i is [4i .. 4i+3] = xmin, ymin, xmax, ymax in pixels.
//
// Areas and IoU are rounded to single precision after every operation, like torchvision.ops.boxes on float32
// tensors, so that thresholds and ties have the same outcome in training, in tests and in the browser.

const f32 = Math.fround;

/** Boxes of one image with their scores and labels, in any order. */
export interface ScoredBoxes {
  /** [N, 4] xyxy */
  boxes: Float32Array;
  /** [N] */
  scores: Float32Array;
  /** [N], 1..classes */
  labels: Int32Array;
}

/**
 * Area of box `i` in square pixels; negative when exactly one side is inverted.
 * @param boxes [N, 4] xyxy
 */
export function boxArea(boxes: Float32Array, i: number): number {
  const k = 4 * i;
  return f32(f32(boxes[k + 2] - boxes[k]) * f32(boxes[k + 3] - boxes[k + 1]));
}

/**
 * Intersection over union of box `i` of `a` and box `j` of `b`, in 0..1. Two boxes without area have IoU 0
 * (torchvision: NaN).
 * @param a [N, 4] xyxy
 * @param b [M, 4] xyxy
 */
export function iou(a: Float32Array, i: number, b: Float32Array, j: number): number {
  const p = 4 * i;
  const q = 4 * j;
  const w = f32(Math.min(a[p + 2], b[q + 2]) - Math.max(a[p], b[q]));
  const h = f32(Math.min(a[p + 3], b[q + 3]) - Math.max(a[p + 1], b[q + 1]));
  if (!(w > 0 && h > 0)) return 0;
  const intersection = f32(w * h);
  return f32(intersection / f32(f32(boxArea(a, i) + boxArea(b, j)) - intersection));
}

/**
 * Clips boxes to an area, in place (torchvision `clip_boxes_to_image`, whose image starts at 0, 0).
 * @param boxes [N, 4] xyxy
 * @param area xyxy
 * @returns `boxes`
 */
export function clipBoxes(boxes: Float32Array, area: ArrayLike<number>): Float32Array {
  const left = area[0];
  const top = area[1];
  const right = area[2];
  const bottom = area[3];
  for (let k = 0; k < boxes.length; k += 2) {
    boxes[k] = Math.max(left, Math.min(boxes[k], right));
    boxes[k + 1] = Math.max(top, Math.min(boxes[k + 1], bottom));
  }
  return boxes;
}

/**
 * Indices of the boxes with both sides at least `minSize` pixels (torchvision `remove_small_boxes`).
 * @param boxes [N, 4] xyxy
 * @returns ascending indices of the boxes to keep
 */
export function removeSmallBoxes(boxes: Float32Array, minSize: number): Int32Array {
  const keep = new Int32Array(boxes.length >> 2);
  const limit = f32(minSize);
  let count = 0;
  for (let i = 0, k = 0; k < boxes.length; i++, k += 4) {
    if (f32(boxes[k + 2] - boxes[k]) >= limit && f32(boxes[k + 3] - boxes[k + 1]) >= limit) keep[count++] = i;
  }
  return keep.slice(0, count);
}

/**
 * The boxes at `indices`.
 * @param boxes [N, 4]
 * @returns [indices.length, 4]
 */
export function takeBoxes(boxes: Float32Array, indices: Int32Array): Float32Array {
  const taken = new Float32Array(4 * indices.length);
  for (let i = 0; i < indices.length; i++) {
    const from = 4 * indices[i];
    for (let k = 0; k < 4; k++) taken[4 * i + k] = boxes[from + k];
  }
  return taken;
}

/** `values[i]` for each of `indices`. A loop, because Float32Array.from with a function takes 15 times as long. */
export function takeValues(values: Float32Array, indices: Int32Array): Float32Array {
  const taken = new Float32Array(indices.length);
  for (let i = 0; i < indices.length; i++) taken[i] = values[indices[i]];
  return taken;
}
