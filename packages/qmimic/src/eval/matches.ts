// Which detections of a class find an object: all that average precision and its bootstrap need to know.
import { descending } from "./ranking.js";

/** What becomes of a detection: it finds nothing (or what was found before), an object, or one that does not count. */
export const FALSE_POSITIVE = 0;
export const TRUE_POSITIVE = 1;
export const IGNORED = 2;

/** The detections of one class over all images, in descending score (equal ones in the order of the images). */
export interface ClassMatches {
  /** [D] position of the image that each is of. */
  images: Int32Array;
  /** [D] its place among those of its image, from 0. */
  ranks: Int32Array;
  /** One [D] an IoU threshold: FALSE_POSITIVE, TRUE_POSITIVE or IGNORED. */
  verdicts: Uint8Array[];
  /** For each IoU threshold the positions in the list of those that are no false positives. */
  events: Int32Array[];
  /** [images] objects that count. */
  positives: Int32Array;
}

/** Detections of one class as they are matched, image by image. */
export interface UnrankedMatches {
  images: number[];
  ranks: number[];
  scores: number[];
  /** One list an IoU threshold. */
  verdicts: number[][];
  positives: Int32Array;
}

export function rankMatches({ images, ranks, scores, verdicts, positives }: UnrankedMatches): ClassMatches {
  const order = descending(scores);
  const ranked = verdicts.map((list) => Uint8Array.from(order, (i) => list[i]));
  return {
    images: Int32Array.from(order, (i) => images[i]),
    ranks: Int32Array.from(order, (i) => ranks[i]),
    verdicts: ranked,
    events: ranked.map((list) => Int32Array.from([...list.keys()].filter((i) => list[i] !== FALSE_POSITIVE))),
    positives,
  };
}

/** Objects that count when image i is there weights[i] times. */
export function countPositives({ positives }: ClassMatches, weights: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < positives.length; i++) sum += weights[i] * positives[i];
  return sum;
}

/**
 * Average precision at every IoU threshold, by COCO's rule: the mean, over the recalls 0, 0.01, ... 1, of the largest
 * precision at that recall or above. The recalls are k * 0.01 in double precision, as numpy's linspace gives them.
 * @param weights [images] how often each image is in the set; 1 for the set itself. Equals the evaluation of a set
 *   that holds the image that often (where one image has equal scores: with the copies of each detection together)
 * @returns for each threshold 0..1; NaN when no object counts
 */
export function averagePrecisions(matches: ClassMatches, weights: Int32Array): number[] {
  const { images, verdicts, events } = matches;
  const positives = countPositives(matches, weights);
  // Detections down to each place, of any verdict: precision is only looked at where an object is found.
  const seen = new Float64Array(images.length);
  for (let d = 0, sum = 0; d < images.length; d++) {
    sum += weights[images[d]];
    seen[d] = sum;
  }
  return events.map((list, t) => {
    if (positives === 0) return Number.NaN;
    const found = new Float64Array(list.length);
    const precision = new Float64Array(list.length);
    let count = 0;
    let tp = 0;
    let ignored = 0;
    for (let e = 0; e < list.length; e++) {
      const d = list[e];
      const weight = weights[images[d]];
      if (weight === 0) continue;
      if (verdicts[t][d] === IGNORED) {
        ignored += weight;
        continue;
      }
      tp += weight;
      found[count] = tp;
      precision[count++] = tp / (seen[d] - ignored);
    }
    let sum = 0;
    let envelope = 0;
    for (let k = 100, i = count - 1; k >= 0; k--) {
      for (; i >= 0 && found[i] / positives >= k * 0.01; i--) envelope = Math.max(envelope, precision[i]);
      sum += envelope;
    }
    return sum / 101;
  });
}

/** Share of the objects found at each IoU threshold by the `most` best detections of each image; NaN as above. */
export function recalls({ ranks, verdicts, events, positives }: ClassMatches, most: number): number[] {
  const total = positives.reduce((sum, count) => sum + count, 0);
  return events.map((list, t) => {
    const found = list.filter((d) => verdicts[t][d] === TRUE_POSITIVE && ranks[d] < most).length;
    return total === 0 ? Number.NaN : found / total;
  });
}
