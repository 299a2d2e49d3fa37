// Areas and overlaps of boxes in double precision. `extra` is added to every side: 1 if boxes include their
// last pixel.
import type { Numbers } from "./types.js";

export const areaOf = (boxes: Numbers, i: number, extra = 0): number =>
  (boxes[4 * i + 2] - boxes[4 * i] + extra) * (boxes[4 * i + 3] - boxes[4 * i + 1] + extra);

/** Intersection area of box i of `a` and box j of `b`. */
export function intersectionOf(a: Numbers, i: number, b: Numbers, j: number, extra = 0): number {
  const p = 4 * i;
  const q = 4 * j;
  const w = Math.min(a[p + 2], b[q + 2]) - Math.max(a[p], b[q]) + extra;
  const h = Math.min(a[p + 3], b[q + 3]) - Math.max(a[p + 1], b[q + 1]) + extra;
  return w <= 0 || h <= 0 ? 0 : w * h;
}

/** IoU of box i of `a` and box j of `b`; 0 for boxes without area. */
export function overlapOf(a: Numbers, i: number, b: Numbers, j: number, extra = 0): number {
  const shared = intersectionOf(a, i, b, j, extra);
  return shared === 0 ? 0 : shared / (areaOf(a, i, extra) + areaOf(b, j, extra) - shared);
}
