// Images in an input of fixed size, as generated C sees them: as large as fits, at the top left.
import { type Placement, placePicture, type Size, scaledLength } from "@qmimic/runtime";
import { NO_AUGMENTATION, sampleAugmentation } from "./augment.js";
import { drawImages, GRID, type WholeImages } from "./drawing.js";
import type { RawImage } from "./images.js";

/** The placement of an image in the input `canvas`; export/c/library/picture.c does the same. */
export function fixedPlacement({ width, height }: Size, canvas: Size): Placement {
  const byWidth = height * canvas.width <= width * canvas.height;
  return {
    scale: byWidth ? canvas.width / width : canvas.height / height,
    size: {
      width: byWidth ? canvas.width : scaledLength(width, canvas.height, height),
      height: byWidth ? scaledLength(height, canvas.width, width) : canvas.height,
    },
    canvas,
  };
}

/** Like drawWhole, but with an input of fixed size. */
export function drawFixed(images: readonly RawImage[], canvas: Size, device: string): WholeImages {
  const placements = images.map((image) => fixedPlacement(image, canvas));
  const placement = { side: canvas.width, gridStride: 1, scaleIndex: 0 };
  const augmentations = images.map((image, i) => ({
    ...sampleAugmentation(() => 0, NO_AUGMENTATION, image, placement),
    scale: placements[i].scale,
  }));
  const sizes = placements.map(({ size }) => size);
  return {
    batch: drawImages(images, augmentations, { canvas, sizes }, device),
    augmentations,
    sizes,
    canvas,
  };
}

/**
 * The input size with the most common aspect ratio of the images, with longest side `side` pixels.
 * @returns multiples of GRID
 */
export function usualInput(images: readonly Size[], side: number): Size {
  const counts = new Map<string, { input: Size; images: number }>();
  for (const image of images) {
    const { canvas: input } = placePicture(image, side, GRID);
    const key = `${input.width} x ${input.height}`;
    const known = counts.get(key) ?? { input, images: 0 };
    known.images++;
    counts.set(key, known);
  }
  return [...counts.values()].reduce((top, entry) => (entry.images > top.images ? entry : top)).input;
}
