// What a network does, as a list of operations: value 0 is the picture, operation i makes value i + 1. Every back end runs
// this list, and nothing else of a network is in a model file.
//
// Maps are [channels, height, width]. Behind a roiAlign or psRoiAlign values are of regions: [N, channels, height, width].
// Weights lie in one array and biases in another, in the order of the list: of each conv and linear
// [channels, inputs / groups, kernel, kernel] weights and [channels] biases.
import { fail, isObject, show } from "./errors.js";

interface OfOne {
  /** Value that is read; by default that of the previous operation. */
  input: number;
}

/** Square convolution, padded with zeros; batch norm is folded into its weights. */
export interface Conv extends OfOne {
  op: "conv";
  channels: number;
  kernel: number;
  stride: number;
  padding: number;
  groups: number;
  /** 1: negative results become 0. */
  relu: number;
}

/** Largest value of each window; cells of the padding never win. */
export interface MaxPool extends OfOne {
  op: "maxPool";
  kernel: number;
  stride: number;
  padding: number;
}

/** Sum of two maps of equal shape. */
export interface Add extends OfOne {
  op: "add";
  other: number;
  relu: number;
}

/** Each cell becomes factor x factor equal ones. */
export interface Upsample extends OfOne {
  op: "upsample";
  factor: number;
}

/** Nearest entry of {0, step, 2 step, ...}, ties down. */
export interface Round extends OfOne {
  op: "round";
  step: number;
}

/** Nearest entry of {0, 2^min, ..., 2^max}, ties down. */
export interface RoundPow2 extends OfOne {
  op: "roundPow2";
  min: number;
  max: number;
}

/** e to the power of min(x, max). */
export interface Exp extends OfOne {
  op: "exp";
  max: number;
}

/** RoIAlign of each region (He et al., Mask R-CNN, ICCV 2017, section 3), torchvision's with aligned=False. */
export interface RoiAlign extends OfOne {
  op: "roiAlign";
  /** Cells a side of the result. */
  size: number;
  /** Samples of a cell, along each axis. */
  samples: number;
  /** Pixels of the picture between neighbouring cells of the map. */
  stride: number;
}

/**
 * Position-sensitive RoIAlign and the mean over its cells (Dai et al., R-FCN, NeurIPS 2016, section 2.2): result c reads, for
 * cell (i, j), input channel (c * size + i) * size + j.
 */
export interface PsRoiAlign extends OfOne {
  op: "psRoiAlign";
  size: number;
  samples: number;
  stride: number;
}

/** Fully connected: reads all numbers of a region, [channels, height, width] row-major. */
export interface Linear extends OfOne {
  op: "linear";
  channels: number;
  relu: number;
}

export type Operation =
  | Conv
  | MaxPool
  | Add
  | Upsample
  | Round
  | RoundPow2
  | Exp
  | RoiAlign
  | PsRoiAlign
  | Linear;

interface Field {
  low: number;
  high: number;
  /** Left out in the file where the value is this. */
  absent?: number;
  real?: true;
}

const whole = (low: number, high: number, absent?: number): Field => ({
  low,
  high,
  ...(absent === undefined ? {} : { absent }),
});
const relu = whole(0, 1, 0);
const channels = whole(1, 65_536);
const regions = { size: whole(1, 64), samples: whole(1, 64), stride: whole(1, 64) };

/** The fields of each operation beside `input`, with their ranges. */
export const FIELDS: Record<Operation["op"], Record<string, Field>> = {
  conv: {
    channels,
    kernel: whole(1, 64),
    stride: whole(1, 64, 1),
    padding: whole(0, 64, 0),
    groups: whole(1, 65_536, 1),
    relu,
  },
  maxPool: { kernel: whole(1, 64), stride: whole(1, 64), padding: whole(0, 32, 0) },
  add: { other: whole(0, 65_536), relu },
  upsample: { factor: whole(1, 16) },
  round: { step: { low: 1e-30, high: 1e30, real: true } },
  roundPow2: { min: whole(-125, 127), max: whole(-125, 127) },
  exp: { max: { low: -80, high: 80, real: true } },
  roiAlign: regions,
  psRoiAlign: regions,
  linear: { channels, relu },
};

/** Longest list that is run. */
const MAX_OPERATIONS = 10_000;

/** @throws ModelError naming the operation and the field */
export function parseOperations(list: unknown): Operation[] {
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_OPERATIONS)
    fail(`operations are ${show(list)}, expected a list of 1 to ${MAX_OPERATIONS}`);
  return list.map((entry, i) => {
    const where = `operation ${i}`;
    if (!isObject(entry)) fail(`${where} is ${show(entry)}, expected an object`);
    const { op } = entry;
    if (typeof op !== "string" || !Object.hasOwn(FIELDS, op))
      fail(`${where} is ${show(op)}: unknown, the file is damaged or needs a newer runtime`);
    const fields = { input: inputOf(i), ...FIELDS[op as Operation["op"]] };
    const parsed: Record<string, unknown> = { op };
    for (const name of Object.keys(entry))
      if (name !== "op" && !Object.hasOwn(fields, name)) fail(`${where}, ${op}: ${show(name)} is unknown`);
    for (const [name, field] of Object.entries(fields)) {
      const value = entry[name] ?? field.absent;
      // What is read must have been made before: there is no cycle in a list.
      const high = name === "other" ? i : field.high;
      const fits = field.real ? Number.isFinite(value) : Number.isInteger(value);
      if (!fits || (value as number) < field.low || (value as number) > high)
        fail(`${where}, ${op}: ${name} is ${show(value)}, expected ${field.low} to ${high}`);
      parsed[name] = value;
    }
    return parsed as unknown as Operation;
  });
}

/** The operation at `index` as written to a file, without fields that have their default value. */
export function formatOperation(operation: Operation, index: number): Record<string, unknown> {
  const fields: Record<string, Field> = { input: inputOf(index), ...FIELDS[operation.op] };
  return Object.fromEntries(
    Object.entries(operation).filter(([name, value]) => fields[name]?.absent !== value),
  );
}

/** By default, an operation reads the previous one's value. */
const inputOf = (index: number): Field => whole(0, index, index);
