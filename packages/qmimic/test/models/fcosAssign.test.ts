// Which cells learn which object, on maps made by hand.
import { encodeDistances } from "@qmimic/runtime";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import type { CellArrays } from "../../src/models/fcos/alignment.js";
import { type AssignedCells, assignCells } from "../../src/models/fcos/assign.js";
import type { Target } from "../../src/models/targets.js";

const [height, width, stride] = [6, 8, 4];
const plane = height * width;
const whole = Float32Array.of(0, 0, width * stride, height * stride);

const target = (
  boxes: number[],
  labels: number[] = boxes.slice(boxes.length * 0.75).map(() => 1),
  ignore: number[] = [],
): Target => ({
  boxes: Float32Array.from(boxes),
  labels: Int32Array.from(labels),
  ignore: Float32Array.from(ignore),
});

/** Every cell of every image says logit 0 of each class, and a box that reaches `reach` cells to each side. */
const flat = (images: number, classes: number, reach: number): CellArrays => ({
  logits: new Float32Array(images * classes * plane),
  distances: new Float32Array(images * 4 * plane).fill(reach),
  classes,
  height,
  width,
  stride,
});

/** Column and row of each cell of an image that learns an object. */
const places = ({ cells }: AssignedCells, image = 0): string[] =>
  [...cells]
    .filter((cell) => Math.floor(cell / plane) === image)
    .map((cell) => `${cell % width},${Math.floor((cell % plane) / width)}`)
    .sort();

const iou = (a: number[], b: number[]): number => {
  const area = ([x1, y1, x2, y2]: number[]) => (x2 - x1) * (y2 - y1);
  const w = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const h = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  return (w * h) / (area(a) + area(b) - w * h);
};

describe("cells that count", () => {
  const counted = (placed: Float32Array, ignore: number[] = []) => {
    const { counted } = assignCells(flat(1, 1, 1), [target([], [], ignore)], placed, 4);
    return Array.from({ length: height }, (_, y) => counted.subarray(y * width, (y + 1) * width).join(""));
  };

  test("are those whose centres are on the image", () => {
    expect(counted(whole)).toEqual(Array(height).fill("11111111"));
    // Centres are at 2, 6, 10, ...: 6 is on the image, 14 and 26 are past its ends.
    expect(counted(Float32Array.of(6, 3, 26, 14))).toEqual([
      "00000000",
      "01111100",
      "01111100",
      "00000000",
      "00000000",
      "00000000",
    ]);
    expect(counted(new Float32Array(4))).toEqual(Array(height).fill("00000000"));
  });

  test("are not those that an ignored region covers by more than half", () => {
    // Columns 1 and 2 whole, 3 by three quarters, 0 by a half.
    expect(counted(whole, [2, 4, 15, 12])[1]).toBe("10001111");
    expect(counted(whole, [2, 4, 15, 12]).map((row) => row === "11111111")).toEqual([
      true,
      false,
      false,
      true,
      true,
      true,
    ]);
    expect(counted(whole, [-100, -100, 200, 200])).toEqual(Array(height).fill("00000000"));
  });

  test("are those that learn an object, even in an ignored region", () => {
    const found = assignCells(flat(1, 1, 1), [target([8, 8, 16, 16], [1], [0, 0, 32, 24])], whole, 4);
    expect(found.cells).toHaveLength(4);
    expect(found.counted.reduce((sum, value) => sum + value, 0)).toBe(4);
  });
});

test("the best aligned: score * IoU^6 * proximity, and scores relative to the best", () => {
  const random = createRandom("aligned");
  const said = flat(1, 2, 0);
  for (let i = 0; i < said.logits.length; i++) said.logits[i] = 4 * random() - 2;
  for (let i = 0; i < said.distances.length; i++) said.distances[i] = 0.2 + 3 * random();
  const box = [3, 5, 25, 20];
  const found = assignCells(said, [target(box, [2])], whole, 5);

  const all: { cell: number; alignment: number; overlap: number }[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [cx, cy] = [(x + 0.5) * stride, (y + 0.5) * stride];
      if (cx < box[0] || cx > box[2] || cy < box[1] || cy > box[3]) continue;
      const cell = y * width + x;
      const [l, t, r, b] = [0, 1, 2, 3].map((k) => stride * said.distances[k * plane + cell]);
      const overlap = iou([cx - l, cy - t, cx + r, cy + b], box);
      const score = 1 / (1 + Math.exp(-said.logits[plane + cell]));
      const [dx, dy] = [cx - (box[0] + box[2]) / 2, cy - (box[1] + box[3]) / 2];
      const near = iou([box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy], box);
      all.push({ cell, alignment: score * (overlap + 1e-3) ** 6 * near, overlap });
    }
  }
  const best = all.sort((a, b) => b.alignment - a.alignment).slice(0, 5);
  expect([...found.cells]).toEqual(best.map(({ cell }) => cell));
  const highest = Math.max(...best.map(({ overlap }) => overlap));
  best.forEach(({ cell, alignment }) => {
    expect(found.scores[plane + cell]).toBeCloseTo((highest * alignment) / best[0].alignment, 5);
  });
  expect(found.scores.filter((one) => one > 0)).toHaveLength(5);
  expect(found.total).toBeCloseTo(
    found.scores.reduce((sum, value) => sum + value, 0),
    5,
  );
  const goals = encodeDistances(Float32Array.from(best.flatMap(() => box)), found.cells, said);
  expect([...found.goals]).toEqual([...goals]);
});

describe("each object has cells", () => {
  const boxes = (box: number[]) => places(assignCells(flat(1, 1, 1), [target(box)], whole, 4));

  test("when all boxes fit alike: those nearest to the middle", () => {
    expect(boxes([8, 8, 24, 16])).toEqual(["3,2", "3,3", "4,2", "4,3"]);
  });

  test("when it is smaller than a cell, between four of them or in the middle of one", () => {
    expect(boxes([15.5, 11.5, 16.5, 12.5])).toEqual(["3,2", "3,3", "4,2", "4,3"]);
    expect(boxes([9.5, 9.5, 10.5, 10.5])).toContain("2,2");
  });

  test("when it is in a corner, on an edge, or its box meets no cell's", () => {
    expect(boxes([0, 0, 1, 1])).toContain("0,0");
    expect(boxes([31, 23, 32, 24])).toContain("7,5");
    const small = assignCells(flat(1, 1, 1e-6), [target([0.1, 0.1, 0.2, 0.2])], whole, 4);
    expect(places(small)).toContain("0,0");
    expect([...small.scores, ...small.goals].every(Number.isFinite)).toBe(true);
  });

  test("when the image is smaller than the map", () => {
    const found = assignCells(flat(1, 1, 1), [target([9, 5, 11, 7])], Float32Array.of(8, 4, 12, 8), 4);
    expect(places(found)).toEqual(["2,1"]);
  });

  test("when the scores are as low as can be", () => {
    const said = flat(1, 1, 1);
    said.logits.fill(-1e4);
    const found = assignCells(said, [target([8, 8, 24, 16])], whole, 4);
    expect(found.cells).toHaveLength(4);
    expect([...found.scores].every((one) => one === 0)).toBe(true);
  });
});

test("a cell learns the object that its box overlaps most; one that lost all takes what another can spare", () => {
  // Both objects want the same four cells, whose boxes fit the first.
  const said = flat(1, 2, 1);
  const found = assignCells(said, [target([12, 8, 20, 16, 12.5, 8.5, 19.5, 15.5], [1, 2])], whole, 4);
  expect(places(found)).toEqual(["3,2", "3,3", "4,2", "4,3"]);
  const of = (label: number) =>
    found.scores.subarray((label - 1) * plane, label * plane).filter((score) => score > 0).length;
  expect([of(1), of(2)]).toEqual([3, 1]);
});

test("two objects and one cell: one of them has it", () => {
  const found = assignCells(
    flat(1, 1, 1),
    [target([9, 5, 11, 7, 9, 5, 11, 7])],
    Float32Array.of(8, 4, 12, 8),
    4,
  );
  expect(places(found)).toEqual(["2,1"]);
});

test("images of a batch are apart, and one without objects has none", () => {
  const one = target([8, 8, 16, 16], [2]);
  const found = assignCells(
    flat(3, 2, 1),
    [target([]), one, one],
    Float32Array.from([...whole, ...whole, 0, 0, 8, 8]),
    4,
  );
  expect(places(found, 0)).toEqual([]);
  expect(places(found, 1)).toEqual(["2,2", "2,3", "3,2", "3,3"]);
  // The object lies on padding: the nearest cell of the image.
  expect(places(found, 2)).toEqual(["1,1"]);
  expect(found.scores.subarray(0, 3 * plane).every((score) => score === 0)).toBe(true);
  expect(found.goals).toHaveLength(4 * found.cells.length);
});
