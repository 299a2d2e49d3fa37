// Training targets, and which boxes count as background.
import { BELOW_LOW, BETWEEN } from "@qmimic/runtime";

/** The objects in one image, in pixels of the network's input. */
export interface Target {
  /** [N, 4] xyxy */
  boxes: Float32Array;
  /** [N], 1..classes */
  labels: Int32Array;
  /** [M, 4] xyxy: regions that are neither object nor background (difficult, or cut off by a crop). */
  ignore: Float32Array;
}

/**
 * Removes boxes with more than half their area in an ignored region from the background, in place.
 * @param boxes [N, 4] xyxy
 * @param matches [N], from matchAnchors
 */
export function ignoreRegions(boxes: Float32Array, matches: Int32Array, ignore: Float32Array): void {
  for (let k = 0; k < ignore.length; k += 4) {
    for (let i = 0; i < matches.length; i++) {
      if (matches[i] !== BELOW_LOW) continue;
      const b = 4 * i;
      const w = Math.min(boxes[b + 2], ignore[k + 2]) - Math.max(boxes[b], ignore[k]);
      const h = Math.min(boxes[b + 3], ignore[k + 3]) - Math.max(boxes[b + 1], ignore[k + 1]);
      if (w <= 0 || h <= 0) continue;
      const area = (boxes[b + 2] - boxes[b]) * (boxes[b + 3] - boxes[b + 1]);
      if (w * h > 0.5 * area) matches[i] = BETWEEN;
    }
  }
}

/** Concatenates arrays, for instance of flat boxes. */
export const concatFloats = (...lists: readonly Float32Array[]): Float32Array =>
  fillFrom(lists, new Float32Array(lengthOf(lists)));

/** The same for integers. */
export const concatIntegers = (lists: readonly Int32Array[]): Int32Array =>
  fillFrom(lists, new Int32Array(lengthOf(lists)));

const lengthOf = (lists: readonly { length: number }[]): number =>
  lists.reduce((sum, list) => sum + list.length, 0);

function fillFrom<A extends Float32Array | Int32Array>(lists: readonly A[], all: A): A {
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}
