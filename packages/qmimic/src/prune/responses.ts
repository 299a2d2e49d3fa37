// A layer's inputs and outputs at sampled positions, as matrices.
import type { OperatorCall, Tensor } from "@qmimic/torch";
import type { WeightedLayer } from "../models/index.js";

/** Sampled positions in a layer's output: image (or region), row, column, three numbers each. */
export type Places = Int32Array;

/** The layer computed by an observed operator. */
export const layerOf = (
  layers: ReadonlyMap<Tensor, WeightedLayer>,
  { args }: OperatorCall,
): WeightedLayer | undefined => layers.get(args[1] as Tensor);

/**
 * Up to `count` random positions per image; all regions.
 * @param result the layer's output, [B, C, H, W] or [N, C]
 */
export function samplePlaces({ shape }: Tensor, count: number, random: () => number): Places {
  const [images, , height = 1, width = 1] = shape;
  if (shape.length === 2) return Int32Array.from({ length: 3 * images }, (_, i) => (i % 3 === 0 ? i / 3 : 0));
  const places = new Int32Array(3 * images * count);
  for (let at = 0; at < places.length; at += 3) {
    places[at] = Math.floor(at / 3 / count);
    places[at + 1] = Math.floor(random() * height);
    places[at + 2] = Math.floor(random() * width);
  }
  return places;
}

/** A map's or a row's values at the positions, [positions, C]. */
export function valuesAt(of: Tensor, places: Places): Float32Array {
  const [, channels, height = 1, width = 1] = of.shape;
  const data = of.toFloat32();
  const rows = places.length / 3;
  const values = new Float32Array(rows * channels);
  for (let row = 0; row < rows; row++) {
    const [image, y, x] = places.subarray(3 * row, 3 * row + 3);
    for (let c = 0; c < channels; c++)
      values[row * channels + c] = data[((image * channels + c) * height + y) * width + x];
  }
  return values;
}

/** The layer's inputs at the positions, in weight order: [positions, input channels * perChannel]. */
export function inputsAt(
  { window }: WeightedLayer,
  input: Tensor,
  places: Places,
): { data: Float32Array; width: number } {
  const [, channels, height = 1, width = 1] = input.shape;
  const data = input.toFloat32();
  if (!window) return { data: rowsOf(data, channels, places), width: channels };
  const { kernel, stride, padding } = window;
  const size = channels * kernel ** 2;
  const rows = places.length / 3;
  const patches = new Float32Array(rows * size);
  for (let row = 0; row < rows; row++) {
    const [image, y, x] = places.subarray(3 * row, 3 * row + 3);
    const [top, left] = [y * stride - padding, x * stride - padding];
    let at = row * size;
    for (let c = 0; c < channels; c++) {
      const plane = (image * channels + c) * height * width;
      for (let ky = top; ky < top + kernel; ky++) {
        for (let kx = left; kx < left + kernel; kx++, at++) {
          if (ky >= 0 && ky < height && kx >= 0 && kx < width) patches[at] = data[plane + ky * width + kx];
        }
      }
    }
  }
  return { data: patches, width: size };
}

function rowsOf(data: Float32Array, width: number, places: Places): Float32Array {
  const rows = new Float32Array((places.length / 3) * width);
  for (let row = 0; row < places.length / 3; row++) {
    const from = places[3 * row] * width;
    rows.set(data.subarray(from, from + width), row * width);
  }
  return rows;
}
