// The protocol of WIDER FACE: Yang et al. (CVPR 2016), as its evaluation code does it.
//
// 1. Scores are scaled to 0..1 over all detections of all images.
// 2. In each image, best first, a detection belongs to the face with the largest IoU (sides counted inclusively, one pixel
//    longer), of all faces. At IoU 0.5 and more: a face that does not count in this set is ignored together with the
//    detection; one that counts is found.
// 3. At 1,000 thresholds: detections that are not ignored, and faces found, summed over the images. AP is the area under
//    the monotone precision.

export interface WiderImage {
  /** [G, 4] x, y, width, height. */
  faces: Float64Array;
  /** [N, 4] x, y, width, height, and scores on any scale. */
  boxes: Float64Array;
  scores: Float64Array;
}

const THRESHOLDS = 1000;
const IOU = 0.5;

/**
 * @param counting for each image the indices of the faces that count, counted from 0
 * @returns AP, 0..1
 */
export function evaluateWider(images: readonly WiderImage[], counting: readonly Int32Array[]): number {
  return evaluateWiderSets(images, [counting])[0];
}

/** The same for several sets (easy, medium, hard): the matching is done once. */
export function evaluateWiderSets(
  images: readonly WiderImage[],
  sets: readonly (readonly Int32Array[])[],
): number[] {
  const scale = scaleOf(images);
  const sums = sets.map(() => ({
    detections: new Float64Array(THRESHOLDS),
    found: new Float64Array(THRESHOLDS),
    faces: 0,
  }));
  images.forEach((image, i) => {
    const { scores, nearest } = match(image, scale);
    sets.forEach((counting, s) => {
      sums[s].faces += counting[i].length;
      if (image.faces.length === 0 || scores.length === 0) return;
      addImage(sums[s], scores, nearest, image.faces.length / 4, counting[i]);
    });
  });
  return sums.map(({ detections, found, faces }) => {
    const precision = found.map((count, t) => (detections[t] === 0 ? 0 : count / detections[t]));
    const recall = found.map((count) => count / faces);
    return areaUnder(recall, precision);
  });
}

function scaleOf(images: readonly WiderImage[]): { low: number; range: number } {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { scores } of images) {
    for (const score of scores) {
      low = Math.min(low, score);
      high = Math.max(high, score);
    }
  }
  return { low, range: high - low };
}

/** Scaled scores, best first, and the face that each detection belongs to; -1: none. */
function match({ faces, boxes, scores }: WiderImage, { low, range }: { low: number; range: number }) {
  const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
  const nearest = new Int32Array(order.length).fill(-1);
  order.forEach((d, row) => {
    let most = Number.NEGATIVE_INFINITY;
    let face = -1;
    for (let g = 0; g < faces.length; g += 4) {
      const overlap = inclusiveIou(boxes, 4 * d, faces, g);
      if (overlap > most) {
        most = overlap;
        face = g / 4;
      }
    }
    if (most >= IOU) nearest[row] = face;
  });
  return { scores: Float64Array.from(order, (d) => (scores[d] - low) / range), nearest };
}

function inclusiveIou(a: Float64Array, p: number, b: Float64Array, q: number): number {
  const w = Math.min(a[p] + a[p + 2], b[q] + b[q + 2]) - Math.max(a[p], b[q]) + 1;
  const h = Math.min(a[p + 1] + a[p + 3], b[q + 1] + b[q + 3]) - Math.max(a[p + 1], b[q + 1]) + 1;
  if (w <= 0 || h <= 0) return 0;
  const own = (a[p + 2] + 1) * (a[p + 3] + 1);
  return (w * h) / (own + (b[q + 2] + 1) * (b[q + 3] + 1) - w * h);
}

function addImage(
  sums: { detections: Float64Array; found: Float64Array },
  scores: Float64Array,
  nearest: Int32Array,
  faces: number,
  counting: Int32Array,
): void {
  const counts = new Uint8Array(faces);
  for (const face of counting) counts[face] = 1;
  const seen = new Uint8Array(faces);
  let [detections, found, d] = [0, 0, 0];
  for (let t = 0; t < THRESHOLDS; t++) {
    const threshold = 1 - (t + 1) / THRESHOLDS;
    for (; d < scores.length && scores[d] >= threshold; d++) {
      const face = nearest[d];
      if (face >= 0 && counts[face] === 0) continue;
      detections++;
      if (face >= 0 && seen[face] === 0) found++;
      if (face >= 0) seen[face] = 1;
    }
    sums.detections[t] += detections;
    sums.found[t] += found;
  }
}

function areaUnder(recall: Float64Array, precision: Float64Array): number {
  let area = 0;
  let envelope = 0;
  for (let i = recall.length - 1; i >= 0; i--) {
    envelope = Math.max(envelope, precision[i]);
    area += (recall[i] - (i === 0 ? 0 : recall[i - 1])) * envelope;
  }
  return area;
}
