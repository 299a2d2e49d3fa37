// Counts and means shared by the protocols. A missing number is NaN in sums and null in results.
import type { ImageGroundTruth } from "./types.js";

/** NaN without values. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Sample standard deviation; 0 for one value. */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

export const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);

/** Number of ignored objects per class. */
export function countDifficult(groundTruths: readonly ImageGroundTruth[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const { labels, difficult } of groundTruths) {
    for (let g = 0; g < labels.length; g++) if (difficult[g] !== 0) counts[labels[g]]++;
  }
  return counts;
}
