// Match ratio (Quantization Mimic, figure 5): the fraction of feature entries with the same dictionary entry as
// the teacher's. Most codes are 0, and a student that outputs 0 would match them all, so it is also computed
// over the entries where either is nonzero.
import { operator, type Tensor } from "@qmimic/torch";

/** Feature map entries inside regions. */
export interface MatchCounts {
  /** Those with the teacher's dictionary entry. */
  matched: number;
  /** Those where both are 0. */
  zero: number;
  compared: number;
}

/** 0..1; NaN if there is nothing to compare. */
export interface MatchRatio {
  /** Over all entries, as in the paper. */
  all: number;
  /** Over entries where the student's or the teacher's is nonzero. */
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

const equalTo = operator("aten::eq.Tensor");
const nonZeroCount = operator("aten::count_nonzero");
const greaterThan = operator("aten::gt.Scalar");
const logicalAnd = operator("aten::logical_and");

/**
 * Counts of two maps of dictionary entries, of equal shape; all entries are at least 0.
 * @param weights only entries with a weight above 0 are counted, [B, 1, H, W]; default: all
 */
export function countMatches(own: Tensor, target: Tensor, weights?: Tensor): MatchCounts {
  const inside = weights && greaterThan(weights, 0);
  const equal = inside ? logicalAnd(equalTo(own, target), inside) : equalTo(own, target);
  const matched = nonZeroCount(equal).item();
  const active = nonZeroCount(logicalAnd(equal, greaterThan(target, 0))).item();
  const compared = inside ? nonZeroCount(inside).item() * own.shape[1] : own.size;
  return { matched, zero: matched - active, compared };
}

/** From an int64 [3] tensor of these counts, see cellLoss. */
export function toCounts(matches: { toArray(): ArrayLike<number | bigint> }): MatchCounts {
  const [matched, zero, compared] = Array.from(matches.toArray(), Number);
  return { matched, zero, compared };
}
