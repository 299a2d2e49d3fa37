// A model file as plain data. Its contents are validated here, once, and trusted afterwards.
import { type Decoder, OUTPUTS } from "../decode/decoder.js";
import { fail, isObject, show } from "./errors.js";
import { hasNonFinite } from "./finite.js";
import { type Operation, parseOperations } from "./operations.js";
import { readContainer } from "./safetensors.js";
import { inferShapes, nominalSide, parametersOf, type Shape } from "./shapes.js";

export const MODEL_FORMAT = "qmimic-model";
export const MODEL_VERSION = 1;

/** Maximum for the longest side of a picture in the input of any network, in pixels. */
export const MAX_SIDE = 8192;

/**
 * Limit on the pairs of boxes that decoding may compare: some 20 seconds if all overlap. Useful models need far fewer;
 * damaged files may need more.
 */
const MAX_PAIRS = 4e8;

/** How a picture is converted to the network's input. */
export interface ModelInput {
  /** Longest side of the picture in the input, in pixels. */
  side: number;
  /** Width and height of the input are multiples of this; the rest is 0. */
  grid: number;
  /** Normalisation of red, green and blue, from 0..1: (value - mean) / std. */
  mean: readonly number[];
  std: readonly number[];
  /** Unless 0: values are first rounded to multiples of 1 / levels, halves up. */
  levels: number;
}

export interface Model {
  /** classes[i - 1] is the name of label i. */
  classes: readonly string[];
  /** The minimum score per class, 0..1. */
  thresholds: readonly number[];
  input: ModelInput;
  operations: readonly Operation[];
  /** Indices of the values that the decoder reads, in the order of OUTPUTS. */
  outputs: readonly number[];
  /** Index of the last map before the detector's heads, the one that a student mimics. */
  features: number;
  decoder: Decoder;
  /** Per operation, undefined if it has none. */
  parameters: readonly (LayerParameters | undefined)[];
}

/** Weights and biases of one operation; int8 weights are already multiplied by their scales. */
export interface LayerParameters {
  weights: Float32Array;
  biases: Float32Array;
}

/** @throws ModelError that says what is wrong */
export function parseModel(bytes: Uint8Array): Model {
  const { metadata, tensors } = readContainer(bytes);
  if (metadata.format !== MODEL_FORMAT)
    fail(
      `the file's format is ${show(metadata.format)}, expected ${MODEL_FORMAT}: create the file with qmimic export`,
    );
  if (metadata.version !== String(MODEL_VERSION))
    fail(
      `the file's version is ${show(metadata.version)}, but this runtime reads version ${MODEL_VERSION}: export the model again, or use a matching runtime`,
    );
  let description: unknown;
  try {
    description = JSON.parse(String(metadata.model));
  } catch {
    fail("the metadata's model is not JSON: the file is damaged");
  }
  if (!isObject(description)) fail(`the metadata's model is ${show(description)}, expected an object`);
  const classes = parseClasses(description.classes);
  const operations = parseOperations(description.operations);
  const input = parseInput(description.input);
  const decoder = parseDecoder(description.decoder);
  requireFewPairs(decoder, classes.length);
  const network = { classes, operations, input, decoder };
  const side = nominalSide(input.grid);
  const shapes = inferShapes(operations, side, side);
  return {
    ...network,
    outputs: parseOutputs(description.outputs, network, shapes),
    thresholds: parseThresholds(description.thresholds, classes.length),
    features: parseFeatures(description.features, shapes),
    parameters: sliceParameters(operations, shapes, tensors),
  };
}

function parseClasses(value: unknown): string[] {
  const fits =
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((name) => typeof name === "string" && name !== "");
  return fits ? value : fail(`classes are ${show(value)}, expected a non-empty list of names`);
}

function parseThresholds(value: unknown, count: number): number[] {
  if (!Array.isArray(value) || value.length !== count)
    fail(`thresholds are ${show(value)}, expected one number for each of ${count} classes`);
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
    side: integerIn("input side", value.side, 1, MAX_SIDE),
    grid: integerIn("input grid", value.grid, 1, 1024),
    mean: three("mean", -1e6),
    std: three("std", 1e-6),
    levels: integerIn("input levels", value.levels ?? 0, 0, 65_535),
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
      fail(`decoder: ${name} is ${show(numbers)}, expected a list of 1 to 1000 numbers`);
    return numbers.map((number) => numberIn(name, number, low, 1e6));
  };
  const fraction = (of: Record<string, unknown>, name: string) => numberIn(name, of[name], 0, 1);
  const count = (of: Record<string, unknown>, name: string) => integerIn(name, of[name], 1, 1_000_000);
  const keep = section("keep");
  const shared = {
    stride: integerIn("stride", value.stride, 1, 1024),
    score: fraction(value, "score"),
    keep: {
      nms: fraction(keep, "nms"),
      vote: fraction(keep, "vote"),
      detections: count(keep, "detections"),
    },
  };
  if (value.of === "cells") return { of: "cells", ...shared, preNms: count(value, "preNms") };
  if (value.of !== "regions") fail(`decoder: of is ${show(value.of)}, expected "regions" or "cells"`);
  const proposals = section("proposals");
  const [wx, wy, ww, wh] = list("boxWeights", 1e-6);
  if (wh === undefined) fail(`decoder: boxWeights are ${show(value.boxWeights)}, expected four numbers`);
  return {
    of: "regions",
    ...shared,
    anchorSizes: list("anchorSizes", 1e-6),
    aspectRatios: list("aspectRatios", 1e-6),
    proposals: {
      score: fraction(proposals, "score"),
      nms: fraction(proposals, "nms"),
      preNms: count(proposals, "preNms"),
      postNms: integerIn("postNms", proposals.postNms, 1, 100_000),
    },
    boxWeights: [wx, wy, ww, wh],
  };
}

/** Checks how many pairs of boxes suppression and voting may compare. */
function requireFewPairs(decoder: Decoder, classes: number): void {
  const { detections } = decoder.keep;
  const pairs =
    decoder.of === "cells"
      ? decoder.preNms * detections
      : decoder.proposals.postNms * Math.max(decoder.proposals.preNms, classes * detections);
  if (pairs > MAX_PAIRS)
    fail(
      `the decoder may compare ${Math.round(pairs / 1e6)} million pairs of boxes, expected at most ${MAX_PAIRS / 1e6}: its preNms, postNms or detections are too large`,
    );
}

/** Checks that the values read by the decoder exist and have the expected shapes. */
function parseOutputs(
  value: unknown,
  { operations, decoder, classes, input }: Pick<Model, "operations" | "decoder" | "classes" | "input">,
  shapes: readonly Shape[],
): number[] {
  const names = OUTPUTS[decoder.of];
  if (!Array.isArray(value) || value.length !== names.length)
    fail(`outputs are ${show(value)}, expected the indices of ${names.join(", ")}`);
  const outputs = value.map((output, i) => integerIn(names[i], output, 1, operations.length));
  if (input.grid % decoder.stride !== 0)
    fail(`the input's grid is ${input.grid}, expected a multiple of the decoder's stride, ${decoder.stride}`);
  const side = shapes[0].width;
  const labels = classes.length + 1;
  const onRegions = shapes.findIndex(({ regions }) => regions);
  if (decoder.of === "cells" && onRegions >= 0)
    fail(`operation ${onRegions - 1} works on regions, but the decoder proposes none`);
  const expected =
    decoder.of === "cells"
      ? [classes.length, 4]
      : [1, 4].map((each) => each * decoder.anchorSizes.length * decoder.aspectRatios.length).concat(labels);
  outputs.forEach((output, i) => {
    const { channels, height, regions } = shapes[output];
    const where = `output ${names[i]}, value ${output}`;
    if (regions !== i >= 2) fail(`${where}: expected ${i < 2 ? "a map" : "regions"}`);
    if (i === 3) {
      if (channels !== 4 && channels !== 4 * labels)
        fail(`${where}: ${channels} channels, expected 4 or ${4 * labels}`);
    } else if (channels !== expected[i]) fail(`${where}: ${channels} channels, expected ${expected[i]}`);
    if (i < 2 && height !== side / decoder.stride)
      fail(
        `${where}: its cells are ${side / height} pixels apart, the decoder's stride is ${decoder.stride}`,
      );
    if (i >= 2 && height !== 1) fail(`${where}: ${height} cells per side, expected 1`);
  });
  return outputs;
}

function parseFeatures(value: unknown, shapes: readonly Shape[]): number {
  const features = integerIn("features", value, 0, shapes.length - 1);
  if (shapes[features].regions) fail(`features are value ${features}, which is per region: expected a map`);
  return features;
}

function sliceParameters(
  operations: readonly Operation[],
  shapes: readonly Shape[],
  tensors: ReadonlyMap<string, Float32Array | Int8Array>,
): (LayerParameters | undefined)[] {
  const counts = operations.map((operation) => parametersOf(operation, shapes[operation.input]));
  const total = (key: "weights" | "biases") => counts.reduce((sum, count) => sum + count[key], 0);
  const tensor = (name: string, length: number): Float32Array | Int8Array => {
    const found = tensors.get(name) ?? fail(`the file has no tensor ${name}`);
    return found.length === length
      ? found
      : fail(`tensor ${name} has ${found.length} elements, but the operations need ${length}`);
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
    const [weightStart, biasStart] = [weightAt, biasAt];
    weightAt += count.weights;
    biasAt += count.biases;
    return {
      weights:
        scales === undefined
          ? floats!.subarray(weightStart, weightAt)
          : scaled(weights.subarray(weightStart, weightAt), scales.subarray(biasStart, biasAt)),
      biases: biases.subarray(biasStart, biasAt),
    };
  });
}

/** Integer weights times the scale of their output channel. */
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
  return fail(`tensor ${name} contains ${values[at]} at index ${at}, expected finite numbers`);
}

function numberIn(name: string, value: unknown, low: number, high: number): number {
  if (typeof value === "number" && value >= low && value <= high) return value;
  return fail(`${name} is ${show(value)}, expected ${low} to ${high}`);
}

const integerIn = (name: string, value: unknown, low: number, high: number): number =>
  Number.isInteger(value)
    ? numberIn(name, value, low, high)
    : fail(`${name} is ${show(value)}, expected an integer from ${low} to ${high}`);
