// The COCO protocol for boxes: Lin et al., "Microsoft COCO: Common Objects in Context" (ECCV 2014), the page
// "Detection evaluation" of the data set, and what pycocotools' COCOeval computes.
// 1. The 100 best detections per image and class count, best first (ties: in the order given).
// 2. Each matches the free object with the largest IoU among those that count; ties: the last. Only if none
// reaches the threshold does it match an object that does not count (a crowd, or one outside the area range),
// and is ignored. A crowd can match any number of times; IoU with it is relative to the detection's area.
// 3. An unmatched detection with an area outside the range is ignored; others are false positives.
// 4. Average precision at 101 recalls, averaged over IoU 0.5, 0.55, ... 0.95 and over the classes with objects.

import { checkInputs } from "./checkInputs.js";
import {
  averagePrecisions,
  type ClassMatches,
  rankMatches,
  recalls,
  type UnrankedDetections,
  type UnrankedMatches,
} from "./matches.js";
import { areaOf, intersectionWith } from "./overlap.js";
import { descending } from "./ranking.js";
import { countDifficult, mean, orNull } from "./tally.js";
import type { ImageDetections, ImageGroundTruth } from "./types.js";

/** As from numpy's linspace(0.5, 0.95, 10): 0.9 is one bit lower. */
const IOU_THRESHOLDS = Array.from({ length: 10 }, (_, k) => 0.5 + k * ((0.95 - 0.5) / 9));
const AT_50 = 0;
const AT_75 = 5;
const MAX_DETECTIONS = 100;

const intersectionOf = intersectionWith(0);

/** Square pixels, both ends included. */
const AREAS = {
  all: [0, 1e10],
  small: [0, 32 ** 2],
  medium: [32 ** 2, 96 ** 2],
  large: [96 ** 2, 1e10],
} as const;
export type AreaName = keyof typeof AREAS;

/** For each area range, one entry per class. */
export type CocoMatches = Record<AreaName, ClassMatches[]>;

/** From 0 to 1; null without objects that count. */
export interface CocoClassResult {
  name: string;
  /** Mean over IoU 0.5, 0.55, ... 0.95. */
  ap: number | null;
  ap50: number | null;
  ap75: number | null;
  /** Objects that are not crowds, and crowds. */
  objects: number;
  crowds: number;
}

/** COCO's twelve numbers, from 0 to 1; null without objects that count. */
export interface CocoResult {
  ap: number | null;
  ap50: number | null;
  ap75: number | null;
  apSmall: number | null;
  apMedium: number | null;
  apLarge: number | null;
  /** Recall of the 1, 10, 100 best detections per image and class, mean over the IoU thresholds. */
  ar1: number | null;
  ar10: number | null;
  ar100: number | null;
  arSmall: number | null;
  arMedium: number | null;
  arLarge: number | null;
  /** One per class, in label order. */
  classes: CocoClassResult[];
}

/**
 * COCO's numbers for a set of detections.
 * @param groundTruths one entry per image, also for images without objects; `difficult` marks crowds
 * @param detections missing images have no detections
 * @throws Error as checkInputs does
 */
export function evaluateCoco(
  groundTruths: readonly ImageGroundTruth[],
  detections: readonly ImageDetections[],
  classes: readonly string[],
): CocoResult {
  const matches = matchCoco(groundTruths, detections, classes);
  const once = new Int32Array(groundTruths.length).fill(1);
  const aps = (area: AreaName) => matches[area].map((ofClass) => averagePrecisions(ofClass, once));
  const ar = (area: AreaName, max: number) =>
    meanKnown(matches[area].map((ofClass) => mean(recalls(ofClass, max))));
  const meanAp = (area: AreaName) => meanKnown(aps(area).map(mean));
  const all = aps("all");
  const crowds = countDifficult(groundTruths, classes.length);
  return {
    ap: meanKnown(all.map(mean)),
    ap50: meanKnown(all.map((at) => at[AT_50])),
    ap75: meanKnown(all.map((at) => at[AT_75])),
    apSmall: meanAp("small"),
    apMedium: meanAp("medium"),
    apLarge: meanAp("large"),
    ar1: ar("all", 1),
    ar10: ar("all", 10),
    ar100: ar("all", MAX_DETECTIONS),
    arSmall: ar("small", MAX_DETECTIONS),
    arMedium: ar("medium", MAX_DETECTIONS),
    arLarge: ar("large", MAX_DETECTIONS),
    classes: classes.map((name, label) => ({
      name,
      ap: orNull(mean(all[label])),
      ap50: orNull(all[label][AT_50]),
      ap75: orNull(all[label][AT_75]),
      objects: matches.all[label].positives.reduce((sum, count) => sum + count, 0),
      crowds: crowds[label],
    })),
  };
}

/** AP50:95 and AP50 if image i occurs weights[i] times; NaN without objects that count. */
export function weightedCocoAp(matches: CocoMatches, weights: Int32Array): { ap: number; ap50: number } {
  const known = matches.all
    .map((ofClass) => averagePrecisions(ofClass, weights))
    .filter((at) => !Number.isNaN(at[AT_50]));
  return { ap: mean(known.map(mean)), ap50: mean(known.map((at) => at[AT_50])) };
}

/** Steps 1 to 3. @throws Error as checkInputs does */
export function matchCoco(
  groundTruths: readonly ImageGroundTruth[],
  detections: readonly ImageDetections[],
  classes: readonly string[],
): CocoMatches {
  const positions = checkInputs(groundTruths, detections, classes);
  const entryOf = new Map(detections.map((entry, i) => [positions[i], entry]));
  const areas = Object.keys(AREAS) as AreaName[];
  const lists = classes.map((): UnrankedDetections => ({ images: [], ranks: [], scores: [] }));
  const unranked = classes.map(() =>
    areas.map(
      (): UnrankedMatches => ({
        events: IOU_THRESHOLDS.map(() => ({ at: [], found: [] })),
        positives: new Int32Array(groundTruths.length),
      }),
    ),
  );
  groundTruths.forEach((truth, image) => {
    const found = entryOf.get(image);
    const objects = byLabel(truth.labels, classes.length);
    const boxes = byLabel(found?.labels ?? [], classes.length);
    for (let label = 0; label < classes.length; label++) {
      if (objects[label].length === 0 && boxes[label].length === 0) continue;
      const pair = pairUp(truth, objects[label], found, boxes[label]);
      const { images, ranks, scores } = lists[label];
      const first = scores.length;
      pair.scores.forEach((score, rank) => {
        images.push(image);
        ranks.push(rank);
        scores.push(score);
      });
      areas.forEach((area, a) => {
        const into = unranked[label][a];
        into.positives[image] = matchImage(pair, AREAS[area], first, into);
      });
    }
  });
  const ranked = lists.map((list, label) => rankMatches(list, unranked[label]));
  return Object.fromEntries(
    areas.map((area, a) => [area, ranked.map((perArea) => perArea[a])]),
  ) as CocoMatches;
}

/** Objects and detections of one class in one image. */
interface Pair {
  /** [D] best first. */
  scores: number[];
  /** [D] square pixels. */
  foundAreas: number[];
  /** [G] */
  crowd: boolean[];
  objectAreas: number[];
  /** [D][G] */
  ious: number[][];
}

function pairUp(
  truth: ImageGroundTruth,
  objects: readonly number[],
  found: ImageDetections | undefined,
  boxes: readonly number[],
): Pair {
  const scoreOf = boxes.map((d) => found!.scores[d]);
  const best = Array.from(descending(scoreOf).subarray(0, MAX_DETECTIONS), (i) => boxes[i]);
  const crowd = objects.map((g) => truth.difficult[g] !== 0);
  const foundAreas = best.map((d) => found!.boxAreas?.[d] ?? areaOf(found!.boxes, d));
  const boxAreas = objects.map((g) => truth.boxAreas?.[g] ?? areaOf(truth.boxes, g));
  return {
    scores: best.map((d) => found!.scores[d]),
    foundAreas,
    crowd,
    objectAreas: objects.map((g, i) => truth.areas?.[g] ?? boxAreas[i]),
    ious: best.map((d, k) =>
      objects.map((g, i) => {
        const shared = intersectionOf(found!.boxes, d, truth.boxes, g);
        if (shared === 0) return 0;
        return shared / (crowd[i] ? foundAreas[k] : foundAreas[k] + boxAreas[i] - shared);
      }),
    ),
  };
}

/**
 * Matches within one image and area range, at every IoU threshold; adds the events to `into`.
 * @param first index of the image's first detection among those of the class
 * @returns the number of objects that count
 */
function matchImage(
  { scores, foundAreas, crowd, objectAreas, ious }: Pair,
  [min, max]: readonly [number, number],
  first: number,
  into: UnrankedMatches,
): number {
  const outside = (area: number): boolean => area < min || area > max;
  const ignored = objectAreas.map((area, g) => crowd[g] || outside(area));
  // Objects that count first.
  const order = [...ignored.keys()].sort((a, b) => Number(ignored[a]) - Number(ignored[b]) || a - b);
  const taken = new Uint8Array(crowd.length);
  for (let t = 0; t < IOU_THRESHOLDS.length; t++) {
    const { at, found } = into.events[t];
    taken.fill(0);
    for (let d = 0; d < scores.length; d++) {
      let largest = IOU_THRESHOLDS[t];
      let match = -1;
      for (const g of order) {
        if (taken[g] !== 0 && !crowd[g]) continue;
        if (match >= 0 && !ignored[match] && ignored[g]) break;
        if (ious[d][g] < largest) continue;
        largest = ious[d][g];
        match = g;
      }
      if (match >= 0) taken[match] = 1;
      if (match < 0 && !outside(foundAreas[d])) continue;
      at.push(first + d);
      found.push(match >= 0 && !ignored[match] ? 1 : 0);
    }
  }
  return ignored.filter((flag) => !flag).length;
}

/** The indices of each label. */
function byLabel(labels: ArrayLike<number>, classes: number): number[][] {
  const lists: number[][] = Array.from({ length: classes }, () => []);
  for (let i = 0; i < labels.length; i++) lists[labels[i]].push(i);
  return lists;
}

const meanKnown = (values: readonly number[]): number | null =>
  orNull(mean(values.filter((value) => !Number.isNaN(value))));
