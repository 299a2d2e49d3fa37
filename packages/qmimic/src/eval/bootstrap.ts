// Confidence intervals: how much the results would vary with other images of the same kind. Bootstrap over
// images: draw as many images as the set has, with replacement, evaluate, repeat. Detections are matched to
// objects within each image, so a resample needs no matching: each image is weighted by how often it was drawn.
// The interval is the bias-corrected percentile interval (Efron, "Nonparametric Standard Errors and Confidence
// Intervals", Canadian Journal of Statistics 1981): resampled AP is biased upwards, because an object drawn
// twice is found twice, so plain percentiles have too little coverage. The interval covers the choice of
// images, not randomness in training (the seed).
import { createRandom } from "../data/random.js";
import { type CocoMatches, weightedCocoAp } from "./coco.js";
import { normalCdf, normalQuantile } from "./normal.js";

export interface Interval {
  low: number;
  high: number;
}

/** Null without objects to find. */
export interface ApIntervals {
  ap50: Interval | null;
  ap: Interval | null;
}

export interface BootstrapOptions {
  /** Default 1000. */
  resamples?: number;
  /** Default 0. */
  seed?: number | string;
}

export interface Resamples {
  ap50: number[];
  ap: number[];
}

/**
 * 95 % intervals of COCO's AP50 and AP50:95.
 * @param images number of images in the set
 */
export function bootstrapIntervals(
  matches: CocoMatches,
  images: number,
  options: BootstrapOptions = {},
): ApIntervals {
  const [{ ap50, ap }] = resample([matches], images, options);
  const whole = weightedCocoAp(matches, new Int32Array(images).fill(1));
  return { ap50: interval(ap50, whole.ap50), ap: interval(ap, whole.ap) };
}

export interface Comparison {
  /** B's value minus A's. */
  difference: number;
  interval: Interval;
  /** Whether the interval excludes 0. */
  decided: boolean;
}

/** Null without objects to find. */
export interface ApComparisons {
  ap50: Comparison | null;
  ap: Comparison | null;
}

/**
 * Paired bootstrap of two detectors on the same images: both are evaluated on each resample, and the interval
 * is that of the difference. It is narrower than the two intervals suggest, because hard images are hard for
 * both.
 */
export function comparePaired(
  a: CocoMatches,
  b: CocoMatches,
  images: number,
  options: BootstrapOptions = {},
): ApComparisons {
  const [ofA, ofB] = resample([a, b], images, options);
  const once = new Int32Array(images).fill(1);
  const [wholeA, wholeB] = [a, b].map((matches) => weightedCocoAp(matches, once));
  const compare = (name: "ap50" | "ap"): Comparison | null => {
    const difference = wholeB[name] - wholeA[name];
    const found = interval(
      ofB[name].map((value, i) => value - ofA[name][i]),
      difference,
    );
    return found && { difference, interval: found, decided: found.low > 0 || found.high < 0 };
  };
  return { ap50: compare("ap50"), ap: compare("ap") };
}

/** Each system's values on the same resamples. */
export function resample(
  systems: readonly CocoMatches[],
  images: number,
  { resamples = 1000, seed = 0 }: BootstrapOptions,
): Resamples[] {
  const random = createRandom(`bootstrap/${seed}`);
  const weights = new Int32Array(images);
  const numbers = systems.map((): Resamples => ({ ap50: [], ap: [] }));
  for (let k = 0; k < resamples; k++) {
    weights.fill(0);
    for (let i = 0; i < images; i++) weights[Math.floor(random() * images)]++;
    systems.forEach((matches, s) => {
      const { ap50, ap } = weightedCocoAp(matches, weights);
      numbers[s].ap50.push(ap50);
      numbers[s].ap.push(ap);
    });
  }
  return numbers;
}

/**
 * The bias-corrected 2.5 and 97.5 percentiles, widened to include the value itself.
 * @param values of the resamples; NaN (no objects) is left out
 * @param whole value on the set itself
 */
function interval(values: readonly number[], whole: number): Interval | null {
  const known = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  if (known.length === 0 || Number.isNaN(whole)) return null;
  const count = (test: (value: number) => boolean) => known.filter(test).length;
  const below = (count((value) => value < whole) + count((value) => value === whole) / 2) / known.length;
  const min = 1 / (2 * known.length);
  const bias = normalQuantile(Math.min(1 - min, Math.max(min, below)));
  const at = (z: number): number => {
    const place = normalCdf(2 * bias + z) * (known.length - 1);
    const floor = Math.floor(place);
    const above = Math.min(floor + 1, known.length - 1);
    return known[floor] + (place - floor) * (known[above] - known[floor]);
  };
  const limit = normalQuantile(0.975);
  return { low: Math.min(at(-limit), whole), high: Math.max(at(limit), whole) };
}
