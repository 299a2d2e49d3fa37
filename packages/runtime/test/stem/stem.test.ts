// First layers computed with bytes: the same results as the reference, up to single steps of the rounding.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Model, Operation } from "../../src/index.js";
import { stemConvolutions, stemOf } from "../../src/network/stem.js";
import { compare as compareHere, NODE_FLAGS, type Result } from "./compare.mjs";

type Networks = readonly (readonly (number | "pool" | "floats")[])[];

function compare(networks: Networks, flags = NODE_FLAGS): Result[] {
  const program = fileURLToPath(new URL("compare.mjs", import.meta.url));
  const output = execFileSync(process.execPath, [...flags, program, JSON.stringify(networks)]);
  return JSON.parse(output.toString());
}

test("single layers differ from the reference by at most a step, in few cells", () => {
  const results = compare([[1], [2], [3], [4]]);
  expect(results.filter(({ nonzero }) => nonzero > 0.2).length).toBeGreaterThan(20);
  for (const result of results) {
    expect(result.layers, result.name).toBe(1);
    expect(result.worst, result.name).toBeLessThan(1.01);
    expect(result.differ, result.name).toBeLessThan(0.08);
  }
});

test("the input is also there as floats, for others that read it", () => {
  for (const result of compare([[2, "pool", 4, "floats"]])) {
    expect(result.layers, result.name).toBe(2);
    expect(result.worst, result.name).toBeLessThan(3.01);
    expect(result.floats, result.name).toBeLessThan(2e-5);
  }
});

test("several layers and poolings differ by few steps", () => {
  for (const result of compare([
    [2, 2, "pool", 4, 4, "pool"],
    [4, "pool", 2, "pool", 3],
    [3, 1, 4, 2],
  ])) {
    expect(result.layers, result.name).toBeGreaterThan(2);
    expect(result.worst, result.name).toBeLessThan(4.01);
    expect(result.differ, result.name).toBeLessThan(0.35);
  }
});

test("in this process, with bytes or, without relaxed SIMD, floats", async () => {
  const bytes = NODE_FLAGS.length === 0;
  for (const result of await compareHere([[2, 2, "pool", 4, "floats"], [3]])) {
    expect(result.worst, result.name).toBeLessThan(bytes ? 3.01 : 1.01);
    expect(result.differ, result.name).toBeLessThan(bytes ? 0.3 : 0.002);
    expect(result.floats, result.name).toBeLessThan(2e-5);
  }
});

test.runIf(NODE_FLAGS.length > 0)("engines whose products of bytes are wrong compute with floats", () => {
  const flags = NODE_FLAGS.filter((flag) => flag !== "--no-liftoff");
  for (const result of compare([[2], [4, 4]], flags)) expect(result.differ, result.name).toBeLessThan(0.002);
});

const CONV = {
  op: "conv",
  kernel: 3,
  stride: 1,
  padding: 1,
  groups: 1,
  relu: 1,
  channels: 2,
  step: 0.1,
} as const;
const POOL = { op: "maxPool", kernel: 2, stride: 2, padding: 0 } as const;

function modelOf(operations: Operation[], changes: Partial<Model> = {}): Model {
  let inputs = 3;
  const parameters = operations.map((operation) => {
    if (operation.op !== "conv") return undefined;
    const weights = new Float32Array(operation.channels * inputs * operation.kernel ** 2).fill(0.01);
    inputs = operation.channels;
    return { weights, biases: new Float32Array(inputs) };
  });
  const keep = { nms: 0.5, vote: 1, detections: 10 };
  return {
    classes: ["a"],
    thresholds: [0.5],
    input: { side: 64, grid: 32, mean: [0, 0, 0], std: [1, 1, 1], levels: 127 },
    operations,
    parameters,
    outputs: [operations.length],
    features: operations.length,
    decoder: { of: "cells", stride: 4, score: 0.1, preNms: 10, keep },
    ...changes,
  };
}

const TWO: Operation[] = [
  { ...CONV, input: 0 },
  { ...CONV, input: 1 },
];
const layersOf = (model: Model): number => stemOf(model)?.layers.length ?? 0;

describe("which layers are computed with bytes", () => {
  test("all that follow each other", () => {
    const four: Operation[] = [...TWO, { ...POOL, input: 2 }, { ...CONV, input: 3, channels: 4 }];
    expect(layersOf(modelOf(four))).toBe(3);
    expect(stemConvolutions(modelOf(four)).map(({ pool }) => pool)).toEqual([false, true, false]);
  });

  test.each<[string, number, Model]>([
    ["not rounded", 1, modelOf([TWO[0], { ...CONV, input: 1, step: 0 }])],
    ["five channels", 1, modelOf([TWO[0], { ...CONV, input: 1, channels: 5 }])],
    ["without relu", 1, modelOf([TWO[0], { ...CONV, input: 1, relu: 0 }])],
    ["kernel 1", 1, modelOf([TWO[0], { ...CONV, input: 1, kernel: 1, padding: 0 }])],
    ["whose result is read twice", 1, modelOf([...TWO, { op: "add", input: 1, other: 2, relu: 0 }])],
    ["whose result is an output", 1, modelOf(TWO, { outputs: [1] })],
    ["whose result is the features", 1, modelOf(TWO, { features: 1 })],
    ["another number of levels", 0, modelOf(TWO, { input: { ...modelOf(TWO).input, levels: 63 } })],
    ["floats", 0, modelOf(TWO, { input: { ...modelOf(TWO).input, levels: 0 } })],
    ["a mean between levels", 0, modelOf(TWO, { input: { ...modelOf(TWO).input, mean: [0.5, 0, 0] } })],
    ["a negative mean", 0, modelOf(TWO, { input: { ...modelOf(TWO).input, mean: [-1, 0, 0] } })],
    ["different deviations", 0, modelOf(TWO, { input: { ...modelOf(TWO).input, std: [1, 1, 2] } })],
  ])("%s: %d", (_, count, model) => {
    expect(layersOf(model)).toBe(count);
  });

  test.each<[string, (weights: Float32Array, biases: Float32Array) => void]>([
    ["more than eight bits", (weights) => weights.set([0.3456 * 0.01])],
    ["outputs of very different size", (weights) => weights.fill(1e-6, 0, 27)],
    ["only zeros", (weights) => weights.fill(0)],
    ["a huge bias", (_, biases) => biases.fill(1e30)],
    ["huge weights", (weights) => weights.fill(1e30)],
  ])("not weights with %s", (_, change) => {
    const model = modelOf(TWO);
    change(model.parameters[0]!.weights, model.parameters[0]!.biases);
    expect(layersOf(model)).toBe(0);
  });
});
