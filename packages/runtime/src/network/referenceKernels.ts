// One function per operation, in plain TypeScript; see model/operations.ts for their meaning.
import type { Size } from "../decode/keepBest.js";
import type { LayerParameters } from "../model/model.js";
import {
  type Conv,
  type Linear,
  MAX_LEVEL,
  type MaxPool,
  type Operation,
  type PsRoiAlign,
  type RoiAlign,
} from "../model/operations.js";
import type { Value } from "./network.js";
import { roundPow2 } from "./roundPow2.js";

export function convolve(
  { kernel, stride, padding, groups, relu, step }: Conv,
  { weights, biases }: LayerParameters,
  from: Value,
  to: Float32Array,
): void {
  const width = Math.floor((from.width + 2 * padding - kernel) / stride) + 1;
  const height = Math.floor((from.height + 2 * padding - kernel) / stride) + 1;
  const plane = width * height;
  const inputs = from.channels / groups;
  const outputs = biases.length / groups;
  const shifts = Array.from({ length: kernel * kernel }, (_, tap) => ({
    stride,
    dy: Math.floor(tap / kernel) - padding,
    dx: (tap % kernel) - padding,
  }));
  for (let o = 0, w = 0; o < biases.length; o++) {
    const output = { data: to.subarray(o * plane, (o + 1) * plane).fill(biases[o]), width, height };
    const first = Math.floor(o / outputs) * inputs;
    for (let i = first; i < first + inputs; i++) {
      const data = from.data.subarray(i * from.width * from.height, (i + 1) * from.width * from.height);
      const input = { data, width: from.width, height: from.height };
      for (let tap = 0; tap < shifts.length; tap++, w++) addShifted(input, output, weights[w], shifts[tap]);
    }
    if (relu) for (let p = 0; p < plane; p++) output.data[p] = Math.max(0, output.data[p]);
  }
  if (step > 0) roundTo(to, step, MAX_LEVEL, to);
}

/** Nearest entries of {0, step, ..., most step}, ties down. */
function roundTo(from: Float32Array, step: number, most: number, to: Float32Array): void {
  const exact = Math.fround(step);
  for (let i = 0; i < to.length; i++)
    to[i] = Math.min(most, Math.max(0, Math.ceil(from[i] / exact - 0.5))) * exact;
}

/** One channel of a map. */
interface Plane extends Size {
  data: Float32Array;
}

/** to[y, x] += weight * from[stride * y + dy, stride * x + dx], for positions inside the map. */
function addShifted(
  from: Plane,
  to: Plane,
  weight: number,
  { stride, dy, dx }: { stride: number; dy: number; dx: number },
): void {
  const { data: read } = from;
  const { data: sums, width, height } = to;
  const beginX = Math.max(0, Math.ceil(-dx / stride));
  const endX = Math.min(width, Math.floor((from.width - 1 - dx) / stride) + 1);
  for (let y = 0; y < height; y++) {
    const row = stride * y + dy;
    if (row < 0 || row >= from.height) continue;
    const begin = row * from.width + dx;
    const at = y * width;
    for (let x = beginX; x < endX; x++) sums[at + x] += weight * read[begin + stride * x];
  }
}

export function maxPool({ kernel, stride, padding }: MaxPool, from: Value, to: Float32Array): void {
  const width = Math.floor((from.width + 2 * padding - kernel) / stride) + 1;
  const height = Math.floor((from.height + 2 * padding - kernel) / stride) + 1;
  for (let c = 0, k = 0; c < from.channels; c++) {
    const plane = c * from.width * from.height;
    for (let y = 0; y < height; y++) {
      const top = Math.max(0, stride * y - padding);
      const bottom = Math.min(from.height, stride * y - padding + kernel);
      for (let x = 0; x < width; x++, k++) {
        const right = Math.min(from.width, stride * x - padding + kernel);
        let largest = Number.NEGATIVE_INFINITY;
        for (let row = top; row < bottom; row++)
          for (let column = Math.max(0, stride * x - padding); column < right; column++)
            largest = Math.max(largest, from.data[plane + row * from.width + column]);
        to[k] = largest;
      }
    }
  }
}

export function addValues(a: Float32Array, b: Float32Array, relu: number, to: Float32Array): void {
  for (let i = 0; i < to.length; i++) to[i] = a[i] + b[i];
  if (relu) for (let i = 0; i < to.length; i++) to[i] = Math.max(0, to[i]);
}

export function upsample(factor: number, { data, channels, height, width }: Value, to: Float32Array): void {
  for (let row = 0, k = 0; row < channels * height; row++) {
    for (let copy = 0; copy < factor; copy++)
      for (let x = 0; x < width * factor; x++, k++) to[k] = data[row * width + Math.floor(x / factor)];
  }
}

/** Applies an elementwise operation to each number of `from`, into `to` of the same length. */
export function eachNumber(operation: Operation, from: Float32Array, to: Float32Array): void {
  switch (operation.op) {
    case "exp":
      for (let i = 0; i < to.length; i++) to[i] = Math.exp(Math.min(from[i], operation.max));
      return;
    case "round":
      roundTo(from, operation.step, Number.POSITIVE_INFINITY, to);
      return;
    case "roundPow2": {
      const { min, max } = operation;
      for (let i = 0; i < to.length; i++) to[i] = roundPow2(from[i], min, max);
    }
  }
}

export function linear(
  { relu }: Linear,
  { weights, biases }: LayerParameters,
  from: Value,
  to: Float32Array,
): void {
  const inputs = from.channels * from.height * from.width;
  for (let at = 0, k = 0; at < from.data.length; at += inputs) {
    for (let o = 0; o < biases.length; o++, k++) {
      let sum = biases[o];
      for (let i = 0; i < inputs; i++) sum += weights[o * inputs + i] * from.data[at + i];
      to[k] = relu ? Math.max(0, sum) : sum;
    }
  }
}

/** Bilinear interpolation of a map at a point, 0 if it is more than a cell outside. */
function sampleAt({ data, width, height }: Value, plane: number, y: number, x: number): number {
  if (!(y >= -1 && y <= height && x >= -1 && x <= width)) return 0;
  const row = Math.max(0, y);
  const column = Math.max(0, x);
  const top = Math.min(Math.floor(row), height - 1);
  const left = Math.min(Math.floor(column), width - 1);
  const down = top === height - 1 ? 0 : row - top;
  const across = left === width - 1 ? 0 : column - left;
  const at = plane + top * width + left;
  const right = left === width - 1 ? 0 : 1;
  const below = top === height - 1 ? 0 : width;
  return (
    (1 - down) * ((1 - across) * data[at] + across * data[at + right]) +
    down * ((1 - across) * data[at + below] + across * data[at + below + right])
  );
}

/** A region in size x size cells, with samples x samples points in each. */
interface RegionCells {
  left: number;
  top: number;
  cellWidth: number;
  cellHeight: number;
  size: number;
  samples: number;
}

/** Mean of the points of one cell of a region; cells are numbered row by row. */
function cellMean(from: Value, channel: number, region: RegionCells, cell: number): number {
  const { left, top, cellWidth, cellHeight, size, samples } = region;
  const plane = channel * from.width * from.height;
  const i = Math.floor(cell / size);
  const j = cell - i * size;
  let sum = 0;
  for (let sy = 0; sy < samples; sy++) {
    const y = top + cellHeight * (i + (sy + 0.5) / samples);
    for (let sx = 0; sx < samples; sx++) {
      const x = left + cellWidth * (j + (sx + 0.5) / samples);
      sum += sampleAt(from, plane, y, x);
    }
  }
  return sum / samples ** 2;
}

export function roiAlign(
  { size, samples, stride }: RoiAlign,
  from: Value,
  regions: Float32Array,
  to: Float32Array,
): void {
  const count = size * size;
  for (let r = 0, k = 0; r < regions.length; r += 4) {
    const left = regions[r] / stride;
    const top = regions[r + 1] / stride;
    // A region is at least one cell wide and high, like in torchvision with aligned=False.
    const cellWidth = Math.max(regions[r + 2] / stride - left, 1) / size;
    const cellHeight = Math.max(regions[r + 3] / stride - top, 1) / size;
    const region = { left, top, cellWidth, cellHeight, size, samples };
    for (let c = 0; c < from.channels; c++)
      for (let cell = 0; cell < count; cell++, k++) to[k] = cellMean(from, c, region, cell);
  }
}

export function psRoiAlign(
  { size, samples, stride }: PsRoiAlign,
  from: Value,
  regions: Float32Array,
  to: Float32Array,
): void {
  const count = size * size;
  const channels = from.channels / count;
  for (let r = 0, k = 0; r < regions.length; r += 4) {
    // Shifted by half a cell, to align cell centres.
    const left = regions[r] / stride - 0.5;
    const top = regions[r + 1] / stride - 0.5;
    const cellWidth = (regions[r + 2] / stride - 0.5 - left) / size;
    const cellHeight = (regions[r + 3] / stride - 0.5 - top) / size;
    const region = { left, top, cellWidth, cellHeight, size, samples };
    for (let c = 0; c < channels; c++, k++) {
      let sum = 0;
      for (let cell = 0; cell < count; cell++) sum += cellMean(from, c * count + cell, region, cell);
      to[k] = sum / count;
    }
  }
}
