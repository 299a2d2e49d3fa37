// The order in which detections are judged.

/** Positions of `scores`, the highest first; among equal scores the lower position first. No score is NaN. */
export function descending(scores: ArrayLike<number>): Int32Array {
  return Int32Array.from({ length: scores.length }, (_, i) => i).sort(
    (a, b) => scores[b] - scores[a] || a - b,
  );
}
