// Packs weights in the order in which the kernels read them.
import type { LayerParameters } from "../model/model.js";
import type { Conv } from "../model/operations.js";
import type { RowLayout } from "./rows.js";

/** The output channels computed by one call of a convolution kernel. */
export interface ConvBlock {
  outputs: 1 | 2 | 4;
  /** The first output channel, and the first input channel that they read. */
  firstOutput: number;
  firstInput: number;
  /** Biases, then for each tap the weights of the outputs. */
  packed: Float32Array;
}

/**
 * Splits the outputs into blocks of four, then two and one; no block spans two groups. Taps are ordered by input
 * channel, then by cell of the kernel.
 */
export function packConvolution({ weights, biases }: LayerParameters, groups: number): ConvBlock[] {
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

/** Whether Winograd's algorithm applies to a convolution, and is faster because it has enough channels. */
export const hasWinograd = ({ kernel, stride, padding, groups, channels }: Conv, inputs: number): boolean =>
  kernel === 3 &&
  stride === 1 &&
  padding === 1 &&
  groups === 1 &&
  Math.min(inputs, channels) >= 4 &&
  Math.max(inputs, channels) >= 8 &&
  channels % 4 === 0;

/** On narrower maps, more than half of the cells computed at a time are unused. */
const MIN_WINOGRAD_WIDTH = 17;

/** Whether Winograd's algorithm is used on a map with this many channels and columns. */
export const isWinograd = (operation: Conv, inputs: number, width: number): boolean =>
  hasWinograd(operation, inputs) && width >= MIN_WINOGRAD_WIDTH;

/** Elements of a transformed tile, see wasm/winograd.ts. */
const PLACES = 36;
/** Constants of the transforms. */
export const WINOGRAD_CONSTANTS = [2, 4, 8, 0];

/** Offsets of a layer's weights and biases from the address of the constants, and the total size, in bytes. */
export function winogradParts(
  inputs: number,
  outputs: number,
): { weights: number; biases: number; bytes: number } {
  const weights = 4 * WINOGRAD_CONSTANTS.length;
  const biases = weights + 4 * PLACES * outputs * inputs;
  return { weights, biases, bytes: biases + 4 * outputs };
}

/** Outputs of a fully connected layer computed at a time. */
const LINEAR_BLOCK = 16;

export const linearOutputs = (channels: number): number => Math.ceil(channels / LINEAR_BLOCK) * LINEAR_BLOCK;

/**
 * @param layout of the input's rows
 * @returns blocks of sixteen outputs, each with 16 biases and then weights [floats, 16], 0 for padding
 */
export function packLinear(
  { weights, biases }: LayerParameters,
  { channels, cells, padded, floats }: RowLayout,
): Float32Array {
  const outputs = linearOutputs(biases.length);
  const packed = new Float32Array(outputs * (floats + 1));
  for (let o = 0; o < biases.length; o++) {
    const lane = o % LINEAR_BLOCK;
    const first = (o - lane) * (floats + 1) + lane;
    packed[first] = biases[o];
    for (let cell = 0; cell < cells; cell++)
      for (let c = 0; c < channels; c++)
        packed[first + LINEAR_BLOCK * (cell * padded + c + 1)] = weights[(o * channels + c) * cells + cell];
  }
  return packed;
}
