// The dictionary chosen for a teacher's activations.
import { add, mul, type Tensor } from "@qmimic/torch";
import { beforeAll, expect, it } from "vitest";
import { createImageStore } from "../../src/data/imageStore.js";
import { readVoc } from "../../src/data/voc.js";
import { chooseQuantizer } from "../../src/mimic/calibrate.js";
import type { Detector } from "../../src/models/index.js";
import { makeVoc, temporaryFolder } from "../data/temporary.js";

const root = await temporaryFolder();
let images: Parameters<typeof chooseQuantizer>[2];

beforeAll(async () => {
  await makeVoc(root, { a: [{ name: "cat", box: [10, 20, 50, 60] }] }, { train: "a\n" });
  const dataset = await readVoc(root, "train");
  images = { dataset, store: createImageStore(dataset.samples) };
});

/** A teacher whose activations are all `value`, whatever it sees. */
const teacher = (value: number) =>
  ({
    eval() {},
    backbone: { forward: (x: Tensor) => add(mul(x, 0), value) },
  }) as unknown as Detector;

const choose = (value: number, settings: Partial<Parameters<typeof chooseQuantizer>[1]> = {}) =>
  chooseQuantizer(
    teacher(value),
    { quantizer: "uniform", quantizerStride: "auto", side: 64, device: "cpu", ...settings },
    images,
    () => {},
  );

it("uniform: half the root mean square, or the stride given", async () => {
  expect(await choose(0.8)).toEqual({ kind: "uniform", stride: 0.4 });
  expect(await choose(0.8, { quantizerStride: 0.1 })).toEqual({ kind: "uniform", stride: 0.1 });
});

it("power-of-two: up to the largest activations", async () => {
  expect(await choose(3.9, { quantizer: "power-of-two" })).toEqual({
    kind: "power-of-two",
    minExponent: -3,
    maxExponent: 2,
  });
});

it("a teacher without any activation is refused", async () => {
  for (const quantizer of ["uniform", "power-of-two"] as const)
    await expect(choose(0, { quantizer })).rejects.toThrow(/last feature map is 0 in all 1 images/);
});
