// Where a picture lies in the network's input: as large as the longest side allows, at the top left.
import type { Size } from "../decode/keepBest.js";

export interface Placement {
  /** Pixels of the input a pixel of the picture. */
  scale: number;
  /** What the picture takes of the input. */
  size: Size;
  /** The whole input: each side a multiple of the grid. */
  canvas: Size;
}

/** A length that is a multiple of `grid`, the next larger one. */
export const toGrid = (length: number, grid: number): number => Math.ceil(length / grid) * grid;

/** @param side longest side of the picture in the input */
export function placePicture({ width, height }: Size, side: number, grid: number): Placement {
  const scale = side / Math.max(width, height);
  const size = scaledSize({ width, height }, scale);
  return { scale, size, canvas: { width: toGrid(size.width, grid), height: toGrid(size.height, grid) } };
}

/** Each side at least one pixel. */
export const scaledSize = ({ width, height }: Size, scale: number): Size => ({
  width: Math.max(1, Math.round(width * scale)),
  height: Math.max(1, Math.round(height * scale)),
});
