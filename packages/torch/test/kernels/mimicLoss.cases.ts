// qmimic::mimic_loss against the same loss written with libtorch's operators.
import { expect, test } from "vitest";
import { cast, mimicLoss, mul, quantize, reshape, sub, sum, type Tensor, tensor } from "../../src/index.js";
import { evaluate, expectClose, seeded, uniform } from "../helpers.js";

const shape = [2, 5, 7, 11];
const [batch, channels, height, width] = shape;
const size = batch * channels * height * width;
const stride = 0.4;

function given(seed: number) {
  const random = seeded(seed);
  const prediction = { shape, data: uniform(size, random, -1, 3) };
  const codes = Uint8Array.from({ length: size }, () => Math.floor(random() * 6));
  // A third of the cells lies in no region.
  const weight = uniform(batch * height * width, random).map((value) => Math.max(0, value + 0.3));
  return { prediction, codes, weight };
}

function reference(prediction: Tensor, target: Tensor, weight: Float32Array): Tensor {
  const gap = sub(prediction, target);
  return sum(mul(mul(gap, gap), tensor(weight, [batch, 1, height, width])));
}

export function mimicCases(): void {
  test("mimicLoss on codes: weighted squared difference of quantized maps, and its gradient", () => {
    const { prediction, codes, weight } = given(1);
    const target = tensor(codes, shape);
    const cells = tensor(weight, [batch, height, width]);
    const actual = evaluate(
      (x) => mimicLoss(x, target, cells, stride).loss,
      [prediction],
      Float32Array.of(0.7),
    );
    const decoded = mul(cast(target, "float32"), stride);
    const expected = evaluate(
      (x) => reference(quantize(x, stride), decoded, weight),
      [prediction],
      Float32Array.of(0.7),
    );
    expectClose(actual.output, expected.output, 1e-5);
    expectClose(actual.gradients[0], expected.gradients[0], 1e-5);
  });

  test("mimicLoss counts the weighted entries that match", () => {
    const { prediction, codes, weight } = given(2);
    const { matches } = mimicLoss(
      tensor(prediction.data, shape),
      tensor(codes, shape),
      tensor(weight, [batch, height, width]),
      stride,
    );
    const rounded = quantize(tensor(prediction.data, shape), stride).toFloat32();
    let [matched, compared] = [0, 0];
    for (let i = 0; i < size; i++) {
      const cell = Math.floor(i / (channels * height * width)) * height * width + (i % (height * width));
      if (weight[cell] === 0) continue;
      compared++;
      if (Math.round(rounded[i] / stride) === codes[i]) matched++;
    }
    expect(matched).toBeGreaterThan(10);
    expect([...matches.toArray()]).toEqual([BigInt(matched), BigInt(compared)]);
  });

  test("mimicLoss on features, without quantizer", () => {
    const { prediction, weight } = given(3);
    const features = tensor(uniform(size, seeded(4)), shape);
    const cells = tensor(weight, [batch, height, width]);
    const actual = evaluate((x) => mimicLoss(x, features, cells, 0).loss, [prediction], null);
    const expected = evaluate((x) => reference(x, features, weight), [prediction], null);
    expectClose(actual.output, expected.output, 1e-5);
    expectClose(actual.gradients[0], expected.gradients[0], 1e-5);
  });

  test("mimicLoss without any region is 0, without gradient", () => {
    const { prediction, codes } = given(5);
    const none = tensor(new Float32Array(batch * height * width), [batch, height, width]);
    const { output, gradients } = evaluate(
      (x) => mimicLoss(x, tensor(codes, shape), none, stride).loss,
      [prediction],
      null,
    );
    expect([...output]).toEqual([0]);
    expect(gradients[0].every((value) => value === 0)).toBe(true);
  });

  test("mimicLoss names shapes that differ", () => {
    const { prediction, codes } = given(6);
    const cells = reshape(tensor(new Float32Array(batch * height * width)), [batch, width, height]);
    expect(() => mimicLoss(tensor(prediction.data, shape), tensor(codes, shape), cells, stride)).toThrow(
      /weight.*\[2, 11, 7\].*\[2, 7, 11\]/s,
    );
  });
}
