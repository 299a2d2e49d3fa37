// Five-number summary of a distribution.

export interface Quantiles {
  min: number;
  q10: number;
  median: number;
  q90: number;
  max: number;
}

/** Quantiles by linear interpolation (numpy's default); null without values. */
export function quantiles(values: readonly number[]): Quantiles | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const at = (q: number): number => {
    const position = q * (sorted.length - 1);
    const below = Math.floor(position);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
  };
  return { min: at(0), q10: at(0.1), median: at(0.5), q90: at(0.9), max: at(1) };
}
