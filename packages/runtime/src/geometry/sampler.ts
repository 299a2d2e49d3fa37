// Samples positives and negatives for the loss: Girshick, "Fast R-CNN" (ICCV 2015), section 2.3, like torchvision's
// BalancedPositiveNegativeSampler, with a random number generator passed in.

export interface SampleOptions {
  /** Maximum number of positives and negatives together. */
  count: number;
  /** Maximum fraction of positives, 0..1; if there are fewer, more negatives are sampled. */
  positiveFraction: number;
}

/**
 * Samples without replacement from the result of matchAnchors: a match >= 0 is positive, -1 negative, and -2 is never
 * sampled. (torchvision's sampler takes labels, which are these plus one.)
 * @param matches [N]
 * @param rng uniform in [0, 1)
 * @returns ascending indices into `matches`
 */
export function samplePositivesNegatives(
  matches: Int32Array,
  options: SampleOptions,
  rng: () => number,
): { positive: Int32Array; negative: Int32Array } {
  const n = matches.length;
  const positives = new Int32Array(n);
  const negatives = new Int32Array(n);
  let positiveCount = 0;
  let negativeCount = 0;
  for (let i = 0; i < n; i++) {
    if (matches[i] >= 0) positives[positiveCount++] = i;
    else if (matches[i] === -1) negatives[negativeCount++] = i;
  }
  const wanted = Math.min(positiveCount, Math.trunc(options.count * options.positiveFraction));
  const positive = pick(positives, positiveCount, wanted, rng);
  const negative = pick(negatives, negativeCount, Math.min(negativeCount, options.count - wanted), rng);
  return { positive, negative };
}

/** Samples `wanted` of the first `count` indices, ascending, by the first steps of a Fisher-Yates shuffle in place. */
function pick(indices: Int32Array, count: number, wanted: number, rng: () => number): Int32Array {
  if (wanted < count) {
    for (let i = 0; i < wanted; i++) {
      const j = i + Math.floor(rng() * (count - i));
      const swap = indices[i];
      indices[i] = indices[j];
      indices[j] = swap;
    }
  }
  return indices.slice(0, wanted).sort();
}
