// Which detections of a class find an object: all that average precision and its bootstrap need to know.
import { descending } from "./ranking.js";

/**
 * The detections of one class over all images, in descending score (equal ones in the order of the images). They are
 * false positives, unless an event of the threshold says otherwise.
 */
export interface ClassMatches {
  /** [D] position of the image that each is of. */
  images: Int32Array;
  /** [D] its place among those of its image, from 0. */
  ranks: Int32Array;
  /** One an IoU threshold. */
  events: Events[];
  /** [images] objects that count. */
  positives: Int32Array;
}

/** Detections that are no false positives at one IoU threshold, in the order of the list. */
export interface Events {
  /** [E] positions in the list. */
  at: Int32Array;
  /** [E] 1: it finds an object, true positive; 0: it is ignored, for what it finds does not count. */
  found: Uint8Array;
}

/** Detections of one class as they come, image by image. */
export interface UnrankedDetections {
  images: number[];
  ranks: number[];
  scores: number[];
}

/** What becomes of them; the same of every range of areas, which share the detections. */
export interface UnrankedMatches {
  /** One an IoU threshold. */
  events: { at: number[]; found: number[] }[];
  positives: Int32Array;
}

/** Puts the detections of a class into the order of their scores. */
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
    events: events.map((one) => rankEvents(one, place)),
    positives,
  }));
}

/** @param place of each detection in the ranked list */
function rankEvents({ at, found }: UnrankedMatches["events"][number], place: Int32Array): Events {
  // Marks in the list, then a walk along it: quicker than a sort.
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
  const { images, events } = matches;
  const positives = countPositives(matches, weights);
  // Detections down to each place, of any verdict: precision is only looked at where an object is found.
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

/** Share of the objects found at each IoU threshold by the `most` best detections of each image; NaN as above. */
export function recalls({ ranks, events, positives }: ClassMatches, most: number): number[] {
  const total = positives.reduce((sum, count) => sum + count, 0);
  return events.map(({ at, found }) => {
    let hits = 0;
    for (let e = 0; e < at.length; e++) if (found[e] === 1 && ranks[at[e]] < most) hits++;
    return total === 0 ? Number.NaN : hits / total;
  });
}
