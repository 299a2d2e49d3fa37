// The balance of two losses' gradients at a map that both depend on.
import { backward, gradientAt, mul, scope, sub, sum, tensor } from "@qmimic/torch";
import { expect, test } from "vitest";
import { gradientBalance, meanBalance } from "../../src/mimic/gradients.js";

test("ratio of norms and cosine of the angle, at a tensor inside the graph; leaves are left alone", () => {
  scope(() => {
    const weight = tensor([1, -2, 3]);
    weight.requiresGrad = true;
    const map = mul(weight, tensor([2, 2, 2]));
    // Gradients at the map: task (1, 1, 0), mimicry 2 * (map - (2, -4, 3)) = (0, 0, 6).
    const task = sum(mul(map, tensor([1, 1, 0])));
    const gap = sub(map, tensor([2, -4, 3]));
    const mimicry = sum(mul(gap, gap));
    expect([...gradientAt(mimicry, map).toFloat32()]).toEqual([0, 0, 6]);
    const right = gradientBalance(task, mimicry, map);
    expect(right.ratio).toBeCloseTo(6 / Math.SQRT2, 5);
    expect(right.cosine).toBeCloseTo(0, 6);
    expect(gradientBalance(task, mul(task, -2), map)).toEqual({ ratio: 2, cosine: expect.closeTo(-1, 5) });

    expect(weight.grad).toBeNull();
    backward(task);
    expect([...weight.grad!.toFloat32()]).toEqual([2, 2, 0]);
  });
});

test("means leave out what could not be told", () => {
  const nothing = { ratio: Number.NaN, cosine: Number.NaN };
  expect(meanBalance([{ ratio: 1, cosine: 0.5 }, nothing, { ratio: 3, cosine: 0 }])).toEqual({
    ratio: 2,
    cosine: 0.25,
  });
  expect(meanBalance([])).toEqual(nothing);
});
