// Boxes as distances from the centre of a cell to their four sides (Tian et al., FCOS, ICCV 2019, section 3.1), in cells.

/** Distances beyond this many cells are clamped where they are decoded: no input has a longer side. */
const MAX_DISTANCE = 4096;

/**
 * The boxes that cells of a map point to.
 * @param cells [N] places in the flat map, y * width + x
 * @param distances [4, height * width]: to the left, upper, right and lower side, in cells
 * @param width of the map in cells
 * @param stride pixels per cell
 * @returns [N, 4] xyxy in pixels, not clipped
 */
export function decodeDistances(
  cells: Int32Array,
  distances: Float32Array,
  width: number,
  stride: number,
): Float32Array {
  const size = distances.length / 4;
  const boxes = new Float32Array(4 * cells.length);
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i];
    const y = Math.floor(cell / width) + 0.5;
    const x = (cell % width) + 0.5;
    for (let k = 0; k < 4; k++) {
      const distance = Math.min(distances[k * size + cell], MAX_DISTANCE);
      boxes[4 * i + k] = stride * ((k % 2 === 0 ? x : y) + (k < 2 ? -distance : distance));
    }
  }
  return boxes;
}
