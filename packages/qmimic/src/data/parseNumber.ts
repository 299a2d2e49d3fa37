// Numbers in text files.

// Every digit can be matched in one way alone: with \d+\.?\d* a long row of digits took time with the square of its length.
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/** A number as people and programs write it; undefined for anything else, "nan", "inf" and overflow included. */
export function parseNumber(text: string): number | undefined {
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}
