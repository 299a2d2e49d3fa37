// The order in which detections are judged.
import { topK } from "@qmimic/runtime";

/** Positions of `scores`, the highest first; among equal scores the lower position first. No score is NaN. */
export function descending(scores: readonly number[] | Float32Array | Float64Array): Int32Array {
  // Detectors give single precision, which is sorted by its bits, and quicker.
  const single = Float32Array.from(scores);
  if (scores.every((score, i) => score === single[i])) return topK(single);
  return Int32Array.from({ length: scores.length }, (_, i) => i).sort(
    (a, b) => scores[b] - scores[a] || a - b,
  );
}
