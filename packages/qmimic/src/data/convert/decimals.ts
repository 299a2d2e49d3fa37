// Coordinates as the shortest text that reads back as the same float32.

/** The shortest decimal of a float32. */
export function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return Number(value.toPrecision(9));
}

/** The shortest decimal near `value` that `fits`; `value` itself if none does. */
export function shortestFitting(value: number, fits: (short: number) => boolean): number {
  for (let digits = 1; digits <= 17; digits++) {
    const short = Number(value.toPrecision(digits));
    if (fits(short)) return short;
  }
  return value;
}
