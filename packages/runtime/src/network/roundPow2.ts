/** Nearest entry of {0, 2^min, ..., 2^max}, ties down. NaN stays NaN, so that an overflow is noticed. */
export function roundPow2(value: number, min: number, max: number): number {
  if (Number.isNaN(value)) return value;
  if (!(value > 2 ** (min - 1))) return 0;
  const lower = Math.floor(Math.log2(value));
  return 2 ** Math.max(min, Math.min(max, value > 1.5 * 2 ** lower ? lower + 1 : lower));
}
