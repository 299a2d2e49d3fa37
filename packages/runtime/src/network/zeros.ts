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
  const used = 4 * height * row;
  const gap = 4 * (plane - height * row);
  const first = address - 4 * lead;
  const tail = address + 4 * channels * plane;
  const tailSize = first + 4 * size - tail;
  return () => {
    kernels.clear(first, 4 * lead);
    for (let c = 0; c < channels; c++) {
      const start = address + 4 * c * plane;
      kernels.clearPads(start, height, width, pad);
      kernels.clear(start + used, gap);
    }
    kernels.clear(tail, tailSize);
  };
}
