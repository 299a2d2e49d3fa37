// Match ratio (Quantization Mimic, figure 5): the fraction of feature entries whose dictionary entry is the teacher's. Most
// codes are 0, and a student of zeros would match them all: so it is also taken over the entries where either is not 0.

/** Entries of feature maps inside regions. */
export interface MatchCounts {
  /** Whose dictionary entry is the teacher's. */
  matched: number;
  /** Of those, the ones that are 0. */
  zero: number;
  compared: number;
}

/** 0..1; NaN where there is nothing to compare. */
export interface MatchRatio {
  /** Over all entries: the paper's. */
  all: number;
  /** Over those where the student's or the teacher's is not 0. */
  active: number;
}

export const NO_COUNTS: Readonly<MatchCounts> = { matched: 0, zero: 0, compared: 0 };

/** Adds to `sums`, in place. */
export function addCounts(sums: MatchCounts, counts: MatchCounts): void {
  for (const key of ["matched", "zero", "compared"] as const) sums[key] += counts[key];
}

export const NO_MATCH: MatchRatio = { all: Number.NaN, active: Number.NaN };

export const matchRatioOf = ({ matched, zero, compared }: MatchCounts): MatchRatio => ({
  all: matched / compared,
  active: (matched - zero) / (compared - zero),
});

/** From int64 [3] of these counts, see cellLoss. */
export function toCounts(matches: { toArray(): ArrayLike<number | bigint> }): MatchCounts {
  const [matched, zero, compared] = Array.from(matches.toArray(), Number);
  return { matched, zero, compared };
}
