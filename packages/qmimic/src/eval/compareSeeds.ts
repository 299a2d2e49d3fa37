// Compares two training methods over seeds and images: how much the difference of their means would vary with
// other seeds and other images of the same kind. Two sources of randomness, assumed independent. Images: a
// paired bootstrap (Efron 1979) of the difference between the means over seeds, both sides evaluated on each
// resample. Seeds: the per-seed differences, by Student's t. The half-widths of both 95 % intervals are added
// in quadrature.
import { type Comparison, type Resamples, resample } from "./bootstrap.js";
import { type CocoMatches, weightedCocoAp } from "./coco.js";
import { deviation, mean } from "./tally.js";

export type ApName = "ap50" | "ap";

const NORMAL = 1.96;
/** Student's t at 97.5 % with 1, 2, ... 10 degrees of freedom. */
const STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
const RESAMPLES = 500;

/** AP of each seed, on the set itself and on resamples of its images. */
export interface ResampledSeeds {
  whole: Record<ApName, number>[];
  resampled: Resamples[];
}

/**
 * @param seeds matches of one detector per seed, all on the same images
 * @param images number of images in the set. All sides of a comparison get the same resamples
 */
export function resampleSeeds(seeds: readonly CocoMatches[], images: number): ResampledSeeds {
  const once = new Int32Array(images).fill(1);
  return {
    whole: seeds.map((matches) => weightedCocoAp(matches, once)),
    resampled: resample(seeds, images, { resamples: RESAMPLES, seed: "seeds" }),
  };
}

/**
 * B's mean AP minus A's, with its 95 % interval.
 * @param a one detector per seed; b for the same seeds, in the same order
 * @returns null without objects that count. With one seed, the interval covers only the images, and nothing is decided
 */
export function compareSeeds(a: ResampledSeeds, b: ResampledSeeds): Record<ApName, Comparison | null> {
  const seeds = a.whole.length;
  if (seeds !== b.whole.length || seeds === 0)
    throw new RangeError(`${seeds} and ${b.whole.length} seeds cannot be paired`);
  const compare = (name: ApName): Comparison | null => {
    const ofSeeds = a.whole.map((value, seed) => b.whole[seed][name] - value[name]);
    const difference = mean(ofSeeds);
    const resampled = Array.from({ length: RESAMPLES }, (_, k) =>
      mean(a.resampled.map((values, seed) => b.resampled[seed][name][k] - values[name][k])),
    ).filter((value) => !Number.isNaN(value));
    if (Number.isNaN(difference) || resampled.length === 0) return null;
    const compared = around(difference, Math.hypot(NORMAL * deviation(resampled), seedHalf(ofSeeds)));
    return { ...compared, decided: compared.decided && seeds > 1 };
  };
  return { ap50: compare("ap50"), ap: compare("ap") };
}

/**
 * The mean of B's values minus that of A's, one per seed, with its 95 % interval over seeds.
 * @returns null for fewer than two seeds
 */
export function compareValues(a: readonly number[], b: readonly number[]): Comparison | null {
  if (a.length !== b.length) throw new RangeError(`${a.length} and ${b.length} seeds cannot be paired`);
  const differences = a.map((value, seed) => b[seed] - value);
  return differences.length < 2 ? null : around(mean(differences), seedHalf(differences));
}

function around(difference: number, half: number): Comparison {
  const interval = { low: difference - half, high: difference + half };
  return { difference, interval, decided: interval.low > 0 || interval.high < 0 };
}

function seedHalf(differences: readonly number[]): number {
  const freedom = differences.length - 1;
  if (freedom === 0) return 0;
  const t = STUDENT[freedom - 1] ?? NORMAL + 2.8 / freedom;
  return (t * deviation(differences)) / Math.sqrt(differences.length);
}
