// The standard normal distribution.

/**
 * Cumulative distribution function; accurate to 1e-7 (Abramowitz and Stegun, "Handbook of Mathematical
 * Functions", 26.2.17).
 */
export function normalCdf(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const terms = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429];
  const sum = terms.reduceRight((inner, term) => t * (term + inner), 0);
  const above = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * sum;
  return z >= 0 ? 1 - above : above;
}

/** Quantile function. @param fraction 1e-6 to 1 - 1e-6 */
export function normalQuantile(fraction: number): number {
  let low = -6;
  let high = 6;
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < fraction) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
