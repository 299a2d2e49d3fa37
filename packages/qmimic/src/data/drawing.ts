// Draws images with augmentations into the network's input, with the addon's kernel.
import { placePicture, scaledLength } from "@qmimic/runtime";
import { scope, type Tensor, tensor } from "@qmimic/torch";
import { imagesToBatch } from "../native/imagesToBatch.js";
import { type Augmentation, type CanvasSize, NO_AUGMENTATION, sampleAugmentation } from "./augment.js";
import type { RawImage } from "./images.js";

/** Sides of canvases are multiples of this, so that every map down to stride 32 consists of whole cells. */
export const GRID = 32;

/** Rounds a length up to a multiple of GRID. */
export const toGrid = (length: number): number => Math.ceil(length / GRID) * GRID;

/**
 * The pixels of a batch, [B, 3, H, W]; the only tensor that outlives the call.
 * @param sizes the sizes of the drawn images; default: as their scales say
 */
export function drawImages(
  images: readonly RawImage[],
  augmentations: readonly Augmentation[],
  {
    canvas,
    sizes = images.map((image, i) => scaledBy(image, augmentations[i].scale)),
  }: { canvas: CanvasSize; sizes?: readonly CanvasSize[] },
  device: string,
): Tensor {
  const geometry = new Float32Array(7 * images.length);
  const colour = new Float32Array(12 * images.length);
  augmentations.forEach(({ scale, offsetX, offsetY, flip, colour: matrix }, i) => {
    const { width, height } = sizes[i];
    geometry.set([scale, scale, offsetX, offsetY, flip ? 1 : 0, width, height], 7 * i);
    colour.set(matrix, 12 * i);
  });
  return scope(() =>
    imagesToBatch(
      images.map(({ data, width, height }) => tensor(data, [height, width, 3])),
      tensor(geometry, [images.length, 7]),
      tensor(colour, [images.length, 12]),
      canvas,
    ).to(device),
  );
}

/** The size of a scaled image, with sides of at least one pixel. */
const scaledBy = ({ width, height }: CanvasSize, scale: number): CanvasSize => ({
  width: scaledLength(width, scale, 1),
  height: scaledLength(height, scale, 1),
});

/** How whole images are drawn: `factor` times as large as at scale 1, mirrored or not. */
export interface View {
  factor: number;
  scaleIndex: number;
  flip: boolean;
}

export interface WholeImages {
  /** [B, 3, H, W] */
  batch: Tensor;
  augmentations: Augmentation[];
  /** The size of each image, at the top left of the canvas. */
  sizes: CanvasSize[];
  canvas: CanvasSize;
}

/**
 * Draws whole images without photometric noise, each at the top left of a canvas large enough for the largest.
 * @param side longest side of an image at factor 1
 */
export function drawWhole(
  images: readonly RawImage[],
  side: number,
  device: string,
  { factor, scaleIndex, flip }: View = { factor: 1, scaleIndex: 0, flip: false },
): WholeImages {
  const augmentations = images.map((image) => {
    const plain = sampleAugmentation(() => 0, NO_AUGMENTATION, image, { side, gridStride: 1, scaleIndex: 0 });
    return { ...plain, scale: plain.scale * factor, scaleIndex, flip };
  });
  const sizes = images.map((image) => placePicture(image, side * factor, GRID).size);
  const canvas = {
    width: toGrid(Math.max(...sizes.map((size) => size.width))),
    height: toGrid(Math.max(...sizes.map((size) => size.height))),
  };
  return {
    batch: drawImages(images, augmentations, { canvas, sizes }, device),
    augmentations,
    sizes,
    canvas,
  };
}
