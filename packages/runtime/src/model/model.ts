// A model file as plain data: what stands in it is checked here, once, and trusted afterwards.
import { type Decoder, OUTPUTS } from "../decode/decoder.js";
import { fail, isObject, show } from "./errors.js";
import { hasNonFinite } from "./finite.js";
import { type Operation, parseOperations } from "./operations.js";
import { readContainer } from "./safetensors.js";
import { inferShapes, parametersOf } from "./shapes.js";

export const MODEL_FORMAT = "qmimic-model";
export const MODEL_VERSION = 1;

/** Longest side of a picture in the input of any network, in pixels. */
export const MAX_SIDE = 8192;

/** How a picture becomes the input of the network. */
export interface ModelInput {
  /** Longest side of the picture in the input, in pixels. */
  side: number;
  /** Width and height of the input are multiples of this; the rest is 0. */
  grid: number;
  /** Of red, green and blue in 0..1: (value - mean) / std. */
  mean: readonly number[];
  std: readonly number[];
}

export interface Model {
  /** Label i is classes[i - 1]. */
  classes: readonly string[];
  /** The score from which a class is shown, 0..1. */
  thresholds: readonly number[];
  input: ModelInput;
  operations: readonly Operation[];
  /** Numbers of the values that the decoder reads, in the order of OUTPUTS. */
  outputs: readonly number[];
  /** The last map that the detector's heads read: what a student mimics. */
  features: number;
  decoder: Decoder;
  /** Weights of each operation that has some, int8 ones multiplied by their scales, and biases. */
  parameters: readonly (Parameters | undefined)[];
}

export interface Parameters {
  weights: Float32Array;
  biases: Float32Array;
}

/** @throws ModelError that names what is wrong */
export function parseModel(bytes: Uint8Array): Model {
  const { metadata, tensors } = readContainer(bytes);
  if (metadata.format !== MODEL_FORMAT)
    fail(
      `the file's format is ${show(metadata.format)}, expected ${MODEL_FORMAT}: export it with qmimic export`,
    );
  if (metadata.version !== String(MODEL_VERSION))
    fail(`the file's version is ${show(metadata.version)}; this runtime reads version ${MODEL_VERSION}`);
  let described: unknown;
  try {
    described = JSON.parse(String(metadata.model));
  } catch {
    fail("the metadata's model is not JSON");
  }
  if (!isObject(described)) fail(`the metadata's model is ${show(described)}, expected an object`);
  const classes = parseClasses(described.classes);
  const operations = parseOperations(described.operations);
  const input = parseInput(described.input);
  const decoder = parseDecoder(described.decoder);
  const outputs = parseOutputs(described.outputs, operations, decoder, classes.length, input);
  return {
    classes,
    thresholds: parseThresholds(described.thresholds, classes.length),
    input,
    operations,
    outputs,
    features: wholeIn("features", described.features, 0, operations.length),
    decoder,
    parameters: sliceParameters(operations, input.grid, tensors),
  };
}

function parseClasses(value: unknown): string[] {
  const fits =
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((name) => typeof name === "string" && name !== "");
  return fits ? value : fail(`classes are ${show(value)}, expected a list of names`);
}

function parseThresholds(value: unknown, count: number): number[] {
  if (!Array.isArray(value) || value.length !== count)
    fail(`thresholds are ${show(value)}, expected one for each of ${count} classes`);
  return value.map((threshold) => numberIn("threshold", threshold, 0, 1));
}

function parseInput(value: unknown): ModelInput {
  if (!isObject(value)) fail(`input is ${show(value)}, expected an object`);
  const three = (name: string, low: number): number[] => {
    const list = value[name];
    if (!Array.isArray(list) || list.length !== 3)
      fail(`input: ${name} is ${show(list)}, expected three numbers`);
    return list.map((number) => numberIn(name, number, low, 1e6));
  };
  return {
    side: wholeIn("input side", value.side, 1, MAX_SIDE),
    grid: wholeIn("input grid", value.grid, 1, 1024),
    mean: three("mean", -1e6),
    std: three("std", 1e-6),
  };
}

function parseDecoder(value: unknown): Decoder {
  if (!isObject(value)) fail(`decoder is ${show(value)}, expected an object`);
  const section = (name: string): Record<string, unknown> => {
    const found = value[name];
    return isObject(found) ? found : fail(`decoder: ${name} is ${show(found)}, expected an object`);
  };
  const list = (name: string, low: number): number[] => {
    const numbers = value[name];
    if (!Array.isArray(numbers) || numbers.length === 0 || numbers.length > 1000)
      fail(`decoder: ${name} is ${show(numbers)}, expected a list of numbers`);
    return numbers.map((number) => numberIn(name, number, low, 1e6));
  };
  const share = (of: Record<string, unknown>, name: string) => numberIn(name, of[name], 0, 1);
  const count = (of: Record<string, unknown>, name: string) => wholeIn(name, of[name], 1, 1_000_000);
  const keep = section("keep");
  const shared = {
    stride: wholeIn("stride", value.stride, 1, 1024),
    score: share(value, "score"),
    keep: { nms: share(keep, "nms"), vote: share(keep, "vote"), detections: count(keep, "detections") },
  };
  if (value.of === "cells") return { of: "cells", ...shared, preNms: count(value, "preNms") };
  if (value.of !== "regions") fail(`decoder is of ${show(value.of)}, expected regions or cells`);
  const proposals = section("proposals");
  const [wx, wy, ww, wh] = list("boxWeights", 1e-6);
  if (wh === undefined) fail(`decoder: boxWeights are ${show(value.boxWeights)}, expected four numbers`);
  return {
    of: "regions",
    ...shared,
    anchorSizes: list("anchorSizes", 1e-6),
    aspectRatios: list("aspectRatios", 1e-6),
    proposals: {
      score: share(proposals, "score"),
      nms: share(proposals, "nms"),
      preNms: count(proposals, "preNms"),
      postNms: wholeIn("postNms", proposals.postNms, 1, 100_000),
    },
    boxWeights: [wx, wy, ww, wh],
  };
}

/** Checks that what the decoder reads is there, and of the shapes that it reads. */
function parseOutputs(
  value: unknown,
  operations: readonly Operation[],
  decoder: Decoder,
  classes: number,
  { grid }: ModelInput,
): number[] {
  const names = OUTPUTS[decoder.of];
  if (!Array.isArray(value) || value.length !== names.length)
    fail(`outputs are ${show(value)}, expected the values of ${names.join(", ")}`);
  const outputs = value.map((output, i) => wholeIn(names[i], output, 1, operations.length));
  const side = grid * Math.ceil(256 / grid);
  const shapes = inferShapes(operations, side, side);
  const expected =
    decoder.of === "cells"
      ? [classes, 4]
      : [1, 4]
          .map((each) => each * decoder.anchorSizes.length * decoder.aspectRatios.length)
          .concat(classes + 1);
  outputs.forEach((output, i) => {
    const { channels, height, regions } = shapes[output];
    const where = `output ${names[i]}, value ${output}`;
    if (regions !== i >= 2) fail(`${where}: expected ${i < 2 ? "a map" : "regions"}`);
    if (i === 3) {
      if (channels !== 4 && channels !== 4 * (classes + 1))
        fail(`${where}: ${channels} channels, expected 4 or ${4 * (classes + 1)}`);
    } else if (channels !== expected[i]) fail(`${where}: ${channels} channels, expected ${expected[i]}`);
    if (i < 2 && height !== side / decoder.stride)
      fail(
        `${where}: its cells are ${side / height} pixels apart, the decoder's stride is ${decoder.stride}`,
      );
    if (i >= 2 && height !== 1) fail(`${where}: ${height} cells a side, expected 1`);
  });
  return outputs;
}

function sliceParameters(
  operations: readonly Operation[],
  grid: number,
  tensors: ReadonlyMap<string, Float32Array | Int8Array>,
): (Parameters | undefined)[] {
  const side = grid * Math.ceil(256 / grid);
  const shapes = inferShapes(operations, side, side);
  const counts = operations.map((operation) => parametersOf(operation, shapes[operation.input]));
  const total = (key: "weights" | "biases") => counts.reduce((sum, count) => sum + count[key], 0);
  const tensor = (name: string, length: number): Float32Array | Int8Array => {
    const found = tensors.get(name) ?? fail(`there is no tensor ${name}`);
    return found.length === length
      ? found
      : fail(`tensor ${name} has ${found.length} numbers, the operations need ${length}`);
  };
  const weights = tensor("weights", total("weights"));
  const biases = finite("biases", tensor("biases", total("biases")));
  const scales =
    weights instanceof Int8Array ? finite("scales", tensor("scales", total("biases"))) : undefined;
  const floats = scales === undefined ? finite("weights", weights) : undefined;
  let weightAt = 0;
  let biasAt = 0;
  return counts.map((count) => {
    if (count.weights === 0) return undefined;
    const own = { weights: weights.subarray(weightAt, weightAt + count.weights), biasAt };
    weightAt += count.weights;
    biasAt += count.biases;
    return {
      weights:
        scales === undefined
          ? floats!.subarray(weightAt - count.weights, weightAt)
          : scaled(own.weights, scales.subarray(own.biasAt, biasAt)),
      biases: biases.subarray(own.biasAt, biasAt),
    };
  });
}

/** Integers times the scale of their output channel. */
function scaled(weights: Float32Array | Int8Array, scales: Float32Array): Float32Array {
  const row = weights.length / scales.length;
  const floats = new Float32Array(weights.length);
  for (let o = 0, i = 0; o < scales.length; o++)
    for (const end = i + row; i < end; i++) floats[i] = weights[i] * scales[o];
  return floats;
}

function finite(name: string, values: Float32Array | Int8Array): Float32Array {
  if (!(values instanceof Float32Array)) fail(`tensor ${name} is I8, expected F32`);
  if (!hasNonFinite(values)) return values;
  const at = values.findIndex((value) => !Number.isFinite(value));
  return fail(`tensor ${name} holds ${values[at]} at ${at}`);
}

function numberIn(name: string, value: unknown, low: number, high: number): number {
  if (typeof value === "number" && value >= low && value <= high) return value;
  return fail(`${name} is ${show(value)}, expected ${low} to ${high}`);
}

const wholeIn = (name: string, value: unknown, low: number, high: number): number =>
  Number.isInteger(value)
    ? numberIn(name, value, low, high)
    : fail(`${name} is ${show(value)}, expected a whole number from ${low} to ${high}`);
