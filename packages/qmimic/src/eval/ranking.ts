// Ranks detections by score.
import { topK } from "@qmimic/runtime";

/** Indices of `scores`, highest first; ties: lower index first. No score is NaN. */
export function descending(scores: readonly number[] | Float32Array | Float64Array): Int32Array {
  // Detectors output float32, which can be sorted faster by its bits.
  const single = Float32Array.from(scores);
  if (scores.every((score, i) => score === single[i])) return topK(single);
  return Int32Array.from({ length: scores.length }, (_, i) => i).sort(
    (a, b) => scores[b] - scores[a] || a - b,
  );
}
