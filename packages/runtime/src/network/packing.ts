// Weights in the order in which the kernels read them.
import type { Parameters } from "../model/model.js";
import type { Conv } from "../model/operations.js";

/** Output channels that one call of a convolution kernel makes. */
export interface ConvBlock {
  outputs: 1 | 2 | 4;
  /** The first of them, and the first input channel that they read. */
  firstOutput: number;
  firstInput: number;
  /** Biases, then for each tap the weights of the outputs. */
  packed: Float32Array;
}

/**
 * Blocks of four outputs as far as they go, then of two and one; none reaches over two groups. Taps are input channels, each
 * with the cells of its kernel.
 */
export function packConvolution({ weights, biases }: Parameters, groups: number): ConvBlock[] {
  const taps = weights.length / biases.length;
  const perGroup = biases.length / groups;
  const blocks: ConvBlock[] = [];
  for (let first = 0; first < biases.length; ) {
    const left = perGroup - (first % perGroup);
    const outputs = left >= 4 ? 4 : left >= 2 ? 2 : 1;
    const packed = new Float32Array(outputs * (taps + 1));
    for (let o = 0; o < outputs; o++) {
      packed[o] = biases[first + o];
      for (let t = 0; t < taps; t++) packed[outputs * (t + 1) + o] = weights[(first + o) * taps + t];
    }
    blocks.push({ outputs, firstOutput: first, firstInput: Math.floor(first / perGroup), packed });
    first += outputs;
  }
  return blocks;
}

/** Whether a convolution can be made by Winograd's algorithm, and has channels enough for that to be faster. */
export const hasWinograd = ({ kernel, stride, padding, groups, channels }: Conv, inputs: number): boolean =>
  kernel === 3 &&
  stride === 1 &&
  padding === 1 &&
  groups === 1 &&
  Math.min(inputs, channels) >= 4 &&
  Math.max(inputs, channels) >= 8 &&
  channels % 4 === 0;

/** Narrower maps leave more than half of the cells that are made at a time unused. */
const MIN_WINOGRAD_WIDTH = 17;

/** Whether it is made so on a map of this many channels and columns. */
export const isWinograd = (operation: Conv, inputs: number, width: number): boolean =>
  hasWinograd(operation, inputs) && width >= MIN_WINOGRAD_WIDTH;

/** Rows of G (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.3) for the points of winograd.ts. */
const POINTS: readonly (readonly [number, number, number])[] = [
  [1 / 4, 0, 0],
  ...[1, -1].map((x) => [-1 / 6, -x / 6, -1 / 6] as const),
  ...[2, -2].map((x) => [1 / 24, x / 24, 1 / 6] as const),
  [0, 0, 1],
];
const PLACES = POINTS.length ** 2;
/** That the transforms of pictures multiply by. */
const CONSTANTS = [2, 4, 8, 0];

/** Where the parts of packWinograd's numbers lie, in bytes. */
export function winogradParts(inputs: number, outputs: number): { weights: number; biases: number } {
  const weights = 4 * CONSTANTS.length;
  return { weights, biases: weights + 4 * PLACES * outputs * inputs };
}

/**
 * G g G^T of each 3x3 kernel g.
 * @returns the constants of winograd.ts, [outputs / 4, 36, inputs, 4], and the biases
 */
export function packWinograd({ weights, biases }: Parameters): Float32Array {
  const outputs = biases.length;
  const inputs = weights.length / (9 * outputs);
  const { weights: first, biases: last } = winogradParts(inputs, outputs);
  const packed = new Float32Array(last / 4 + outputs);
  packed.set(CONSTANTS);
  /** Of one kernel: G g, [6, 3]. */
  const half = new Float64Array(3 * POINTS.length);
  for (let o = 0; o < outputs; o++) {
    for (let c = 0; c < inputs; c++) {
      const kernel = 9 * (o * inputs + c);
      POINTS.forEach(([a, b, d], i) => {
        for (let x = 0; x < 3; x++)
          half[3 * i + x] =
            a * weights[kernel + x] + b * weights[kernel + 3 + x] + d * weights[kernel + 6 + x];
      });
      let at = first / 4 + 4 * ((o >> 2) * PLACES * inputs + c) + (o & 3);
      for (let i = 0; i < half.length; i += 3) {
        for (const [a, b, d] of POINTS) {
          packed[at] = a * half[i] + b * half[i + 1] + d * half[i + 2];
          at += 4 * inputs;
        }
      }
    }
  }
  packed.set(biases, last / 4);
  return packed;
}

/** Outputs of a fully connected layer that are made at once. */
export const LINEAR_BLOCK = 16;

export const linearOutputs = (channels: number): number => Math.ceil(channels / LINEAR_BLOCK) * LINEAR_BLOCK;

/**
 * @param order where each number of an input row stands in the layer's weights, -1: it is padding
 * @returns blocks of sixteen outputs, each of 16 biases and then [order.length, 16]
 */
export function packLinear({ weights, biases }: Parameters, order: Int32Array): Float32Array {
  const inputs = weights.length / biases.length;
  const outputs = linearOutputs(biases.length);
  const packed = new Float32Array(outputs * (order.length + 1));
  for (let o = 0; o < biases.length; o++) {
    const block = Math.floor(o / LINEAR_BLOCK) * LINEAR_BLOCK * (order.length + 1);
    const lane = o % LINEAR_BLOCK;
    packed[block + lane] = biases[o];
    for (let k = 0; k < order.length; k++)
      if (order[k] >= 0) packed[block + LINEAR_BLOCK * (k + 1) + lane] = weights[o * inputs + order[k]];
  }
  return packed;
}
