// Areas and overlaps of boxes in double precision. `extra` is added to every side: 1 if boxes include their
// last pixel.
import type { Numbers } from "./types.js";

export const areaOf = (boxes: Numbers, i: number, extra = 0): number =>
  (boxes[4 * i + 2] - boxes[4 * i] + extra) * (boxes[4 * i + 3] - boxes[4 * i + 1] + extra);

/** A measure of box i of `a` and box j of `b`. */
type OfPair = (a: Numbers, i: number, b: Numbers, j: number) => number;

/** Intersection area. */
export const intersectionWith =
  (extra: number): OfPair =>
  (a, i, b, j) => {
    const p = 4 * i;
    const q = 4 * j;
    const w = Math.min(a[p + 2], b[q + 2]) - Math.max(a[p], b[q]) + extra;
    const h = Math.min(a[p + 3], b[q + 3]) - Math.max(a[p + 1], b[q + 1]) + extra;
    return w <= 0 || h <= 0 ? 0 : w * h;
  };

/** IoU; 0 for boxes without area. */
export function overlapWith(extra: number): OfPair {
  const intersectionOf = intersectionWith(extra);
  return (a, i, b, j) => {
    const shared = intersectionOf(a, i, b, j);
    return shared === 0 ? 0 : shared / (areaOf(a, i, extra) + areaOf(b, j, extra) - shared);
  };
}
