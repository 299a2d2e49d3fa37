// qmimic::mimic_loss against the same loss written with libtorch's operators.

import { cast, conv2d, mul, reshape, sub, sum, type Tensor, tensor } from "@qmimic/torch";
import { describe, expect, test } from "vitest";
import { evaluate, expectClose, seeded, uniform } from "../../../../torch/test/helpers.js";
import { fusedMimicLoss } from "../../../src/native/mimicLoss.js";
import { quantize } from "../../../src/native/quantize.js";

const stride = 0.4;

/** Shapes that are no multiple of anything, one cell, and more channels than a tile. */
const SHAPES = [
  { batch: 2, own: 3, channels: 5, height: 7, width: 11 },
  { batch: 1, own: 1, channels: 1, height: 1, width: 1 },
  { batch: 3, own: 16, channels: 64, height: 13, width: 17 },
  { batch: 1, own: 9, channels: 12, height: 16, width: 32 },
];
type Shape = (typeof SHAPES)[number];

function given({ batch, own, channels, height, width }: Shape, seed: number) {
  const random = seeded(seed);
  const map = height * width;
  return {
    inputs: [
      { shape: [batch, own, height, width], data: uniform(batch * own * map, random, -1, 2) },
      { shape: [channels, own, 1, 1], data: uniform(channels * own, random) },
      { shape: [channels], data: uniform(channels, random) },
    ],
    codes: Uint8Array.from({ length: batch * channels * map }, () => Math.floor(random() * 6)),
    features: uniform(batch * channels * map, random),
    // A part of the cells lies in no region, among them a whole row of vectors.
    cells: uniform(batch * map, random).map((value, i) => (i % map < map / 3 ? 0 : Math.max(0, value + 0.4))),
    targetShape: [batch, channels, height, width],
    cellShape: [batch, height, width],
  };
}

const predict = (x: Tensor, weight: Tensor, bias: Tensor): Tensor => conv2d(x, weight, bias);

function reference(prediction: Tensor, target: Tensor, cells: Tensor): Tensor {
  const gap = sub(prediction, target);
  const [batch, height, width] = cells.shape;
  return sum(mul(mul(gap, gap), reshape(cells, [batch, 1, height, width])));
}

export function mimicCases(): void {
  test("fusedMimicLoss: where all entries match, loss and gradient are exactly 0", () => {
    const { inputs, cells, targetShape, cellShape } = given(SHAPES[2], 3);
    const uneven = 0.0371;
    const [x, weight, bias] = inputs.map(({ shape, data }) => tensor(data, shape));
    const own = quantize(predict(x, weight, bias), uneven).toFloat32();
    const codes = Uint8Array.from(own, (value) => Math.min(255, Math.round(value / uneven)));
    // Codes beyond a byte cannot match: their cells weigh nothing.
    const plane = targetShape[2] * targetShape[3];
    const beyond = new Set<number>();
    own.forEach((value, i) => {
      if (value / uneven > 255) beyond.add(Math.floor(i / (targetShape[1] * plane)) * plane + (i % plane));
    });
    const weights = tensor(
      cells.map((value, i) => (beyond.has(i) ? 0 : value)),
      cellShape,
    );
    const target = { target: tensor(codes, targetShape), stride: uneven };
    const { loss } = fusedMimicLoss(x, { weight, bias }, target, weights);
    expect(loss.item()).toBe(0);
  });

  describe.each(SHAPES)("fusedMimicLoss, $own -> $channels channels, $height x $width", (shape) => {
    test.each(["codes", "features"])("on %s: the weighted squared difference, and its gradients", (kind) => {
      const { inputs, codes, features, cells, targetShape, cellShape } = given(shape, 1);
      const weights = tensor(cells, cellShape);
      const [target, goal] =
        kind === "codes"
          ? [tensor(codes, targetShape), mul(cast(tensor(codes, targetShape), "float32"), stride)]
          : [tensor(features, targetShape), tensor(features, targetShape)];
      const s = kind === "codes" ? stride : 0;
      const round = (x: Tensor) => (s > 0 ? quantize(x, s) : x);
      const actual = evaluate(
        (x, weight, bias) => fusedMimicLoss(x, { weight, bias }, { target, stride: s }, weights).loss,
        inputs,
        Float32Array.of(0.7),
      );
      const expected = evaluate(
        (x, weight, bias) => reference(round(predict(x, weight, bias)), goal, weights),
        inputs,
        Float32Array.of(0.7),
      );
      expectClose(actual.output, expected.output, 1e-5);
      for (const [i, gradient] of actual.gradients.entries())
        expectClose(gradient, expected.gradients[i], 1e-4);
    });

    test("counts the weighted entries that match", () => {
      const { inputs, codes, cells, targetShape, cellShape } = given(shape, 2);
      const [x, weight, bias] = inputs.map((one) => tensor(one.data, one.shape));
      const target = tensor(codes, targetShape);
      const weights = tensor(cells, cellShape);
      const { matches } = fusedMimicLoss(x, { weight, bias }, { target, stride }, weights);
      const rounded = quantize(predict(x, weight, bias), stride).toFloat32();
      const map = shape.height * shape.width;
      let [matched, zero, compared] = [0, 0, 0];
      for (const [i, value] of rounded.entries()) {
        if (cells[Math.floor(i / (shape.channels * map)) * map + (i % map)] === 0) continue;
        compared++;
        if (Math.round(value / stride) !== codes[i]) continue;
        matched++;
        if (value === 0) zero++;
      }
      if (map > 1) {
        expect(zero).toBeGreaterThan(2);
        expect(matched).toBeGreaterThan(zero + 2);
      }
      expect([...matches.toArray()].map(Number)).toEqual([matched, zero, compared]);
    });
  });

  test("fusedMimicLoss without any region is 0, without gradient", () => {
    const { inputs, codes, targetShape, cellShape } = given(SHAPES[0], 5);
    const none = tensor(new Float32Array(2 * 77), cellShape);
    const teacher = { target: tensor(codes, targetShape), stride };
    const { output, gradients } = evaluate(
      (x, weight, bias) => fusedMimicLoss(x, { weight, bias }, teacher, none).loss,
      inputs,
      null,
    );
    expect([...output]).toEqual([0]);
    for (const gradient of gradients) expect(gradient.every((value) => value === 0)).toBe(true);
  });

  test("fusedMimicLoss names shapes that differ", () => {
    const { inputs, codes, targetShape } = given(SHAPES[0], 6);
    const [x, weight, bias] = inputs.map((one) => tensor(one.data, one.shape));
    const cells = tensor(new Float32Array(2 * 77), [2, 11, 7]);
    const teacher = { target: tensor(codes, targetShape), stride };
    expect(() => fusedMimicLoss(x, { weight, bias }, teacher, cells)).toThrow(
      /cells.*\[2, 11, 7\].*\[2, 7, 11\]/s,
    );
  });
}
