// Differences between a table's arms, with intervals.
import type { Comparison } from "../eval/bootstrap.js";
import { type ApName, compareSeeds, compareValues, type ResampledSeeds } from "../eval/compareSeeds.js";

/** An arm as compared: one number or detector per seed. */
export interface ComparedArm {
  name: string;
  seeds: readonly number[];
  ap: ResampledSeeds;
  /** Match ratios; null for runs without mimicking. */
  match: readonly (number | null)[];
}

export interface ArmDifference {
  /** From the other arm; null if it lacks seeds that this arm has. */
  difference: Record<ApName, Comparison | null> | null;
  /** In match ratio, over seeds, if both mimic and have the same dictionary. */
  matchDifference: Comparison | null;
}

/** Between two arms of a table. */
export interface PairDifference extends ArmDifference {
  arm: string;
  comparedWith: string;
}

interface Comparable {
  /** Whether match ratios can be compared. */
  matches: boolean;
}

/** How much higher `arm` is than `base`, at the seeds of `arm`. */
export function differenceOf(
  arm: ComparedArm,
  base: ComparedArm | undefined,
  { matches }: Comparable,
): ArmDifference {
  const none = { difference: null, matchDifference: null };
  if (base === undefined || base === arm) return none;
  const places = arm.seeds.map((seed) => base.seeds.indexOf(seed));
  if (places.includes(-1)) return none;
  const [before, after] = [places.map((i) => base.match[i]), arm.match].map((ratios) =>
    ratios.filter((ratio) => ratio !== null),
  );
  const haveMatches = matches && before.length === places.length && after.length === places.length;
  const { whole, resampled } = base.ap;
  return {
    difference: compareSeeds(
      { whole: places.map((i) => whole[i]), resampled: places.map((i) => resampled[i]) },
      arm.ap,
    ),
    matchDifference: haveMatches ? compareValues(before, after) : null,
  };
}

/** Each arm compared with those before it. */
export const allPairs = (arms: readonly ComparedArm[], comparable: Comparable): PairDifference[] =>
  arms.flatMap((arm, i) =>
    arms.slice(0, i).map((other) => ({
      arm: arm.name,
      comparedWith: other.name,
      ...differenceOf(arm, other, comparable),
    })),
  );
