// What each cell of a batch should say: which cells learn an object, which are background, which are neither.
import { type CellGrid, encodeDistances, takeBoxes } from "@qmimic/runtime";
import type { Target } from "../targets.js";
import { type AlignedCells, alignedCells, type CellArrays, type CellRange } from "./alignment.js";

export interface AssignedCells {
  /** [B, classes, height, width], 0..1 */
  scores: Float32Array;
  /** Their sum. */
  total: number;
  /** [B, height, width]: 1 for objects and background, 0 for cells on padding or in ignored regions. */
  counted: Float32Array;
  /** [N] cells that learn an object, as numbers in [B, height, width]. */
  cells: Int32Array;
  /** [N, 4] distances to the object's sides, in cells. */
  goals: Float32Array;
}

/**
 * Each object is learned by the cells that are best aligned with it, at least one while there are as many cells as
 * objects in a place. The best of them should give the highest IoU that any of them reaches as its score, the
 * others less, by their alignment (TOOD, section 3.2).
 * @param placed where each image lies on the canvas, [B, 4] xyxy
 * @param most cells of an object
 */
export function assignCells(
  said: CellArrays,
  targets: readonly Target[],
  placed: Float32Array,
  most: number,
): AssignedCells {
  const { classes, height, width } = said;
  const plane = height * width;
  const places = most * targets.reduce((sum, { labels }) => sum + labels.length, 0);
  const scores = new Float32Array(targets.length * classes * plane);
  const counted = new Float32Array(targets.length * plane);
  const cells = new Int32Array(places);
  const goals = new Float32Array(4 * places);
  let total = 0;
  let count = 0;
  targets.forEach((target, image) => {
    const range = cellsOn(placed.subarray(4 * image, 4 * image + 4), said);
    const ownCounted = counted.subarray(image * plane, (image + 1) * plane);
    countCells(ownCounted, range, target.ignore, said);
    const aligned = alignedCells(said, image, target, range, most);
    const owners = shareCells(aligned, plane);
    total += scoreCells(aligned, owners, target.labels, scores.subarray(image * classes * plane));
    const { own, boxes } = objectCells(aligned, owners, target.boxes);
    for (let i = 0; i < own.length; i++) {
      ownCounted[own[i]] = 1;
      cells[count + i] = image * plane + own[i];
    }
    goals.set(encodeDistances(boxes, own, said), 4 * count);
    count += own.length;
  });
  return { scores, total, counted, cells: cells.subarray(0, count), goals: goals.subarray(0, 4 * count) };
}

/** The cells whose centres are on the image. */
function cellsOn([left, top, right, bottom]: Float32Array, { height, width, stride }: CellArrays): CellRange {
  const first = (from: number) => Math.max(0, Math.ceil(from / stride - 0.5));
  const end = (to: number, limit: number) => Math.min(limit, Math.ceil(to / stride - 0.5));
  return { x0: first(left), y0: first(top), x1: end(right, width), y1: end(bottom, height) };
}

/** Marks the cells of a range, without those that lie in an ignored region by more than half of their area. */
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
 * Gives each cell to the object that its box overlaps most.
 * @returns [height, width] the place in the lists of aligned cells that a cell is learned by; -1: none
 */
function shareCells({ most, counts, cells, overlaps }: AlignedCells, plane: number): Int32Array {
  const owners = new Int32Array(plane).fill(-1);
  const owned = new Int32Array(counts.length);
  for (let object = 0; object < counts.length; object++) {
    for (let at = object * most; at < object * most + counts[object]; at++) {
      const other = owners[cells[at]];
      if (other >= 0 && overlaps[other] >= overlaps[at]) continue;
      if (other >= 0) owned[Math.floor(other / most)]--;
      owners[cells[at]] = at;
      owned[object]++;
    }
  }
  // An object that lost all of its cells takes the best one that another can spare.
  for (let object = 0; object < counts.length; object++) {
    const end = object * most + counts[object];
    for (let at = object * most; at < end && owned[object] === 0; at++) {
      const other = Math.floor(owners[cells[at]] / most);
      if (owned[other] < 2) continue;
      owned[other]--;
      owners[cells[at]] = at;
      owned[object] = 1;
    }
  }
  return owners;
}

/** Writes what the cells of one image's objects should give; returns the sum. */
function scoreCells(
  { most, counts, cells, alignments, overlaps }: AlignedCells,
  owners: Int32Array,
  labels: Int32Array,
  scores: Float32Array,
): number {
  const plane = owners.length;
  let total = 0;
  for (let object = 0; object < counts.length; object++) {
    const end = object * most + counts[object];
    let bestAlignment = 0;
    let bestOverlap = 0;
    for (let at = object * most; at < end; at++) {
      if (owners[cells[at]] !== at) continue;
      bestAlignment = Math.max(bestAlignment, alignments[at]);
      bestOverlap = Math.max(bestOverlap, overlaps[at]);
    }
    if (bestAlignment === 0) continue;
    for (let at = object * most; at < end; at++) {
      if (owners[cells[at]] !== at) continue;
      const score = (bestOverlap * alignments[at]) / bestAlignment;
      scores[(labels[object] - 1) * plane + cells[at]] = score;
      total += score;
    }
  }
  return total;
}

/** The cells of one image that learn an object, with the box of that object. */
function objectCells(
  { most, counts, cells }: AlignedCells,
  owners: Int32Array,
  boxes: Float32Array,
): { own: Int32Array; boxes: Float32Array } {
  const own = new Int32Array(cells.length);
  const objects = new Int32Array(cells.length);
  let count = 0;
  for (let object = 0; object < counts.length; object++) {
    for (let at = object * most; at < object * most + counts[object]; at++) {
      if (owners[cells[at]] !== at) continue;
      own[count] = cells[at];
      objects[count++] = object;
    }
  }
  return { own: own.subarray(0, count), boxes: takeBoxes(boxes, objects.subarray(0, count)) };
}
