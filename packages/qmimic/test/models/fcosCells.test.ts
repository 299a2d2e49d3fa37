// What cells say, picked out of maps, and the loss between two sets of boxes that are distances from one point.
import { backward, scope, tensor } from "@qmimic/torch";
import { expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { iouLoss, pickCells } from "../../src/models/cells.js";

/** 1 - GIoU of two boxes xyxy. */
function formula(a: readonly number[], b: readonly number[]): number {
  const area = ([x1, y1, x2, y2]: readonly number[]) => (x2 - x1) * (y2 - y1);
  const w = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const h = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const union = area(a) + area(b) - w * h;
  const hull = area([Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])]);
  return 1 - ((w * h) / union - (hull - union) / hull);
}

test("generalized IoU: equal, inside, beside, apart, and many at random", () => {
  const random = createRandom("giou");
  const pairs: [number[], number[]][] = [
    [
      [2, 2, 2, 2],
      [2, 2, 2, 2],
    ],
    [
      [1, 1, 1, 1],
      [3, 3, 3, 3],
    ],
    [
      [2, 1, 0, 1],
      [0, 1, 2, 1],
    ],
    // A goal that the point is not in.
    [
      [1, 1, 1, 1],
      [-5, -5, 6, 6],
    ],
    ...Array.from({ length: 20 }, (): [number[], number[]] => {
      const shift = random();
      return [
        Array.from({ length: 4 }, () => 0.1 + 4 * random()),
        [-shift, 2 * random(), shift + 3 * random() + 0.1, 1],
      ];
    }),
  ];
  const columns = (side: 0 | 1) =>
    tensor(Float32Array.from([0, 1, 2, 3].flatMap((k) => pairs.map((pair) => pair[side][k]))), [
      4,
      pairs.length,
    ]);
  const box = ([left, top, right, bottom]: number[]) => [-left, -top, right, bottom];
  const loss = scope(() => iouLoss(columns(0), columns(1)).toFloat32());
  pairs.forEach(([a, b], i) => {
    expect(loss[i], `${a} ${b}`).toBeCloseTo(formula(box(a), box(b)), 4);
  });
  expect(loss[0]).toBeCloseTo(0, 5);
});

test("its gradient is finite for boxes of almost no area, and there is no loss for no boxes", () => {
  scope(() => {
    const distances = tensor(new Float32Array(4).fill(1e-20), [4, 1]);
    distances.requiresGrad = true;
    const loss = iouLoss(distances, tensor(new Float32Array(4).fill(1e-20), [4, 1]));
    expect(loss.item()).toBeLessThanOrEqual(2);
    backward(loss);
    expect([...distances.grad!.toFloat32()].every(Number.isFinite)).toBe(true);
    expect(iouLoss(tensor(new Float32Array(0), [4, 0]), tensor(new Float32Array(0), [4, 0])).size).toBe(0);
  });
});

test("picked cells: one row for each channel", () => {
  scope(() => {
    // Two images of two channels of 2 x 3 cells; a value names its place.
    const map = tensor(
      Float32Array.from({ length: 24 }, (_, i) => i),
      [2, 2, 2, 3],
    );
    const picked = pickCells(map, Int32Array.of(4, 6, 11));
    expect(picked.shape).toEqual([2, 3]);
    expect([...picked.toFloat32()]).toEqual([4, 12, 17, 10, 18, 23]);
    expect(pickCells(map, new Int32Array(0)).shape).toEqual([2, 0]);
  });
});
