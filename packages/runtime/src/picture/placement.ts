// The placement of a picture in the network's input: as large as the longest side allows, at the top left.
import type { Size } from "../decode/keepBest.js";

export interface Placement {
  /** Input pixels per picture pixel. */
  scale: number;
  /** The picture's size in the input. */
  size: Size;
  /** The size of the input; each side is a multiple of the grid. */
  canvas: Size;
}

/** Rounds a length up to a multiple of `grid`. */
export const toGrid = (length: number, grid: number): number => Math.ceil(length / grid) * grid;

/** @param side longest side of the picture in the input */
export function placePicture({ width, height }: Size, side: number, grid: number): Placement {
  const scale = side / Math.max(width, height);
  const size = scaledSize({ width, height }, scale);
  return { scale, size, canvas: { width: toGrid(size.width, grid), height: toGrid(size.height, grid) } };
}

/** The scaled size, with sides of at least one pixel. */
export const scaledSize = ({ width, height }: Size, scale: number): Size => ({
  width: Math.max(1, Math.round(width * scale)),
  height: Math.max(1, Math.round(height * scale)),
});
