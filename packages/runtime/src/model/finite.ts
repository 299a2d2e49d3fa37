/** Whether a value is NaN or infinite. Uses includes(), which is fast in the first call too; a loop is not. */
export const hasNonFinite = (values: Float32Array): boolean =>
  values.includes(Number.NaN) ||
  values.includes(Number.POSITIVE_INFINITY) ||
  values.includes(Number.NEGATIVE_INFINITY);
