// Where the student mimics: image regions, and the weight of each feature map cell in the loss.
import { centersBetween, type Target } from "../models/index.js";

export type RegionSource = "proposals" | "ground-truth" | "jittered";

/** Jittered copies per object, and their maximum shift and scaling relative to its sides. */
const COPIES = 4;
const JITTER = 0.2;

/** What regions are chosen from. */
export interface RegionCandidates {
  /** Called only if needed. */
  proposals: () => readonly Float32Array[];
  targets: readonly Target[];
  /** Each image's area on the canvas, [B, 4] xyxy. */
  placed: Float32Array;
}

/**
 * The regions of each image: the student's best proposals (Li et al., CVPR 2017, section 3.2), the objects, or
 * randomly shifted and scaled objects. Excludes padding: a region's centre is on the image, and the region is
 * clipped to the image. An image may have no regions.
 * @returns [N, 4] xyxy per image, N at most `count`
 */
export function chooseRegions(
  { proposals, targets, placed }: RegionCandidates,
  { source, count }: { source: RegionSource; count: number },
  random: () => number,
): Float32Array[] {
  const candidates =
    source === "proposals"
      ? proposals()
      : targets.map(({ boxes }) => {
          if (source === "ground-truth") return boxes;
          const copies = Math.min(COPIES, Math.max(1, Math.floor((4 * count) / Math.max(4, boxes.length))));
          return jitter(boxes, copies, random);
        });
  return candidates.map((list, image) => cutToImage(list, placed.subarray(4 * image, 4 * image + 4), count));
}

function cutToImage(boxes: Float32Array, placed: Float32Array, count: number): Float32Array {
  const [x1, y1, x2, y2] = placed;
  const cut = new Float32Array(4 * Math.min(count, boxes.length / 4));
  let end = 0;
  for (let k = 0; k < boxes.length && end < cut.length; k += 4) {
    const x = (boxes[k] + boxes[k + 2]) / 2;
    const y = (boxes[k + 1] + boxes[k + 3]) / 2;
    if (x < x1 || x >= x2 || y < y1 || y >= y2) continue;
    cut[end] = Math.max(x1, boxes[k]);
    cut[end + 1] = Math.max(y1, boxes[k + 1]);
    cut[end + 2] = Math.min(x2, boxes[k + 2]);
    cut[end + 3] = Math.min(y2, boxes[k + 3]);
    end += 4;
  }
  return cut.subarray(0, end);
}

function jitter(boxes: Float32Array, copies: number, random: () => number): Float32Array {
  const moved = new Float32Array(boxes.length * copies);
  const spread = () => JITTER * (2 * random() - 1);
  for (let i = 0; i < moved.length; i += 4) {
    const k = i % boxes.length;
    const width = boxes[k + 2] - boxes[k];
    const height = boxes[k + 3] - boxes[k + 1];
    const x = (boxes[k] + boxes[k + 2]) / 2 + spread() * width;
    const y = (boxes[k + 1] + boxes[k + 3]) / 2 + spread() * height;
    const halfWidth = (width / 2) * Math.exp(spread());
    const halfHeight = (height / 2) * Math.exp(spread());
    moved.set([x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight], i);
  }
  return moved;
}

/** The first cell that a box touches along one axis, of `limit` cells. */
const firstCell = (from: number, stride: number, limit: number): number =>
  Math.min(limit - 1, Math.max(0, Math.floor(from / stride)));

/** The cell after the last one that it touches: at least `first` + 1. */
const endCell = (first: number, to: number, stride: number, limit: number): number =>
  Math.min(limit, Math.max(first + 1, Math.ceil(to / stride)));

/** The cells of one region: x from x0 to x1 and y from y0 to y1, ends exclusive; at least one cell. */
export function regionCells(box: ArrayLike<number>, stride: number, height: number, width: number) {
  const x0 = firstCell(box[0], stride, width);
  const y0 = firstCell(box[1], stride, height);
  return { x0, y0, x1: endCell(x0, box[2], stride, width), y1: endCell(y0, box[3], stride, height) };
}

/** A feature map. */
export interface MapShape {
  /** Input pixels per cell. */
  stride: number;
  channels: number;
  height: number;
  width: number;
}

/**
 * The size-normalised mimic loss (Li et al., CVPR 2017, section 3.2), Lm = 1/(2N) sum_i 1/m_i ||.||^2 over regions i
 * with m_i values, is a weighted squared difference over the whole map: a cell's weight is the sum of 1/(2 N m_i) over
 * the regions that cover it. N is the number of regions of all images, m_i is cells times `channels`.
 * @returns [B, height, width]
 */
export function cellWeights(
  regions: readonly Float32Array[],
  { stride, channels, height, width }: MapShape,
): Float32Array {
  const weights = new Float32Array(regions.length * height * width);
  const total = regions.reduce((sum, list) => sum + list.length / 4, 0);
  // Differences at a region's four corners, then running sums along both axes. Region counts are summed too,
  // because sums of fractions do not return to exactly 0 outside.
  const columns = width + 1;
  const changes = new Float64Array(columns * (height + 1));
  const counts = new Int32Array(changes.length);
  regions.forEach((list, image) => {
    changes.fill(0);
    counts.fill(0);
    for (let k = 0; k < list.length; k += 4) {
      const x0 = firstCell(list[k], stride, width);
      const y0 = firstCell(list[k + 1], stride, height);
      const x1 = endCell(x0, list[k + 2], stride, width);
      const y1 = endCell(y0, list[k + 3], stride, height);
      const weight = 1 / (2 * total * (x1 - x0) * (y1 - y0) * channels);
      changes[y0 * columns + x0] += weight;
      changes[y0 * columns + x1] -= weight;
      changes[y1 * columns + x0] -= weight;
      changes[y1 * columns + x1] += weight;
      counts[y0 * columns + x0]++;
      counts[y0 * columns + x1]--;
      counts[y1 * columns + x0]--;
      counts[y1 * columns + x1]++;
    }
    sumUp(changes, counts, weights.subarray(image * height * width, (image + 1) * height * width), width);
  });
  return weights;
}

/**
 * Gives the cells on images but outside all regions a weight of their own, after DeFeat (Guo et al., "Distilling Object
 * Detectors via Decoupled Features", CVPR 2021): `background` / (2 M) each, where M is the number of values of these
 * cells of all images, so that with 1 the background counts as much as all regions together.
 * @param weights [B, height, width], from cellWeights; changed
 * @param placed each image's area on the canvas, [B, 4] xyxy
 * @param background 0 or more
 */
export function addBackground(
  weights: Float32Array,
  placed: Float32Array,
  { stride, channels, height, width }: MapShape,
  background: number,
): void {
  const onImages = Array.from({ length: placed.length / 4 }, (_, image) => {
    const [x1, y1, x2, y2] = placed.subarray(4 * image, 4 * image + 4);
    const [left, right] = centersBetween(x1, x2, stride, width);
    const [top, bottom] = centersBetween(y1, y2, stride, height);
    return { first: image * height * width, left, right, top, bottom };
  });
  /** Replaces the zeros on images by a value. */
  const replaceZeros = (value: number): number => {
    let count = 0;
    for (const { first, left, right, top, bottom } of onImages)
      for (let y = top; y < bottom; y++)
        for (let at = first + y * width + left; at < first + y * width + right; at++)
          if (weights[at] === 0) {
            weights[at] = value;
            count++;
          }
    return count;
  };
  const outside = replaceZeros(0);
  replaceZeros(background / (2 * outside * channels));
}

/** In-place running sums along both axes: the weights of one image, 0 outside all regions. */
function sumUp(changes: Float64Array, counts: Int32Array, weights: Float32Array, width: number): void {
  const columns = width + 1;
  for (let row = 0, at = 0; at < weights.length; row += columns) {
    let weight = 0;
    let count = 0;
    for (let i = row; i < row + width; i++, at++) {
      weight += changes[i];
      count += counts[i];
      changes[i] = row > 0 ? weight + changes[i - columns] : weight;
      counts[i] = row > 0 ? count + counts[i - columns] : count;
      if (counts[i] > 0) weights[at] = changes[i];
    }
  }
}
