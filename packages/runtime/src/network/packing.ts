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
  /** Of one kernel: G g, [4, 3]. */
  const half = new Float64Array(12);
  for (let o = 0; o < outputs; o++) {
    for (let c = 0; c < inputs; c++) {
      const kernel = 9 * (o * inputs + c);
      for (let x = 0; x < 3; x++) {
        const a = weights[kernel + x];
        const b = weights[kernel + 3 + x];
        const d = weights[kernel + 6 + x];
        half[x] = a;
        half[3 + x] = (a + b + d) / 2;
        half[6 + x] = (a - b + d) / 2;
        half[9 + x] = d;
      }
      for (let i = 0; i < 4; i++) {
        const a = half[3 * i];
        const b = half[3 * i + 1];
        const d = half[3 * i + 2];
        // From one place of a tile to the next there are all outputs and inputs.
        const next = outputs * inputs;
        const at = 4 * i * next + 4 * ((o >> 2) * inputs + c) + (o & 3);
        packed[at] = a;
        packed[at + next] = (a + b + d) / 2;
        packed[at + 2 * next] = (a - b + d) / 2;
        packed[at + 3 * next] = d;
      }
    }
  }
  packed.set(biases, PLACES * outputs * inputs);
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
