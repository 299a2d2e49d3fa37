// Writes a detector's model file: list of operations, folded weights, and everything needed to get from an
// image to boxes.
import { formatOperation, MODEL_FORMAT, MODEL_VERSION, OUTPUTS } from "@qmimic/runtime";
import { type SafetensorsTensor, serializeSafetensors } from "@qmimic/torch";
import { NO_AUGMENTATION } from "../data/augment.js";
import { GRID } from "../data/drawing.js";
import { concatFloats, type Detector } from "../models/index.js";
import { channelScales, scaledIntegers } from "../train/int8Weights.js";
import { type TracedNetwork, traceDetector } from "./trace.js";

export type WeightFormat = "float32" | "int8";

/** Threshold of classes without one. */
const DEFAULT_THRESHOLD = 0.5;

/**
 * @param thresholds per class, null: unknown
 * @returns the bytes of a file for @qmimic/runtime, see docs/model-format.md
 */
export function modelFile(
  detector: Detector,
  thresholds: readonly (number | null)[] | undefined,
  format: WeightFormat,
): Uint8Array<ArrayBuffer> {
  const { config, decoder } = detector;
  const traced = traceDetector(detector);
  const { mean, std } = NO_AUGMENTATION;
  const model = {
    classes: config.classes,
    thresholds: thresholdsOf(detector, thresholds),
    input: { side: config.side, grid: GRID, mean, std },
    operations: traced.operations.map(formatOperation),
    outputs: OUTPUTS[decoder.of].map((name) => traced.outputs[name]),
    features: traced.outputs.features,
    decoder,
  };
  const metadata = { format: MODEL_FORMAT, version: String(MODEL_VERSION), model: JSON.stringify(model) };
  return serializeSafetensors(format === "int8" ? int8Tensors(traced) : floatTensors(traced), metadata);
}

/** The score threshold of each class. */
export const thresholdsOf = ({ config }: Detector, known: readonly (number | null)[] | undefined): number[] =>
  config.classes.map((_, i) => known?.[i] ?? DEFAULT_THRESHOLD);

const vector = (data: Float32Array): SafetensorsTensor => ({ dtype: "F32", shape: [data.length], data });

const layersOf = ({ parameters }: TracedNetwork) => parameters.filter((layer) => layer !== undefined);

const biasesOf = (traced: TracedNetwork) => concatFloats(...layersOf(traced).map(({ biases }) => biases));

const floatTensors = (traced: TracedNetwork): Map<string, SafetensorsTensor> =>
  new Map([
    ["weights", vector(concatFloats(...layersOf(traced).map(({ weights }) => weights)))],
    ["biases", vector(biasesOf(traced))],
  ]);

function int8Tensors(traced: TracedNetwork): Map<string, SafetensorsTensor> {
  const layers = layersOf(traced);
  const scales = layers.map(({ weights, biases }) => channelScales(weights, biases.length));
  const integers = Int8Array.from(
    layers.flatMap(({ weights }, i) => [...scaledIntegers(weights, scales[i])]),
  );
  return new Map([
    ["weights", { dtype: "I8", shape: [integers.length], data: integers }],
    ["scales", vector(concatFloats(...scales))],
    ["biases", vector(biasesOf(traced))],
  ]);
}
