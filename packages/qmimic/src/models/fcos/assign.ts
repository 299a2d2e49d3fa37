// Which cells learn which object, by what the detector says at the moment: task-aligned assignment (Feng et al., TOOD,
// ICCV 2021, section 3.2). Of the cells inside an object those fit best whose score and IoU are both high,
//   t = score^a * IoU^b,
// and the best of them learn it, with a score that is t scaled so that the object's best cell is asked for its best IoU.
// Cells beside them whose boxes fit as well are right too, if suppressed in the end: they are not asked to keep silent.
// Plain loops over typed arrays: they run for every cell of every object in each step.
import type { Target } from "../targets.js";

export interface AssignSettings {
  /** Cells of an object, at most. */
  assignTop: number;
  /** a and b. */
  assignScore: number;
  assignIou: number;
}

/** What the detector says of one image: flat maps of `height` x `width` cells. */
export interface CellPredictions {
  /** [classes, height * width] before the sigmoid. */
  logits: Float32Array;
  /** [4, height * width] in cells. */
  distances: Float32Array;
  height: number;
  width: number;
}

export interface Assignment {
  /** Places y * width + x of the cells that learn an object, ascending. */
  cells: Int32Array;
  /** [N] 1..classes */
  labels: Int32Array;
  /** [N] the score that the cell should give its label, 0..1. */
  scores: Float32Array;
  /** [4, N] distances to the object's sides, in cells, above 0. */
  distances: Float32Array;
  /** Places of further cells inside an object whose boxes overlap it by more than CLOSE: neither object nor background. */
  close: Int32Array;
}

/** IoU. On faces, from scratch, 6 epochs: AP50 42.7 on val, 35.9 where such cells are background, 39.2 from 0.3 on. */
const CLOSE = 0.5;

/** Objects that no cell's centre lies in have the nearest cell; its distances are at least this. */
const LEAST_DISTANCE = 0.05;

/** @param stride pixels per cell of the target's boxes */
export function assign(
  predictions: CellPredictions,
  { boxes, labels }: Target,
  stride: number,
  settings: AssignSettings,
): Assignment {
  const { height, width } = predictions;
  const count = labels.length;
  const owner = new Int32Array(height * width).fill(-1);
  const ownerIou = new Float32Array(height * width);
  const ownerFit = new Float64Array(height * width);
  const close = new Uint8Array(height * width);
  const top = new TopCells(settings.assignTop);
  for (let object = 0; object < count; object++) {
    fitCells(predictions, boxes.subarray(4 * object, 4 * object + 4), labels[object], stride, settings, {
      top,
      close,
    });
    for (let i = 0; i < top.count; i++) {
      const cell = top.cells[i];
      // A cell that two objects want is for the one that its box fits better.
      if (owner[cell] >= 0 && ownerIou[cell] >= top.ious[i]) continue;
      owner[cell] = object;
      ownerIou[cell] = top.ious[i];
      ownerFit[cell] = top.fits[i];
    }
  }
  const found = collect(predictions, boxes, labels, stride, { owner, ownerIou, ownerFit });
  for (const cell of found.cells) close[cell] = 0;
  return { ...found, close: placesOf(close) };
}

/** The best cells of one object, best first. */
class TopCells {
  readonly cells: Int32Array;
  readonly fits: Float64Array;
  readonly ious: Float32Array;
  count = 0;

  constructor(most: number) {
    this.cells = new Int32Array(most);
    this.fits = new Float64Array(most);
    this.ious = new Float32Array(most);
  }

  clear(): void {
    this.count = 0;
  }

  add(cell: number, fit: number, iou: number): void {
    let at = this.count;
    if (at === this.cells.length) {
      if (fit <= this.fits[at - 1]) return;
      at--;
    } else this.count++;
    for (; at > 0 && fit > this.fits[at - 1]; at--) {
      this.cells[at] = this.cells[at - 1];
      this.fits[at] = this.fits[at - 1];
      this.ious[at] = this.ious[at - 1];
    }
    this.cells[at] = cell;
    this.fits[at] = fit;
    this.ious[at] = iou;
  }
}

function fitCells(
  { logits, distances, height, width }: CellPredictions,
  box: Float32Array,
  label: number,
  stride: number,
  { assignScore, assignIou }: AssignSettings,
  { top, close }: { top: TopCells; close: Uint8Array },
): void {
  top.clear();
  const size = height * width;
  const [x1, y1, x2, y2] = [box[0] / stride, box[1] / stride, box[2] / stride, box[3] / stride];
  const area = (x2 - x1) * (y2 - y1);
  // Cells whose centres lie inside; where there is none, the nearest one.
  const range = (from: number, to: number, limit: number): [number, number] => {
    const first = Math.max(0, Math.ceil(from - 0.5));
    const last = Math.min(limit - 1, Math.ceil(to - 0.5) - 1);
    if (first <= last) return [first, last];
    const nearest = Math.min(limit - 1, Math.max(0, Math.floor((from + to) / 2)));
    return [nearest, nearest];
  };
  const [left, right] = range(x1, x2, width);
  const [upper, lower] = range(y1, y2, height);
  for (let y = upper; y <= lower; y++) {
    for (let x = left; x <= right; x++) {
      const cell = y * width + x;
      const cx = x + 0.5;
      const cy = y + 0.5;
      const px1 = cx - distances[cell];
      const py1 = cy - distances[size + cell];
      const px2 = cx + distances[2 * size + cell];
      const py2 = cy + distances[3 * size + cell];
      const w = Math.min(px2, x2) - Math.max(px1, x1);
      const h = Math.min(py2, y2) - Math.max(py1, y1);
      const both = w > 0 && h > 0 ? w * h : 0;
      const iou = both / (area + (px2 - px1) * (py2 - py1) - both);
      const score = 1 / (1 + Math.exp(-logits[(label - 1) * size + cell]));
      top.add(cell, score ** assignScore * iou ** assignIou, iou);
      if (iou > CLOSE) close[cell] = 1;
    }
  }
}

function collect(
  { height, width }: CellPredictions,
  boxes: Float32Array,
  labels: Int32Array,
  stride: number,
  { owner, ownerIou, ownerFit }: { owner: Int32Array; ownerIou: Float32Array; ownerFit: Float64Array },
): Omit<Assignment, "close"> {
  const bestIou = new Float32Array(labels.length);
  const bestFit = new Float64Array(labels.length);
  let count = 0;
  for (let cell = 0; cell < owner.length; cell++) {
    const object = owner[cell];
    if (object < 0) continue;
    count++;
    bestIou[object] = Math.max(bestIou[object], ownerIou[cell]);
    bestFit[object] = Math.max(bestFit[object], ownerFit[cell]);
  }
  const found = {
    cells: new Int32Array(count),
    labels: new Int32Array(count),
    scores: new Float32Array(count),
    distances: new Float32Array(4 * count),
  };
  for (let cell = 0, i = 0; cell < height * width; cell++) {
    const object = owner[cell];
    if (object < 0) continue;
    found.cells[i] = cell;
    found.labels[i] = labels[object];
    // Fits can underflow together: the object's cells are then alike.
    const relative = bestFit[object] > 0 ? ownerFit[cell] / bestFit[object] : 1;
    found.scores[i] = relative * bestIou[object];
    const x = (cell % width) + 0.5;
    const y = Math.floor(cell / width) + 0.5;
    for (let k = 0; k < 4; k++) {
      const side = boxes[4 * object + k] / stride;
      const distance = (k < 2 ? -1 : 1) * (side - (k % 2 === 0 ? x : y));
      found.distances[k * count + i] = Math.max(LEAST_DISTANCE, distance);
    }
    i++;
  }
  return found;
}

/** Where the flags are set, ascending. */
function placesOf(flags: Uint8Array): Int32Array {
  const places = new Int32Array(flags.length);
  let count = 0;
  for (let i = 0; i < flags.length; i++) if (flags[i] !== 0) places[count++] = i;
  return places.slice(0, count);
}
