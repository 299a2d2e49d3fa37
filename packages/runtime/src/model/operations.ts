// A network as a list of operations: value 0 is the picture, operation i computes value i + 1. Every backend runs this
// list; a model file contains nothing else about the network.
//
// Maps are [channels, height, width]. After a roiAlign or psRoiAlign, values are per region:
// [N, channels, height, width]. All weights are in one array and all biases in another, in the order of the list: for
// each conv and linear, [channels, inputs / groups, kernel, kernel] weights and [channels] biases.
import { fail, isObject, show } from "./errors.js";

interface OneInput {
  /** Index of the value to read; by default that of the previous operation. */
  input: number;
}

/** Square convolution, padded with zeros; batch norm is folded into its weights. */
export interface Conv extends OneInput {
  op: "conv";
  channels: number;
  kernel: number;
  stride: number;
  padding: number;
  groups: number;
  /** 1: negative results become 0. */
  relu: number;
  /** Unless 0: results, after relu, become the nearest entry of {0, step, ..., 127 step}, ties down. */
  step: number;
}

/** Maximum of each window; padding is ignored. */
export interface MaxPool extends OneInput {
  op: "maxPool";
  kernel: number;
  stride: number;
  padding: number;
}

/** Sum of two maps of equal shape. */
export interface Add extends OneInput {
  op: "add";
  other: number;
  relu: number;
}

/** Nearest neighbour: each cell becomes factor x factor equal cells. */
export interface Upsample extends OneInput {
  op: "upsample";
  factor: number;
}

/** Nearest entry of {0, step, 2 step, ...}, ties down. */
export interface Round extends OneInput {
  op: "round";
  step: number;
}

/** Nearest entry of {0, 2^min, ..., 2^max}, ties down. */
export interface RoundPow2 extends OneInput {
  op: "roundPow2";
  min: number;
  max: number;
}

/** e^min(x, max). */
export interface Exp extends OneInput {
  op: "exp";
  max: number;
}

/** RoIAlign of each region (He et al., Mask R-CNN, ICCV 2017, section 3), as in torchvision with aligned=False. */
export interface RoiAlign extends OneInput {
  op: "roiAlign";
  /** Cells per side of the result. */
  size: number;
  /** Samples per cell, along each axis. */
  samples: number;
  /** Pixels of the network's input between neighbouring cells of the map. */
  stride: number;
}

/**
 * Position-sensitive RoIAlign and the mean over its cells (Dai et al., R-FCN, NeurIPS 2016, section 2.2): output c
 * reads input channel (c * size + i) * size + j for cell (i, j).
 */
export interface PsRoiAlign extends OneInput {
  op: "psRoiAlign";
  size: number;
  samples: number;
  stride: number;
}

/** Fully connected over all values of a region, [channels, height, width] row-major. */
export interface Linear extends OneInput {
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
  /** Default, omitted in the file. */
  absent?: number;
  real?: true;
}

/** The largest rounded result of a convolution, in steps. */
export const MAX_LEVEL = 127;

const integer = (low: number, high: number, absent?: number): Field => ({
  low,
  high,
  ...(absent === undefined ? {} : { absent }),
});
const relu = integer(0, 1, 0);
const channels = integer(1, 65_536);
const regions = { size: integer(1, 64), samples: integer(1, 64), stride: integer(1, 64) };

/** The fields of each operation other than `input`, with their ranges. */
export const FIELDS: Record<Operation["op"], Record<string, Field>> = {
  conv: {
    channels,
    kernel: integer(1, 64),
    stride: integer(1, 64, 1),
    padding: integer(0, 64, 0),
    groups: integer(1, 65_536, 1),
    relu,
    step: { low: 1e-30, high: 1e30, absent: 0, real: true },
  },
  maxPool: { kernel: integer(1, 64), stride: integer(1, 64), padding: integer(0, 32, 0) },
  add: { other: integer(0, 65_536), relu },
  upsample: { factor: integer(1, 16) },
  round: { step: { low: 1e-30, high: 1e30, real: true } },
  roundPow2: { min: integer(-125, 127), max: integer(-125, 127) },
  exp: { max: { low: -80, high: 80, real: true } },
  roiAlign: regions,
  psRoiAlign: regions,
  linear: { channels, relu },
};

/** Maximum length of the list. */
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
      fail(`${where} is ${show(op)}: unknown, so the file is damaged or needs a newer runtime`);
    const fields = { input: inputOf(i), ...FIELDS[op as Operation["op"]] };
    const parsed: Record<string, unknown> = { op };
    for (const name of Object.keys(entry))
      if (name !== "op" && !Object.hasOwn(fields, name)) fail(`${where}, ${op}: ${show(name)} is unknown`);
    for (const [name, field] of Object.entries(fields)) {
      const value = entry[name] ?? field.absent;
      // Operations only read earlier values, so the list has no cycles.
      const high = name === "other" ? i : field.high;
      const fits = field.real ? Number.isFinite(value) : Number.isInteger(value);
      const inRange = (value as number) >= field.low && (value as number) <= high;
      if (!fits || !(inRange || value === field.absent))
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
const inputOf = (index: number): Field => integer(0, index, index);
