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
  const longest = Math.max(width, height);
  const size = { width: scaledLength(width, side, longest), height: scaledLength(height, side, longest) };
  return {
    scale: side / longest,
    size,
    canvas: { width: toGrid(size.width, grid), height: toGrid(size.height, grid) },
  };
}

/**
 * length * to / from in whole pixels, halves up, at least 1. Not with a rounded scale: that the size is the same everywhere
 * (training, C, ONNX) matters more than anything that follows.
 */
export const scaledLength = (length: number, to: number, from: number): number =>
  Math.max(1, Math.round((length * to) / from));
