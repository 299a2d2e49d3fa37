// Boxes as distances from cell centres, compared with the explicit formula, and round trips.
import { expect, test } from "vitest";
import { decodeDistances, encodeDistances } from "../src/index.js";

// A map of 3 x 5 cells with stride 8: cell 7 is (2, 1), centre (20, 12); cell 4 is (4, 0), centre (36, 4).
const grid = { width: 5, stride: 8 };
const cells = Int32Array.of(7, 4);
const boxes = Float32Array.of(16, 4, 44, 28, 37, 0, 39, 6);

test("distances are in cells, from the centre to each side, negative past the centre", () => {
  const distances = encodeDistances(boxes, cells, grid);
  expect([...distances.subarray(0, 4)]).toEqual([4 / 8, 8 / 8, 24 / 8, 16 / 8]);
  expect([...distances.subarray(4)]).toEqual([-1 / 8, 4 / 8, 3 / 8, 2 / 8]);
});

test("boxes of some cells of a map", () => {
  const map = new Float32Array(4 * 15);
  const distances = encodeDistances(boxes, cells, grid);
  cells.forEach((cell, i) => {
    for (let k = 0; k < 4; k++) map[15 * k + cell] = distances[4 * i + k];
  });
  expect([...decodeDistances(map, cells, grid)]).toEqual([...boxes]);
  expect([...decodeDistances(map, cells.slice().reverse(), grid)]).toEqual([
    ...boxes.subarray(4),
    ...boxes.subarray(0, 4),
  ]);
  // With all distances 0, the box is the centre itself.
  expect([...decodeDistances(map, Int32Array.of(14), grid)]).toEqual([36, 20, 36, 20]);
});

test("no cells give no boxes; mismatched lengths throw", () => {
  const none = new Int32Array(0);
  expect(encodeDistances(new Float32Array(0), none, grid)).toHaveLength(0);
  expect(decodeDistances(new Float32Array(60), none, grid)).toHaveLength(0);
  expect(() => encodeDistances(boxes, Int32Array.of(1), grid)).toThrow(
    "encodeDistances: 8 coordinates for 1 cells",
  );
});
