// The network in int8 (Jacob et al., "Quantization and Training of Neural Networks for Efficient
// Integer-Arithmetic-Only Inference", CVPR 2018, section 2): an integer q in a map represents scale * (q -
// zero); weights have a scale per output channel; 32-bit sums are rescaled to their map with an integer factor.
import { eachNumber, type Model, type Operation } from "@qmimic/runtime";
import { channelScales, scaledIntegers } from "../../train/int8Weights.js";
import { type Range, wholeRange } from "../calibrate.js";
import type { RegionOperation } from "./outputs.js";
import {
  cellMajor,
  FUNCTIONS,
  functionOf,
  type Lowered,
  type MapFormat,
  NO_PARAMETERS,
  type StepParameters,
} from "./parameters.js";
import type { RowProgram, Step } from "./steps.js";

/** On the calibration images, 16-bit numbers stay below this fraction of their range. */
const WIDE_SHARE = 0.5;

/** Maximum factor for sums: a resolution finer than that of the sums gains nothing. */
const LARGEST_FACTOR = 1 / 8;

export function lowerInt8(
  model: Model,
  program: RowProgram,
  regions: readonly RegionOperation[],
  ranges: ReadonlyMap<number, readonly Range[]>,
): Lowered {
  const { steps } = program;
  const maps: MapFormat[] = [];
  const parameters: StepParameters[] = [];
  steps.forEach((step, map) => {
    const read = step.reads.map((i) => maps[i]);
    const rangesOf = (i: number) => ranges.get(program.maps[i].value);
    const range = wholeRange(rangesOf(map) ?? []);
    const channels = step.reads.length === 1 ? rangesOf(step.reads[0]) : undefined;
    const lowered = lowerStep(model, program, step, { map, read, range, channels });
    maps.push(lowered.format);
    parameters.push(lowered.parameters);
  });
  const { mean, std } = model.input;
  const picture = maps[steps.findIndex(({ operation }) => operation === undefined)];
  return {
    maps,
    steps: parameters,
    regions: regions.map(({ index }) => lowerLinear(model.parameters[index])),
    gains: std.map((deviation) => 1 / (255 * deviation * picture.scale)),
    // library/int8/normalised.c subtracts 256 again, and truncates.
    shifts: mean.map((value, c) => -value / std[c] / picture.scale + picture.zero + 256.5),
  };
}

interface Around {
  /** Number format of the output map. */
  map: number;
  /** Formats of the inputs. */
  read: readonly MapFormat[];
  range: Range;
  /** Of a single input; undefined for images. */
  channels: readonly Range[] | undefined;
}

function lowerStep(
  model: Model,
  program: RowProgram,
  { operation, index, reads }: Step,
  around: Around,
): { format: MapFormat; parameters: StepParameters } {
  if (operation === undefined) {
    const { mean, std } = model.input;
    const levels = (level: number) => mean.map((value, c) => (level - value) / std[c]);
    const range = { min: Math.min(0, ...levels(0)), max: Math.max(0, ...levels(1)) };
    return { format: byteFormat(range), parameters: { ...NO_PARAMETERS, row: "draw_row", file: "picture" } };
  }
  const [from, other] = around.read;
  switch (operation.op) {
    case "conv": {
      // The order of scores matters: they have 16 bits if only the decoder reads them.
      const scores = program.maps[around.map].value === model.outputs[0];
      const wide = scores && !program.steps.some((step) => step.reads.includes(around.map));
      const { weights, biases } = model.parameters[index]!;
      const ordered = { weights: cellMajor(weights, operation, program.maps[reads[0]]), biases };
      return lowerConv(operation, ordered, from, { ...around, wide });
    }
    case "add":
      return lowerAdd(from, other, around.range);
    case "maxPool":
    case "upsample":
      return { format: from, parameters: { ...NO_PARAMETERS, ...FUNCTIONS[operation.op] } };
    default: {
      functionOf(operation);
      // Entries of a uniform dictionary are exact if they fit into a byte.
      const exact = operation.op === "round" && around.range.max <= 255 * operation.step;
      const format = exact ? { bytes: 1, zero: -128, scale: operation.step } : byteFormat(around.range);
      const results = new Float32Array(256);
      const numbers = results.map((_, i) => from.scale * (i - 128 - from.zero));
      eachNumber(operation, numbers, results);
      const weights = Array.from(results, (result) => toByte(result, format));
      return { format, parameters: { ...NO_PARAMETERS, row: "look_up_row", file: "lookUp", weights } };
    }
  }
}

/** Maps a range that includes 0 to -128..127. */
function byteFormat({ min, max }: Range, leastScale = 0): MapFormat {
  const scale = Math.max((max - min) / 255, leastScale) || 1;
  return { bytes: 1, zero: Math.max(-128, Math.min(127, Math.round(-128 - min / scale))), scale };
}

const toByte = (value: number, { scale, zero }: MapFormat): number =>
  Math.max(-128, Math.min(127, Math.round(value / scale) + zero));

/** Scales of output channels: large enough for the bias to fit into 32 bits; if all numbers are 0, any that others have. */
function scalesOf(weights: Float32Array, biases: Float32Array, inputScale: number): number[] {
  const scales = Array.from(channelScales(weights, biases.length), (scale, o) =>
    Math.max(scale, Math.abs(biases[o]) / (inputScale * 2 ** 29)),
  );
  const largest = Math.max(...scales) || 1;
  return scales.map((scale) => scale || largest);
}

function lowerConv(
  operation: Extract<Operation, { op: "conv" }>,
  { weights: all, biases }: { weights: Float32Array; biases: Float32Array },
  from: MapFormat,
  { range, channels, wide }: Pick<Around, "range" | "channels"> & { wide: boolean },
): { format: MapFormat; parameters: StepParameters } {
  const formatFrom = (leastScale: number): MapFormat => {
    if (!wide) return byteFormat(range, leastScale);
    const largest = Math.max(-range.min, range.max) / (32767 * WIDE_SHARE);
    return { bytes: 2, zero: 0, scale: Math.max(largest, leastScale) };
  };
  const largestScale = (formatFrom(0).scale * LARGEST_FACTOR) / from.scale;
  const isSilent = channels?.map(({ min, max }) => toByte(min, from) === toByte(max, from));
  const weights = isSilent ? withoutSilent(operation, all, isSilent, largestScale) : all;
  const scales = scalesOf(weights, biases, from.scale);
  const integers = scaledIntegers(weights, scales);
  const row = weights.length / biases.length;
  const format = formatFrom((from.scale * Math.max(...scales)) / LARGEST_FACTOR);
  const sums = Array.from(biases, (bias, o) => {
    const total = integers.subarray(o * row, (o + 1) * row).reduce((sum, weight) => sum + weight, 0);
    return Math.round(bias / (from.scale * scales[o])) - from.zero * total;
  });
  const { factors, shift } = integerFactors(scales.map((scale) => (from.scale * scale) / format.scale));
  const moved = operation.groups === 1 ? inPairs(integers, operation.channels, operation.kernel) : integers;
  return {
    format,
    parameters: { ...FUNCTIONS[functionOf(operation)], weights: moved, biases: sums, factors, shift },
  };
}

/**
 * Drops weights of inputs that are always 0, where they would make the output map's resolution coarser: batch norm of a
 * channel without variance makes them hundreds of times as large as all others.
 * @param weights [channels, kernel, kernel, inputs]
 * @param largestScale of weights that do not make it coarser
 */
function withoutSilent(
  { channels, groups }: Extract<Operation, { op: "conv" }>,
  weights: Float32Array,
  isSilent: readonly boolean[],
  largestScale: number,
): Float32Array {
  const row = weights.length / channels;
  const inputs = isSilent.length / groups;
  const scales = channelScales(weights, channels);
  return weights.map((weight, i) => {
    const o = Math.floor(i / row);
    const input = Math.floor((o * groups) / channels) * inputs + (i % inputs);
    return scales[o] > largestScale && isSilent[input] ? 0 : weight;
  });
}

/** Factors as 31-bit integers, divided by a common power of two. */
function integerFactors(factors: readonly number[]): { factors: number[]; shift: number } {
  const shift = Math.min(31, -2 - Math.floor(Math.log2(Math.max(...factors))));
  return {
    factors: factors.map((factor) => Math.min(2 ** 31 - 1, Math.round(factor * 2 ** (32 + shift)))),
    shift,
  };
}

/**
 * [channels][kernel][span] -> [channels / 2][kernel][span / 4][2][4], padded with zeros: the order in
 * library/int8/conv.c.
 */
function inPairs(weights: Int8Array, channels: number, kernel: number): Int8Array {
  const span = weights.length / (channels * kernel);
  const fours = Math.ceil(span / 4);
  const moved = new Int8Array(Math.ceil(channels / 2) * kernel * fours * 8);
  for (let o = 0; o < channels; o++)
    for (let ky = 0; ky < kernel; ky++)
      for (let i = 0; i < span; i++) {
        const block = (Math.floor(o / 2) * kernel + ky) * fours + Math.floor(i / 4);
        moved[8 * block + 4 * (o % 2) + (i % 4)] = weights[(o * kernel + ky) * span + i];
      }
  return moved;
}

function lowerAdd(
  a: MapFormat,
  b: MapFormat,
  range: Range,
): { format: MapFormat; parameters: StepParameters } {
  const format = byteFormat(range, Math.max(a.scale, b.scale) * 2 ** -18);
  // As many bits as possible without overflow of the sum in 32 bits.
  const bits = Math.min(21, Math.floor(Math.log2((2 ** 21 * format.scale) / Math.max(a.scale, b.scale))));
  const [first, second] = [a, b].map(({ scale }) => Math.round((scale / format.scale) * 2 ** bits));
  const biases = [-(first * a.zero + second * b.zero), first, second];
  return { format, parameters: { ...FUNCTIONS.add, weights: [], biases, ...integerFactors([2 ** -bits]) } };
}

/** Weights of one region operation: integers, and pairs of bias and scale. */
function lowerLinear(parameters: Model["parameters"][number]): Lowered["regions"][number] {
  if (parameters === undefined) return { weights: [], biases: [] };
  const scales = channelScales(parameters.weights, parameters.biases.length);
  return {
    weights: scaledIntegers(parameters.weights, scales),
    biases: [...scales].flatMap((scale, o) => [parameters.biases[o], scale]),
  };
}
