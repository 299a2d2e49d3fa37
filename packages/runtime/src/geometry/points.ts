// Boxes as the distances from a cell's centre to their four sides (Tian et al., "FCOS: Fully Convolutional One-Stage
// Object Detection", ICCV 2019, section 3.1). Cell (x, y) of a map has index y * width + x; its centre is at
// ((x + 0.5) * stride, (y + 0.5) * stride) pixels. Distances are in cells, so that their scale does not depend on the
// stride.

/** A map's number of columns, and the pixels of the network's input between neighbouring cells. */
export interface CellGrid {
  width: number;
  stride: number;
}

/**
 * Distances from the centres of cells to the left, upper, right and lower side of one box per cell; negative if the
 * centre is outside that side. The inverse of decodeDistances.
 * @param boxes [N, 4] xyxy in pixels
 * @param cells [N] indices of cells
 * @returns [N, 4] in cells
 * @throws RangeError if the lengths do not match
 */
export function encodeDistances(
  boxes: Float32Array,
  cells: Int32Array,
  { width, stride }: CellGrid,
): Float32Array {
  if (boxes.length !== 4 * cells.length) {
    throw new RangeError(
      `encodeDistances: ${boxes.length} coordinates for ${cells.length} cells, expected four per cell`,
    );
  }
  const distances = new Float32Array(boxes.length);
  for (let i = 0, k = 0; i < cells.length; i++, k += 4) {
    const row = Math.floor(cells[i] / width);
    const x = cells[i] - row * width + 0.5;
    const y = row + 0.5;
    distances[k] = x - boxes[k] / stride;
    distances[k + 1] = y - boxes[k + 1] / stride;
    distances[k + 2] = boxes[k + 2] / stride - x;
    distances[k + 3] = boxes[k + 3] / stride - y;
  }
  return distances;
}

/**
 * Decodes the boxes of some cells of a map.
 * @param distances [4, height, width] in cells: to the left, upper, right and lower side
 * @param cells [N] indices of cells
 * @returns [N, 4] xyxy in pixels, not clipped to the image
 */
export function decodeDistances(
  distances: Float32Array,
  cells: Int32Array,
  { width, stride }: CellGrid,
): Float32Array {
  const plane = distances.length / 4;
  const boxes = new Float32Array(4 * cells.length);
  for (let i = 0, k = 0; i < cells.length; i++, k += 4) {
    const cell = cells[i];
    const row = Math.floor(cell / width);
    const x = cell - row * width + 0.5;
    const y = row + 0.5;
    boxes[k] = (x - distances[cell]) * stride;
    boxes[k + 1] = (y - distances[plane + cell]) * stride;
    boxes[k + 2] = (x + distances[2 * plane + cell]) * stride;
    boxes[k + 3] = (y + distances[3 * plane + cell]) * stride;
  }
  return boxes;
}
