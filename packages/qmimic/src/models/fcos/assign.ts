// Targets for each cell of a batch: which cells learn an object, which are background, which are ignored.
import { type CellGrid, encodeDistances, takeBoxes } from "@qmimic/runtime";
import { centersBetween } from "../cells.js";
import type { Target } from "../targets.js";
import { type AlignedCells, alignedCells, type CellArrays, type CellRange, outputsOf } from "./alignment.js";

export interface AssignedCells {
  /** [B, classes, height, width], 0..1 */
  scores: Float32Array;
  /** Sum of the scores. */
  total: number;
  /** [B, height, width]: 1 for objects and background, 0 for cells on padding or in ignored regions. */
  counted: Float32Array;
  /** [N] cells that learn an object, as indices into [B, height, width]. */
  cells: Int32Array;
  /** [N, 4] distances to the object's sides, in cells. */
  goals: Float32Array;
}

/**
 * Each object is assigned to its best aligned cells, at least one if there are enough cells at the objects'
 * location. The target score of the best cell is the highest IoU among them, that of the others is lower
 * according to their alignment (TOOD, section 3.2).
 * @param placed each image's area on the canvas, [B, 4] xyxy
 * @param max cells per object
 */
export function assignCells(
  arrays: CellArrays,
  targets: readonly Target[],
  placed: Float32Array,
  max: number,
): AssignedCells {
  const { classes, height, width } = arrays;
  const plane = height * width;
  const places = max * targets.reduce((sum, { labels }) => sum + labels.length, 0);
  const scores = new Float32Array(targets.length * classes * plane);
  const counted = new Float32Array(targets.length * plane);
  const cells = new Int32Array(places);
  const goals = new Float32Array(4 * places);
  let total = 0;
  let count = 0;
  targets.forEach((target, image) => {
    const range = cellsOn(placed.subarray(4 * image, 4 * image + 4), arrays);
    const ownCounted = counted.subarray(image * plane, (image + 1) * plane);
    countCells(ownCounted, range, target.ignore, arrays);
    const aligned = alignedCells(outputsOf(arrays, image), target, range, max);
    const owners = ownersOf(aligned, plane);
    total += scoreCells(aligned, owners, target.labels, scores.subarray(image * classes * plane));
    const { assigned, boxes } = objectCells(aligned, owners, target.boxes);
    for (let i = 0; i < assigned.length; i++) {
      ownCounted[assigned[i]] = 1;
      cells[count + i] = image * plane + assigned[i];
    }
    goals.set(encodeDistances(boxes, assigned, arrays), 4 * count);
    count += assigned.length;
  });
  return { scores, total, counted, cells: cells.subarray(0, count), goals: goals.subarray(0, 4 * count) };
}

/** The cells with their centre on the image. */
function cellsOn([left, top, right, bottom]: Float32Array, { height, width, stride }: CellArrays): CellRange {
  const [x0, x1] = centersBetween(left, right, stride, width);
  const [y0, y1] = centersBetween(top, bottom, stride, height);
  return { x0, y0, x1, y1 };
}

/** Marks the cells of a range, except those with more than half their area in an ignored region. */
function countCells(
  counted: Float32Array,
  { x0, y0, x1, y1 }: CellRange,
  ignore: Float32Array,
  { width, stride }: CellGrid,
): void {
  for (let y = y0; y < y1; y++) counted.fill(1, y * width + x0, y * width + x1);
  for (let k = 0; k < ignore.length; k += 4) {
    const fromX = Math.max(x0, Math.floor(ignore[k] / stride));
    const toX = Math.min(x1, Math.ceil(ignore[k + 2] / stride));
    const toY = Math.min(y1, Math.ceil(ignore[k + 3] / stride));
    for (let y = Math.max(y0, Math.floor(ignore[k + 1] / stride)); y < toY; y++) {
      const h = Math.min((y + 1) * stride, ignore[k + 3]) - Math.max(y * stride, ignore[k + 1]);
      for (let x = fromX; x < toX; x++) {
        const w = Math.min((x + 1) * stride, ignore[k + 2]) - Math.max(x * stride, ignore[k]);
        if (w * h > 0.5 * stride * stride) counted[y * width + x] = 0;
      }
    }
  }
}

/**
 * Assigns each cell to the object that its box overlaps most.
 * @returns [height, width] the index in the lists of aligned cells by which the cell is assigned; -1: none
 */
function ownersOf({ max, counts, cells, overlaps }: AlignedCells, plane: number): Int32Array {
  const owners = new Int32Array(plane).fill(-1);
  const owned = new Int32Array(counts.length);
  for (let object = 0; object < counts.length; object++) {
    for (let at = object * max; at < object * max + counts[object]; at++) {
      const other = owners[cells[at]];
      if (other >= 0 && overlaps[other] >= overlaps[at]) continue;
      if (other >= 0) owned[Math.floor(other / max)]--;
      owners[cells[at]] = at;
      owned[object]++;
    }
  }
  // An object that lost all its cells takes the best one that another can spare.
  for (let object = 0; object < counts.length; object++) {
    const end = object * max + counts[object];
    for (let at = object * max; at < end && owned[object] === 0; at++) {
      const other = Math.floor(owners[cells[at]] / max);
      if (owned[other] < 2) continue;
      owned[other]--;
      owners[cells[at]] = at;
      owned[object] = 1;
    }
  }
  return owners;
}

/** Writes the target scores of one image's cells; returns their sum. */
function scoreCells(
  { max, counts, cells, alignments, overlaps }: AlignedCells,
  owners: Int32Array,
  labels: Int32Array,
  scores: Float32Array,
): number {
  const plane = owners.length;
  let total = 0;
  for (let object = 0; object < counts.length; object++) {
    const end = object * max + counts[object];
    let bestAlignment = 0;
    let bestOverlap = 0;
    for (let at = object * max; at < end; at++) {
      if (owners[cells[at]] !== at) continue;
      bestAlignment = Math.max(bestAlignment, alignments[at]);
      bestOverlap = Math.max(bestOverlap, overlaps[at]);
    }
    if (bestAlignment === 0) continue;
    for (let at = object * max; at < end; at++) {
      if (owners[cells[at]] !== at) continue;
      const score = (bestOverlap * alignments[at]) / bestAlignment;
      scores[(labels[object] - 1) * plane + cells[at]] = score;
      total += score;
    }
  }
  return total;
}

/** The assigned cells of one image, with their object's box. */
function objectCells(
  { max, counts, cells }: AlignedCells,
  owners: Int32Array,
  boxes: Float32Array,
): { assigned: Int32Array; boxes: Float32Array } {
  const assigned = new Int32Array(cells.length);
  const objects = new Int32Array(cells.length);
  let count = 0;
  for (let object = 0; object < counts.length; object++) {
    for (let at = object * max; at < object * max + counts[object]; at++) {
      if (owners[cells[at]] !== at) continue;
      assigned[count] = cells[at];
      objects[count++] = object;
    }
  }
  return { assigned: assigned.subarray(0, count), boxes: takeBoxes(boxes, objects.subarray(0, count)) };
}
