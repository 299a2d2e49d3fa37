// Notes of data check on objects too small, or too many in an image, for a detector.
import { counted, someOf } from "./problems.js";
import type { Dataset } from "./types.js";

export interface SizeLimits {
  /** Longest side of the network's input in pixels. */
  side: number;
  /** Input pixels per cell of the last feature map. */
  stride: number;
  /** Maximum detections per image. */
  detections: number;
}

/** A recipe's defaults. */
export const SIZE_LIMITS: Readonly<SizeLimits> = { side: 480, stride: 4, detections: 100 };

export function objectNotes(datasets: readonly Dataset[], limits: SizeLimits): string[] {
  return [...smallNotes(datasets, limits), ...denseNotes(datasets, limits.detections)];
}

/** Objects whose shorter side is less than a cell, and the input side at which 95 % of all cover one. */
function smallNotes(datasets: readonly Dataset[], { side, stride }: SizeLimits): string[] {
  return datasets.flatMap(({ split, samples }) => {
    /** For each object, the input side at which it covers a cell. */
    const needed: number[] = [];
    for (const { boxes, difficult, width, height } of samples) {
      for (let i = 0; i < difficult.length; i++) {
        if (difficult[i] !== 0) continue;
        const shorter = Math.min(boxes[4 * i + 2] - boxes[4 * i], boxes[4 * i + 3] - boxes[4 * i + 1]);
        needed.push((stride * Math.max(width, height)) / shorter);
      }
    }
    const small = needed.filter((neededSide) => neededSide > side).length;
    if (small === 0) return [];
    const sorted = needed.sort((a, b) => a - b);
    const neededByMost = Math.ceil(sorted[Math.ceil(0.95 * sorted.length) - 1]);
    const all = Math.ceil(sorted[sorted.length - 1]);
    const remedy =
      neededByMost > side
        ? `95 % of the objects would need --side ${neededByMost}, all `
        : "all would need --side ";
    return [
      `${split}: ${counted(small, "object")} of ${needed.length} ${small === 1 ? "is" : "are"} smaller than a cell (${stride} px) at --side ${side}; ${remedy}${all}.`,
    ];
  });
}

/** Images with more objects than the detection limit. */
export function denseNotes(datasets: readonly Dataset[], detections: number): string[] {
  return datasets.flatMap(({ split, samples }) => {
    const counts = samples.map(({ id, difficult }) => ({
      id,
      count: difficult.filter((flag) => flag === 0).length,
    }));
    const dense = counts.filter(({ count }) => count > detections);
    if (dense.length === 0) return [];
    const largestCount = dense.reduce((largest, { count }) => Math.max(largest, count), 0);
    return [
      `${split}: ${counted(dense.length, "image")} with more objects than box-detections ${detections} allows (${someOf(dense.map(({ id }) => id))}), up to ${largestCount}: the rest can never be found. Use --box-detections ${largestCount} or more.`,
    ];
  });
}
