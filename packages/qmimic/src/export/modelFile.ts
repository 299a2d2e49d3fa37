// Writes a detector's model file: list of operations, folded weights, and everything needed to get from an
// image to boxes.
import {
  formatOperation,
  MODEL_FORMAT,
  MODEL_VERSION,
  type Model,
  OUTPUTS,
  type RawImage,
} from "@qmimic/runtime";
import { type SafetensorsTensor, serializeSafetensors } from "@qmimic/torch";
import { NO_AUGMENTATION } from "../data/augment.js";
import { GRID } from "../data/drawing.js";
import { concatFloats, type Detector } from "../models/index.js";
import { channelScales, scaledIntegers } from "../train/int8Weights.js";
import { roundStem } from "./roundStem.js";
import { traceDetector } from "./trace.js";

export type WeightFormat = "float32" | "int8";

/** Threshold of classes without one. */
const DEFAULT_THRESHOLD = 0.5;

/**
 * @param thresholds per class, null: unknown
 * @param calibration for int8: images with which the ranges of the first maps are measured, so that they are rounded
 * too; without any, only weights are rounded
 * @returns the bytes of a file for @qmimic/runtime, see docs/model-format.md
 */
export function modelFile(
  detector: Detector,
  thresholds: readonly (number | null)[] | undefined,
  format: WeightFormat,
  calibration: readonly RawImage[] = [],
): Uint8Array<ArrayBuffer> {
  const model = modelOf(detector, thresholds);
  if (format === "float32") return serialize(model, floatTensors(model));
  const rounded = calibration.length > 0 ? roundStem(model, calibration) : model;
  return serialize(rounded, int8Tensors(rounded));
}

function modelOf(detector: Detector, thresholds: readonly (number | null)[] | undefined): Model {
  const { config, decoder } = detector;
  const { operations, parameters, outputs } = traceDetector(detector);
  const { mean, std } = NO_AUGMENTATION;
  return {
    classes: config.classes,
    thresholds: thresholdsOf(detector, thresholds),
    input: { side: config.side, grid: GRID, mean, std, levels: 0 },
    operations,
    outputs: OUTPUTS[decoder.of].map((name) => outputs[name]),
    features: outputs.features,
    decoder,
    parameters,
  };
}

function serialize(
  { parameters: _, input: { levels, ...input }, ...model }: Model,
  tensors: Map<string, SafetensorsTensor>,
): Uint8Array<ArrayBuffer> {
  const description = {
    ...model,
    input: levels > 0 ? { ...input, levels } : input,
    operations: model.operations.map(formatOperation),
  };
  const metadata = {
    format: MODEL_FORMAT,
    version: String(MODEL_VERSION),
    model: JSON.stringify(description),
  };
  return serializeSafetensors(tensors, metadata);
}

/** The score threshold of each class. */
export const thresholdsOf = ({ config }: Detector, known: readonly (number | null)[] | undefined): number[] =>
  config.classes.map((_, i) => known?.[i] ?? DEFAULT_THRESHOLD);

const vector = (data: Float32Array): SafetensorsTensor => ({ dtype: "F32", shape: [data.length], data });

const layersOf = ({ parameters }: Model) => parameters.filter((layer) => layer !== undefined);

const biasesOf = (model: Model) => concatFloats(...layersOf(model).map(({ biases }) => biases));

const floatTensors = (model: Model): Map<string, SafetensorsTensor> =>
  new Map([
    ["weights", vector(concatFloats(...layersOf(model).map(({ weights }) => weights)))],
    ["biases", vector(biasesOf(model))],
  ]);

function int8Tensors(model: Model): Map<string, SafetensorsTensor> {
  const layers = layersOf(model);
  const scales = layers.map(({ weights, biases }) => channelScales(weights, biases.length));
  const integers = Int8Array.from(
    layers.flatMap(({ weights }, i) => [...scaledIntegers(weights, scales[i])]),
  );
  return new Map([
    ["weights", { dtype: "I8", shape: [integers.length], data: integers }],
    ["scales", vector(concatFloats(...scales))],
    ["biases", vector(biasesOf(model))],
  ]);
}
