// How far the numbers of an evaluation would move with other images of the same kind.
//
// Bootstrap over images, Efron, "Bootstrap Methods: Another Look at the Jackknife" (Annals of Statistics 1979),
// percentile intervals: draw as many images as the set has, with replacement, evaluate, repeat. Which detection finds
// which object is decided within each image, so that a resample needs no matching: each image weighs as often as it was
// drawn. What the interval covers is the choice of the images; that of training (its seed) is not in it.
import { createRandom } from "../data/random.js";
import { type CocoMatches, weightedCocoAp } from "./coco.js";

export interface Interval {
  low: number;
  high: number;
}

/** 95 of 100 resamples are inside; null where no resample has an object. */
export interface ApIntervals {
  ap50: Interval | null;
  ap: Interval | null;
}

export interface BootstrapOptions {
  /** Default 1000. */
  resamples?: number;
  /** Default 0. */
  seed?: number;
}

interface Resamples {
  ap50: number[];
  ap: number[];
}

/**
 * 95 % intervals of COCO's AP50 and AP50:95.
 * @param images number of images of the set
 */
export function bootstrapIntervals(
  matches: CocoMatches,
  images: number,
  options: BootstrapOptions = {},
): ApIntervals {
  const [{ ap50, ap }] = resample([matches], images, options);
  return { ap50: interval(ap50), ap: interval(ap) };
}

export interface Comparison {
  /** B's number less A's. */
  difference: number;
  interval: Interval;
  /** Whether the interval leaves out 0. */
  decided: boolean;
}

/** Null where no object counts. */
export interface ApComparisons {
  ap50: Comparison | null;
  ap: Comparison | null;
}

/**
 * Paired bootstrap of two detectors on the same images: both are evaluated on each resample, and the interval is that of
 * the difference, which is narrower than the two intervals suggest because the images that are hard are hard for both.
 */
export function comparePaired(
  a: CocoMatches,
  b: CocoMatches,
  images: number,
  options: BootstrapOptions = {},
): ApComparisons {
  const [ofA, ofB] = resample([a, b], images, options);
  const once = new Int32Array(images).fill(1);
  const [wholeA, wholeB] = [a, b].map((one) => weightedCocoAp(one, once));
  const compare = (name: "ap50" | "ap"): Comparison | null => {
    const found = interval(ofB[name].map((value, i) => value - ofA[name][i]));
    if (found === null) return null;
    return {
      difference: wholeB[name] - wholeA[name],
      interval: found,
      decided: found.low > 0 || found.high < 0,
    };
  };
  return { ap50: compare("ap50"), ap: compare("ap") };
}

/** The numbers of each system on the same resamples. */
function resample(
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

/** The middle 95 %; resamples without an object are left out. */
function interval(values: readonly number[]): Interval | null {
  const known = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  if (known.length === 0) return null;
  const at = (share: number): number => {
    const place = share * (known.length - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, known.length - 1);
    return known[below] + (place - below) * (known[above] - known[below]);
  };
  return { low: at(0.025), high: at(0.975) };
}
