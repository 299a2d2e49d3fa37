// Comparing single-precision numbers with a threshold in double precision, without converting each of them.

/** The smallest single-precision number of at least `value`: others are at least it exactly when they are at least `value`. */
export const singleAtLeast = (value: number): number =>
  Math.fround(value) >= value ? Math.fround(value) : neighbour(value, 1);

/** The largest single-precision number of at most `value`: others are above it exactly when they are above `value`. */
export const singleAtMost = (value: number): number =>
  Math.fround(value) <= value ? Math.fround(value) : neighbour(value, -1);

/** The next number above or below a value. */
function neighbour(value: number, direction: 1 | -1): number {
  const singles = Float32Array.of(value);
  const bits = new Int32Array(singles.buffer);
  bits[0] += singles[0] < 0 ? -direction : direction;
  return singles[0];
}
