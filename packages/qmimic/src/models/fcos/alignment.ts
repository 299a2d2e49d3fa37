// Alignment of a cell with an object: its score for the object's class, times the IoU of its box with the
// object (Feng et al., "TOOD: Task-aligned One-stage Object Detection", ICCV 2021, section 3.2), times its
// proximity to the object's centre:
//
//   score * IoU^6 * proximity
//
// Proximity is not in the paper. Its detectors have maps at several strides, so that some cell's initial box
// fits; here one map serves objects of all sizes. Plain loops, because they run over every cell of every object
// in every step.
import type { CellGrid } from "@qmimic/runtime";
import type { Target } from "../targets.js";

/** A head's outputs for a batch, as arrays. */
export interface CellArrays extends CellGrid {
  /** [B, classes, height, width] */
  logits: Float32Array;
  /** [B, 4, height, width], in cells */
  distances: Float32Array;
  classes: number;
  height: number;
}

/** Columns x0..x1 and rows y0..y1, ends exclusive. */
export interface CellRange {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** The best aligned cells of each object in an image, best first: object k's start at k * `max`. */
export interface AlignedCells {
  max: number;
  /** [objects] number of cells, at most `max`; at least 1, unless the range is empty. */
  counts: Int32Array;
  /** [objects, max] cell indices into [height, width]. */
  cells: Int32Array;
  alignments: Float64Array;
  /** IoU of the cell's box with the object. */
  overlaps: Float64Array;
}

/** Candidates are all cells in the object's box, but at least this many per side, for small objects. */
const LEAST_SIDE = 2;
/** Added to every IoU: while no box overlaps the object, score and proximity still rank its cells. */
const LEAST_IOU = 1e-3;

/** The outputs for one image of a batch. */
export function outputsOf(arrays: CellArrays, image: number): CellArrays {
  const plane = arrays.height * arrays.width;
  const slice = (values: Float32Array, size: number) => values.subarray(image * size, (image + 1) * size);
  return {
    ...arrays,
    logits: slice(arrays.logits, arrays.classes * plane),
    distances: slice(arrays.distances, 4 * plane),
  };
}

/**
 * @param outputs for one image
 * @param range the cells that may learn an object
 * @param max cells per object
 */
export function alignedCells(
  { logits, distances, height, width, stride }: CellArrays,
  { boxes, labels }: Target,
  range: CellRange,
  max: number,
): AlignedCells {
  const places = labels.length * max;
  const found: AlignedCells = {
    max,
    counts: new Int32Array(labels.length),
    cells: new Int32Array(places),
    alignments: new Float64Array(places),
    overlaps: new Float64Array(places),
  };
  if (range.x1 <= range.x0 || range.y1 <= range.y0) return found;
  const plane = height * width;
  for (let object = 0; object < labels.length; object++) {
    const x1 = boxes[4 * object] / stride;
    const y1 = boxes[4 * object + 1] / stride;
    const x2 = boxes[4 * object + 2] / stride;
    const y2 = boxes[4 * object + 3] / stride;
    const area = (x2 - x1) * (y2 - y1);
    const centerX = (x1 + x2) / 2;
    const centerY = (y1 + y2) / 2;
    const reachX = Math.max(x2 - x1, LEAST_SIDE) / 2;
    const reachY = Math.max(y2 - y1, LEAST_SIDE) / 2;
    // An object with its centre outside the image gets the nearest cell inside.
    const fromX = within(Math.ceil(centerX - reachX - 0.5), range.x0, range.x1 - 1);
    const toX = within(Math.floor(centerX + reachX - 0.5), range.x0, range.x1 - 1);
    const fromY = within(Math.ceil(centerY - reachY - 0.5), range.y0, range.y1 - 1);
    const toY = within(Math.floor(centerY + reachY - 0.5), range.y0, range.y1 - 1);
    const logitsAt = (labels[object] - 1) * plane;
    for (let y = fromY; y <= toY; y++) {
      const shareY = Math.max(0, 1 - Math.abs(y + 0.5 - centerY) / (2 * reachY));
      for (let x = fromX; x <= toX; x++) {
        const cell = y * width + x;
        const left = x + 0.5 - distances[cell];
        const top = y + 0.5 - distances[plane + cell];
        const right = x + 0.5 + distances[2 * plane + cell];
        const bottom = y + 0.5 + distances[3 * plane + cell];
        const w = Math.min(right, x2) - Math.max(left, x1);
        const h = Math.min(bottom, y2) - Math.max(top, y1);
        const overlap = w > 0 && h > 0 ? (w * h) / ((right - left) * (bottom - top) + area - w * h) : 0;
        const score = 1 / (1 + Math.exp(-logits[logitsAt + cell]));
        // IoU of the object with itself moved onto the cell.
        const shared = shareY * Math.max(0, 1 - Math.abs(x + 0.5 - centerX) / (2 * reachX));
        const proximity = shared / (2 - shared);
        const alignment = score * (overlap + LEAST_IOU) ** 6 * proximity;
        const at = makeRoom(found, object, alignment);
        if (at < 0) continue;
        found.cells[at] = cell;
        found.alignments[at] = alignment;
        found.overlaps[at] = overlap;
      }
    }
  }
  return found;
}

const within = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));

/** Makes room in an object's list of best cells. @returns the place, -1 if the alignment is not good enough */
function makeRoom(
  { max, counts, cells, alignments, overlaps }: AlignedCells,
  object: number,
  alignment: number,
): number {
  const first = object * max;
  let at = first + counts[object];
  if (counts[object] < max) counts[object]++;
  else if (alignment > alignments[at - 1]) at--;
  else return -1;
  for (; at > first && alignments[at - 1] < alignment; at--) {
    alignments[at] = alignments[at - 1];
    overlaps[at] = overlaps[at - 1];
    cells[at] = cells[at - 1];
  }
  return at;
}
