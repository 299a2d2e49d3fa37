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

/** Whether a convolution is made by Winograd's algorithm: from eight channels on it is faster. */
export const isWinograd = ({ kernel, stride, padding, groups, channels }: Conv, inputs: number): boolean =>
  kernel === 3 &&
  stride === 1 &&
  padding === 1 &&
  groups === 1 &&
  Math.min(inputs, channels) >= 8 &&
  channels % 4 === 0;

/** Places of a tile. */
const PLACES = 16;

/**
 * G g G^T of each 3x3 kernel g (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1).
 * @returns [16, outputs / 4, inputs, 4], then the biases
 */
export function packWinograd({ weights, biases }: Parameters): Float32Array {
  const outputs = biases.length;
  const inputs = weights.length / (9 * outputs);
  const packed = new Float32Array(PLACES * outputs * inputs + outputs);
  for (let o = 0; o < outputs; o++) {
    for (let c = 0; c < inputs; c++) {
      const kernel = weights.subarray(9 * (o * inputs + c), 9 * (o * inputs + c + 1));
      const column = (x: number) => spread(kernel[x], kernel[3 + x], kernel[6 + x]);
      const columns = [0, 1, 2].map(column);
      for (let i = 0; i < 4; i++) {
        const row = spread(columns[0][i], columns[1][i], columns[2][i]);
        row.forEach((value, j) => {
          const block = ((4 * i + j) * outputs) / 4 + (o >> 2);
          packed[4 * (block * inputs + c) + (o & 3)] = value;
        });
      }
    }
  }
  packed.set(biases, PLACES * outputs * inputs);
  return packed;
}

/** G times a column of three. */
const spread = (a: number, b: number, c: number): number[] => [a, (a + b + c) / 2, (a - b + c) / 2, c];

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
    order.forEach((from, k) => {
      if (from >= 0) packed[block + LINEAR_BLOCK * (k + 1) + lane] = weights[o * inputs + from];
    });
  }
  return packed;
}
