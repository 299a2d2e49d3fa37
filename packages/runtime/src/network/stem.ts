// A network's first layers, computed with bytes: convolutions of at most 4 channels whose results the model rounds. They
// work on the largest maps, with too few channels for Winograd's algorithm, and dot products of bytes take a third of
// the time.
import type { Model } from "../model/model.js";
import { type Conv, MAX_LEVEL } from "../model/operations.js";

/** Channels of a cell. */
type CellSize = 2 | 4;

export interface ByteLayer {
  from: CellSize;
  to: CellSize;
  /** Whether 2 x 2 max pooling follows. */
  pool: boolean;
  /** What the kernel reads, see wasm/byteConv.ts. */
  packed: Uint8Array;
}

export interface Stem {
  layers: ByteLayer[];
  /** The cells around a picture. */
  outside: number;
  /** The value that the last layer computes. */
  value: number;
  /** One in that value's bytes. */
  step: number;
  /** Whether other operations read the input too, as floats. */
  sharesInput: boolean;
}

/** What a layer's integers stand for: channel c of the input is step * (integer - zeros[c]). */
interface Scale {
  step: number;
  zeros: readonly number[];
}

/** A convolution of the first layers: which operation it is, and what it reads. */
interface StemConvolution {
  conv: Conv;
  /** Its index in the list. */
  index: number;
  inputs: number;
  /** Whether 2 x 2 max pooling follows. */
  pool: boolean;
}

type Readable = Pick<Model, "operations" | "outputs" | "features">;

/** How many times each value is read: by operations, by the decoder, or as the features. */
function readersOf({ operations, outputs, features }: Readable): number[] {
  const readers: number[] = Array(operations.length + 1).fill(0);
  for (const value of [...outputs, features]) readers[value]++;
  for (const operation of operations) {
    readers[operation.input]++;
    if (operation.op === "add") readers[operation.other]++;
  }
  return readers;
}

/**
 * The first layers that can be computed with bytes if their results are rounded: each result but the last is read only
 * by the next layer.
 */
export function stemConvolutions(model: Readable): StemConvolution[] {
  const { operations } = model;
  const readers = readersOf(model);
  const follows = (index: number): boolean =>
    operations[index]?.input === index && (index === 0 || readers[index] === 1);
  const found: StemConvolution[] = [];
  let inputs = 3;
  for (let index = 0; follows(index); ) {
    const conv = operations[index];
    if (conv.op !== "conv" || !isByteConvolution(conv, inputs)) break;
    const next = operations[index + 1];
    const pool =
      follows(index + 1) &&
      next.op === "maxPool" &&
      [next.kernel, next.stride, next.padding].join() === "2,2,0";
    found.push({ conv, index, inputs, pool });
    inputs = conv.channels;
    index += pool ? 2 : 1;
  }
  return found;
}

const isByteConvolution = (
  { kernel, stride, padding, groups, relu, channels }: Conv,
  inputs: number,
): boolean =>
  [kernel, stride, padding, groups, relu].join() === "3,1,1,1,1" && Math.max(inputs, channels) <= 4;

/** The layers that the kernels compute; undefined if there are none. */
export function stemOf(model: Model): Stem | undefined {
  const { mean, std, levels } = model.input;
  const zeros = mean.map((one) => Math.round(MAX_LEVEL * one));
  const exact = zeros.every((zero, c) => Math.abs(MAX_LEVEL * mean[c] - zero) < 1e-6);
  const inRange = zeros.every((zero) => zero >= 0 && zero <= MAX_LEVEL);
  if (levels !== MAX_LEVEL || !exact || !inRange || std.some((one) => one !== std[0])) return undefined;
  const layers: ByteLayer[] = [];
  let scale: Scale = { step: 1 / (MAX_LEVEL * std[0]), zeros };
  let value = 0;
  for (const { conv, index, inputs, pool } of stemConvolutions(model)) {
    const packed = conv.step > 0 ? packLayer(conv, model.parameters[index]!, scale) : undefined;
    if (!packed) break;
    layers.push({ from: cellSize(inputs), to: cellSize(conv.channels), pool, packed });
    scale = { step: conv.step, zeros: Array(conv.channels).fill(0) };
    value = index + (pool ? 2 : 1);
  }
  if (layers.length === 0) return undefined;
  const [red, green, blue] = zeros;
  const outside = red | (green << 8) | (blue << 16);
  return { layers, outside, value, step: scale.step, sharesInput: readersOf(model)[0] > 1 };
}

const cellSize = (channels: number): CellSize => (channels <= 2 ? 2 : 4);

/** The largest multiplier is from this to its double: then sums are rounded to at most a sixteenth of a step. */
const MULTIPLIER = 2 ** 10;
/** With a smaller one, sums of 16 bits do not reach the largest result. */
const LEAST_MULTIPLIER = 128;

/** @returns undefined if the weights are not integers from -127 to 127 times a scale per output, or too different */
function packLayer(
  { channels, step }: Conv,
  { weights, biases }: NonNullable<Model["parameters"][number]>,
  { step: inputStep, zeros }: Scale,
): Uint8Array | undefined {
  const inputs = zeros.length;
  const [from, to] = [cellSize(inputs), cellSize(channels)];
  const scales = Array.from(biases, (_, o) =>
    scaleOf(weights.subarray(9 * inputs * o, 9 * inputs * (o + 1))),
  );
  const factors = scales.map((scale) => (scale * inputStep) / step);
  const largest = Math.max(...factors);
  if (!(largest > 0)) return undefined;
  // multiplier = factor * 2^(15 + shift)
  const shift = Math.ceil(Math.log2(MULTIPLIER / largest)) - 15;
  if (shift < 0 || shift > 24) return undefined;
  const unit = 2 ** -(15 + shift);
  const parts = layerParts(from, to);
  const packed = new Uint8Array(parts.bytes);
  const view = new DataView(packed.buffer);
  view.setInt32(0, shift, true);
  for (let o = 0; o < channels; o++) {
    // An output whose weights are all 0 is its bias.
    const multiplier = scales[o] === 0 ? MULTIPLIER : Math.round(factors[o] / unit);
    if (multiplier < LEAST_MULTIPLIER) return undefined;
    let sum = Math.round(biases[o] / (step * multiplier * unit));
    for (let c = 0; c < inputs; c++)
      for (let tap = 0; tap < 9; tap++) {
        const weight = weights[9 * (o * inputs + c) + tap];
        const integer = scales[o] === 0 ? 0 : Math.round(weight / scales[o]);
        if (Math.abs(weight - integer * scales[o]) > 1e-3 * scales[o]) return undefined;
        sum -= integer * zeros[c];
        view.setInt8(parts.weight(o, tap) + c, integer);
      }
    // Half of what the shift drops.
    sum += Math.floor(2 ** shift / 2);
    if (Math.abs(sum) > 2 ** 30) return undefined;
    view.setInt32(4 + 4 * o, sum, true);
    view.setInt16(4 + 4 * to + 2 * o, multiplier, true);
  }
  return packed;
}

const scaleOf = (weights: Float32Array): number =>
  weights.reduce((largest, weight) => Math.max(largest, Math.abs(weight)), 0) / MAX_LEVEL;

/** The total size, and the offset of an output's weights of a tap, in bytes. */
function layerParts(
  from: CellSize,
  to: CellSize,
): { bytes: number; weight(output: number, tap: number): number } {
  const start = 4 + 6 * to;
  // A lane of two cells has two taps of a row; the second cell of the second lane has weights of 0.
  const lanes = from === 4 ? 3 : 2;
  const cells = 4 / from;
  return {
    bytes: start + 4 * 3 * lanes * to,
    weight: (output, tap) => {
      const [row, column] = [Math.floor(tap / 3), tap % 3];
      const lane = row * lanes + Math.floor(column / cells);
      return start + 4 * (lane * to + output) + from * (column % cells);
    },
  };
}
