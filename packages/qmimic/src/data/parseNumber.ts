// Numbers in text files.

// Every digit can be matched in only one way: with \d+\.?\d*, a long row of digits takes quadratic time.
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/** Parses a decimal number; undefined for anything else, including "nan", "inf" and overflow. */
export function parseNumber(text: string): number | undefined {
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}
