// Boxes from the distances to their sides.
import { expect, test } from "vitest";
import { decodeDistances } from "../src/index.js";

test("a cell's box lies around its centre, in pixels", () => {
  const [height, width, stride] = [2, 3, 8];
  const size = height * width;
  const distances = new Float32Array(4 * size);
  // Cell (x 2, y 1), centre (20, 12).
  for (const [k, distance] of [1, 0.5, 2, 1.25].entries()) distances[k * size + 5] = distance;
  expect([...decodeDistances(Int32Array.of(5, 0), distances, width, stride)]).toEqual([
    ...[12, 8, 36, 22],
    ...[4, 4, 4, 4],
  ]);
});

test("distances that no input has are clamped", () => {
  const box = decodeDistances(Int32Array.of(0), Float32Array.of(1e30, Infinity, 1e30, 1), 1, 4);
  expect(box.every(Number.isFinite)).toBe(true);
  expect([...box]).toEqual([4 * (0.5 - 4096), 4 * (0.5 - 4096), 4 * (0.5 + 4096), 6]);
});
