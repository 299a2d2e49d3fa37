// Converts a picture's bytes to the network's input: scales, and normalises by mean and standard deviation. Upscaling
// is bilinear; downscaling uses a triangle filter with a radius of one input pixel, to prevent aliasing. Training
// uses the same filter.
import type { ModelInput } from "../model/model.js";
import type { Placement } from "./placement.js";

/** Rows from the top, 8 bits per channel. */
export interface RawPicture {
  /** [height, width, channels] */
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  /** 3: RGB; 4: RGBA, composited over black. */
  channels: 3 | 4;
}

/** The filter taps of each output position along an axis. */
export interface Axis {
  /** Source positions per output position. */
  taps: number;
  /** [size], the first source position */
  first: Int32Array;
  /** [size, taps] */
  weights: Float32Array;
}

/** The filters for pictures of one size. */
export interface Filters {
  width: number;
  height: number;
  columns: Axis;
  rows: Axis;
}

const f32 = Math.fround;

/**
 * @param from, to lengths in pixels: of the picture, and of its area in the input
 * @param scale input pixels per picture pixel
 */
export function sampleAxis(from: number, to: number, scale: number): Axis {
  const exact = f32(scale);
  const slope = exact < 1 ? exact : 1;
  // Without scaling, pixels are copied.
  const taps = exact === 1 ? 1 : Math.min(exact < 1 ? Math.ceil(f32(2 / exact)) : 2, from);
  const first = new Int32Array(to);
  const weights = new Float32Array(to * taps);
  for (let at = 0; at < to; at++) {
    const centre = Math.max(0, Math.min(f32(f32((at + 0.5) / exact) - 0.5), from - 1));
    const lowest = Math.floor(f32(centre - f32(1 / slope))) + 1;
    first[at] = Math.max(0, Math.min(lowest, from - taps));
    let sum = 0;
    for (let t = 0; t < taps; t++) {
      const weight = f32(1 - f32(Math.abs(f32(first[at] + t - centre)) * slope));
      weights[at * taps + t] = Math.max(0, weight);
      sum += weights[at * taps + t];
    }
    if (slope < 1) for (let t = 0; t < taps; t++) weights[at * taps + t] /= sum;
  }
  return { taps, first, weights };
}

/**
 * Draws a picture into the input's planes.
 * @param planes [3, canvas.height, canvas.width], fully overwritten
 */
export function drawPicture(
  picture: RawPicture,
  { scale, size, canvas }: Placement,
  { mean, std, levels }: ModelInput,
  planes: Float32Array,
): void {
  const columns = sampleAxis(picture.width, size.width, scale);
  const rows = sampleAxis(picture.height, size.height, scale);
  const line = new Float32Array(3 * picture.width);
  const plane = canvas.width * canvas.height;
  planes.fill(0);
  for (let y = 0; y < size.height; y++) {
    sumRows(picture, rows, y, line);
    for (let c = 0; c < 3; c++) {
      const gain = 1 / (255 * std[c]);
      const shift = -mean[c] / std[c];
      const at = c * plane + y * canvas.width;
      for (let x = 0; x < size.width; x++) {
        let sum = 0;
        const from = 3 * columns.first[x] + c;
        for (let t = 0; t < columns.taps; t++)
          sum += columns.weights[x * columns.taps + t] * line[from + 3 * t];
        if (levels > 0) sum = (255 * Math.floor(f32((sum * levels) / 255 + 0.5))) / levels;
        planes[at + x] = gain * sum + shift;
      }
    }
  }
}

/** line[x, c] = the weighted sum of the source rows of output row `y`. */
function sumRows(
  { data, channels, width }: RawPicture,
  { taps, first, weights }: Axis,
  y: number,
  line: Float32Array,
): void {
  line.fill(0);
  for (let t = 0; t < taps; t++) {
    const weight = weights[y * taps + t];
    let from = (first[y] + t) * width * channels;
    if (channels === 3) {
      for (let i = 0; i < line.length; i++) line[i] += weight * data[from + i];
      continue;
    }
    for (let i = 0; i < line.length; i += 3, from += 4) {
      const alpha = data[from + 3];
      for (let c = 0; c < 3; c++) line[i + c] += weight * overBlack(data[from + c], alpha);
    }
  }
}

/** A colour value (0..255) with this alpha, composited over black; rounded down, as in training's decoder. */
export const overBlack = (value: number, alpha: number): number => Math.floor((value * alpha) / 255);
