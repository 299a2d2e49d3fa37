// The zeros around the rows and planes of a map, which padded convolutions read.
import type { Machine } from "./machine.js";
import type { PlacedMap } from "./plan.js";

/**
 * Restores the zeros before, between and after the rows of a map, because memory is reused and kernels write whole
 * vectors.
 */
export function clearZeros({ kernels }: Machine, map: PlacedMap): () => void {
  const { address, lead, channels, height, width, row, plane, size } = map;
  const pad = row - width;
  const gap = 4 * (plane - height * row);
  const first = address - 4 * lead;
  const tail = address + 4 * channels * plane;
  const tailSize = first + 4 * size - tail;
  return () => {
    kernels.clear(first, 4 * lead);
    kernels.clearPads(address, channels, 4 * plane, height, width, pad, gap);
    kernels.clear(tail, tailSize);
  };
}
