// Which detections of a class match an object: all that average precision and its bootstrap need.
import { descending } from "./ranking.js";

/**
 * The detections of one class in all images, by descending score (ties in image order). They are false
 * positives unless the threshold has an event for them.
 */
export interface ClassMatches {
  /** [D] index of its image. */
  images: Int32Array;
  /** [D] its rank within its image, from 0. */
  ranks: Int32Array;
  /** One per IoU threshold. */
  events: Events[];
  /** [images] number of objects that count. */
  positives: Int32Array;
}

/** Detections that are not false positives at one IoU threshold, in list order. */
export interface Events {
  /** [E] indices in the list. */
  at: Int32Array;
  /** [E] 1: a true positive; 0: ignored, because its object does not count. */
  found: Uint8Array;
}

/** Detections of one class, image by image. */
export interface UnrankedDetections {
  images: number[];
  ranks: number[];
  scores: number[];
}

/** Their matches; one entry per area range, all with the same detections. */
export interface UnrankedMatches {
  /** One per IoU threshold. */
  events: { at: number[]; found: number[] }[];
  positives: Int32Array;
}

/** Sorts the detections of a class by score. */
export function rankMatches(
  { images, ranks, scores }: UnrankedDetections,
  matches: readonly UnrankedMatches[],
): ClassMatches[] {
  const order = descending(scores);
  const place = new Int32Array(order.length);
  for (let i = 0; i < order.length; i++) place[order[i]] = i;
  const shared = {
    images: Int32Array.from(order, (i) => images[i]),
    ranks: Int32Array.from(order, (i) => ranks[i]),
  };
  return matches.map(({ events, positives }) => ({
    ...shared,
    events: events.map((thresholdEvents) => rankEvents(thresholdEvents, place)),
    positives,
  }));
}

/** @param place each detection's rank */
function rankEvents({ at, found }: UnrankedMatches["events"][number], place: Int32Array): Events {
  // Marking ranks and scanning them is faster than sorting.
  const marks = new Uint8Array(place.length);
  for (let e = 0; e < at.length; e++) marks[place[at[e]]] = 1 + found[e];
  const ranked = { at: new Int32Array(at.length), found: new Uint8Array(at.length) };
  for (let d = 0, e = 0; d < marks.length; d++) {
    if (marks[d] === 0) continue;
    ranked.at[e] = d;
    ranked.found[e++] = marks[d] - 1;
  }
  return ranked;
}

/** Number of objects that count if image i occurs weights[i] times. */
function countPositives({ positives }: ClassMatches, weights: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < positives.length; i++) sum += weights[i] * positives[i];
  return sum;
}

/**
 * Average precision at every IoU threshold, by COCO's rule: the mean, over the recalls 0, 0.01, ... 1, of the
 * maximum precision at that recall or above. The recalls are k * 0.01 in double precision, as in numpy's
 * linspace.
 * @param weights [images] how often each image occurs; 1 for the set itself. Equals evaluating a set with that
 * many copies of the image (for equal scores in an image: with the copies of each detection together)
 * @returns 0..1 per threshold; NaN without objects that count
 */
export function averagePrecisions(matches: ClassMatches, weights: Int32Array): number[] {
  const { images, events } = matches;
  const positives = countPositives(matches, weights);
  // Number of detections up to each rank: precision is only needed where an object is found.
  const seen = new Float64Array(images.length);
  for (let d = 0, sum = 0; d < images.length; d++) {
    sum += weights[images[d]];
    seen[d] = sum;
  }
  return events.map(({ at, found }) => {
    if (positives === 0) return Number.NaN;
    const hits = new Float64Array(at.length);
    const precision = new Float64Array(at.length);
    let count = 0;
    let tp = 0;
    let ignored = 0;
    for (let e = 0; e < at.length; e++) {
      const d = at[e];
      const weight = weights[images[d]];
      if (weight === 0) continue;
      if (found[e] === 0) {
        ignored += weight;
        continue;
      }
      tp += weight;
      hits[count] = tp;
      precision[count++] = tp / (seen[d] - ignored);
    }
    let sum = 0;
    let envelope = 0;
    for (let k = 100, i = count - 1; k >= 0; k--) {
      for (; i >= 0 && hits[i] / positives >= k * 0.01; i--) envelope = Math.max(envelope, precision[i]);
      sum += envelope;
    }
    return sum / 101;
  });
}

/** Recall at each IoU threshold of the `max` best detections per image; NaN as above. */
export function recalls({ ranks, events, positives }: ClassMatches, max: number): number[] {
  const total = positives.reduce((sum, count) => sum + count, 0);
  return events.map(({ at, found }) => {
    let hits = 0;
    for (let e = 0; e < at.length; e++) if (found[e] === 1 && ranks[at[e]] < max) hits++;
    return total === 0 ? Number.NaN : hits / total;
  });
}
