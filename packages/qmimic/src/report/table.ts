// Numbers in text tables.

/** A fraction as per cent with one decimal, "-" if missing. */
export const percent = (value: number | null | undefined): string =>
  value === null || value === undefined ? "-" : (100 * value).toFixed(1);
