// Whether two lists of detections are of the same objects.
import type { Detection } from "@qmimic/runtime";
import { expect } from "vitest";

/**
 * Each detection of either side has its like on the other. Those as good as the worst may have made way for one another.
 * @returns how many were compared
 */
export function expectSame(
  found: readonly Detection[],
  expected: readonly Detection[],
  where: string,
): number {
  const worst = Math.max(found.at(-1)?.score ?? 0, expected.at(-1)?.score ?? 0) + 1e-4;
  let count = 0;
  for (const [side, other] of [
    [found, expected],
    [expected, found],
  ])
    for (const { label, score, box } of side.filter((one) => one.score > worst)) {
      const like = other.some(
        (one) =>
          one.label === label &&
          Math.abs(one.score - score) < 1e-4 &&
          (["xmin", "ymin", "xmax", "ymax"] as const).every((k) => Math.abs(one.box[k] - box[k]) < 0.01),
      );
      expect(like, `${where}: ${label} ${score} ${JSON.stringify(box)}`).toBe(true);
      count++;
    }
  return count;
}
