// The COCO protocol: Lin et al., "Microsoft COCO" (ECCV 2014), section on evaluation, with the rules of its reference code.
//
// For each class, area range and IoU threshold:
// 1. The detections of an image, at most 100, best first, each take the free object with the largest IoU of at least the
//    threshold. Objects that do not count (crowds, areas out of range) are asked last, and a crowd can be taken again;
//    for a crowd the overlap is intersection over the detection's area.
// 2. A detection that took an object that does not count is ignored, and so is one that took nothing and whose own area is
//    out of range.
// 3. Over all images in descending score: precision, made monotone from the right, read at 101 recalls. AP is the mean over
//    recalls, thresholds 0.5 .. 0.95 and classes; AR the mean over thresholds and classes of the largest recall.

/** Objects and detections of one image. */
export interface CocoImage {
  id: string;
  truth: {
    /** [G, 4] x, y, width, height. */
    boxes: Float64Array;
    /** [G], 0 .. classes - 1. */
    labels: Int32Array;
    /** [G] square pixels, of the segment where there is one. */
    areas: Float64Array;
    /** [G], 1 for a group that is not told apart: it counts neither when found nor when missed. */
    crowd: Uint8Array;
  };
  found: {
    /** [N, 4] x, y, width, height. */
    boxes: Float64Array;
    labels: Int32Array;
    scores: Float64Array;
  };
}

/** Means, 0..1; NaN where there is no object to find. */
export interface CocoResult {
  /** Over IoU 0.5, 0.55 .. 0.95. */
  ap: number;
  ap50: number;
  ap75: number;
  /** Of objects below 32^2, up to 96^2, and above, in square pixels. */
  apSmall: number;
  apMedium: number;
  apLarge: number;
  /** Largest recall with 1, 10 and 100 detections an image. */
  ar1: number;
  ar10: number;
  ar100: number;
  arSmall: number;
  arMedium: number;
  arLarge: number;
  /** AP, AP50 and AP75 of each class. */
  classes: { ap: number; ap50: number; ap75: number }[];
}

// As numpy's linspace gives them: published numbers depend on the last digit.
const IOUS = Array.from({ length: 10 }, (_, k) => (k === 9 ? 0.95 : 0.5 + k * ((0.95 - 0.5) / 9)));
const RECALLS = Array.from({ length: 101 }, (_, k) => (k === 100 ? 1 : k * 0.01));
const MOST = 100;
const AREAS: readonly (readonly [number, number])[] = [
  [0, 1e10],
  [0, 32 ** 2],
  [32 ** 2, 96 ** 2],
  [96 ** 2, 1e10],
];

/** One image and class: what each detection did at each threshold, in one area range. */
interface Judged {
  /** [D] descending. */
  scores: Float64Array;
  /** [IOUS, D]: 1 took an object that counts, 0 took none, -1 is ignored. */
  outcome: Int8Array;
  /** Objects that count. */
  positives: number;
}

/** @param classes how many there are */
export function evaluateCoco(images: readonly CocoImage[], classes: number): CocoResult {
  const all = Array.from({ length: classes }, (_, label) => {
    const groups = images.flatMap((image) => groupOf(image, label) ?? []);
    return AREAS.map((range) => groups.map((group) => judge(group, range)));
  });
  const curves = all.map((areas) => areas.map((judged) => accumulate(judged, MOST)));
  const over = (area: number, pick: (curve: Curve, label: number) => number) =>
    meanOf(curves.map((areas, label) => pick(areas[area], label)));
  const ap = (curve: Curve) => meanOf(IOUS.map((_, t) => curve.ap[t]));
  const recall = (curve: Curve) => meanOf(IOUS.map((_, t) => curve.recall[t]));
  const arWith = (most: number) => meanOf(all.map((areas) => recall(accumulate(areas[0], most))));
  return {
    ap: over(0, ap),
    ap50: over(0, (curve) => curve.ap[0]),
    ap75: over(0, (curve) => curve.ap[5]),
    apSmall: over(1, ap),
    apMedium: over(2, ap),
    apLarge: over(3, ap),
    ar1: arWith(1),
    ar10: arWith(10),
    ar100: over(0, recall),
    arSmall: over(1, recall),
    arMedium: over(2, recall),
    arLarge: over(3, recall),
    classes: curves.map(([curve]) => ({ ap: ap(curve), ap50: curve.ap[0], ap75: curve.ap[5] })),
  };
}

/** Means leave out what has nothing to find. */
function meanOf(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.reduce((sum, one) => sum + one, 0) / known.length;
}

/** Objects and best detections of one class in one image, with all IoUs. */
interface Group {
  areas: Float64Array;
  crowd: Uint8Array;
  detectionAreas: Float64Array;
  scores: Float64Array;
  /** [D, G] */
  overlaps: Float64Array;
}

function groupOf({ truth, found }: CocoImage, label: number): Group | undefined {
  const indicesOf = (labels: Int32Array) => [...labels.keys()].filter((i) => labels[i] === label);
  const objects = indicesOf(truth.labels);
  const mine = indicesOf(found.labels);
  if (objects.length === 0 && mine.length === 0) return undefined;
  // Stable: equal scores stay in the order given.
  const best = mine.sort((a, b) => found.scores[b] - found.scores[a]).slice(0, MOST);
  const area = (i: number) => found.boxes[4 * i + 2] * found.boxes[4 * i + 3];
  const overlaps = new Float64Array(best.length * objects.length);
  best.forEach((d, row) => {
    objects.forEach((g, column) => {
      overlaps[row * objects.length + column] = overlapOf(
        found.boxes,
        d,
        truth.boxes,
        g,
        truth.crowd[g] !== 0,
      );
    });
  });
  return {
    areas: Float64Array.from(objects, (g) => truth.areas[g]),
    crowd: Uint8Array.from(objects, (g) => truth.crowd[g]),
    detectionAreas: Float64Array.from(best, area),
    scores: Float64Array.from(best, (i) => found.scores[i]),
    overlaps,
  };
}

/** IoU of two boxes xywh; with a crowd, intersection over the first's area. */
function overlapOf(a: Float64Array, i: number, b: Float64Array, j: number, crowd: boolean): number {
  const [p, q] = [4 * i, 4 * j];
  const w = Math.min(a[p] + a[p + 2], b[q] + b[q + 2]) - Math.max(a[p], b[q]);
  const h = Math.min(a[p + 1] + a[p + 3], b[q + 1] + b[q + 3]) - Math.max(a[p + 1], b[q + 1]);
  if (w <= 0 || h <= 0) return 0;
  const own = a[p + 2] * a[p + 3];
  return (w * h) / (crowd ? own : own + b[q + 2] * b[q + 3] - w * h);
}

function judge(group: Group, [low, high]: readonly [number, number]): Judged {
  const { areas, crowd, detectionAreas, scores, overlaps } = group;
  const [count, objects] = [scores.length, areas.length];
  const outside = (area: number) => area < low || area > high;
  const skipped = Uint8Array.from(areas, (area, g) => Number(crowd[g] !== 0 || outside(area)));
  const order = [...skipped.keys()].sort((a, b) => skipped[a] - skipped[b]);
  const outcome = new Int8Array(IOUS.length * count);
  for (const [t, threshold] of IOUS.entries()) {
    const taken = new Uint8Array(objects);
    for (let d = 0; d < count; d++) {
      let most = Math.min(threshold, 1 - 1e-10);
      let match = -1;
      for (const g of order) {
        if (taken[g] !== 0 && crowd[g] === 0) continue;
        // Those that count come first: one of them is not given up for one that does not.
        if (match >= 0 && skipped[match] === 0 && skipped[g] !== 0) break;
        if (overlaps[d * objects + g] < most) continue;
        most = overlaps[d * objects + g];
        match = g;
      }
      if (match >= 0) taken[match] = 1;
      outcome[t * count + d] =
        match >= 0 ? (skipped[match] !== 0 ? -1 : 1) : outside(detectionAreas[d]) ? -1 : 0;
    }
  }
  return { scores, outcome, positives: skipped.reduce((sum, one) => sum + 1 - one, 0) };
}

/** AP and largest recall at each threshold; NaN without an object. */
interface Curve {
  ap: number[];
  recall: number[];
}

/** @param most detections of an image */
function accumulate(judged: readonly Judged[], most: number): Curve {
  const positives = judged.reduce((sum, one) => sum + one.positives, 0);
  if (positives === 0) return { ap: IOUS.map(() => Number.NaN), recall: IOUS.map(() => Number.NaN) };
  const places = judged.flatMap(({ scores }, image) =>
    Array.from({ length: Math.min(most, scores.length) }, (_, d) => ({ image, d, score: scores[d] })),
  );
  places.sort((a, b) => b.score - a.score);
  const curve: Curve = { ap: [], recall: [] };
  for (const t of IOUS.keys()) {
    const precision: number[] = [];
    const recall: number[] = [];
    let [hits, misses] = [0, 0];
    for (const { image, d } of places) {
      const { outcome, scores } = judged[image];
      const what = outcome[t * scores.length + d];
      if (what === 1) hits++;
      else if (what === 0) misses++;
      recall.push(hits / positives);
      precision.push(hits / (hits + misses + Number.EPSILON));
    }
    for (let i = precision.length - 1; i > 0; i--)
      precision[i - 1] = Math.max(precision[i - 1], precision[i]);
    let sum = 0;
    let at = 0;
    for (const wanted of RECALLS) {
      while (at < recall.length && recall[at] < wanted) at++;
      if (at < recall.length) sum += precision[at];
    }
    curve.ap.push(sum / RECALLS.length);
    curve.recall.push(recall.at(-1) ?? 0);
  }
  return curve;
}
