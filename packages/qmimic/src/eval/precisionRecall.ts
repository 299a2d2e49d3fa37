// Precision, recall and average precision of a ranked list of detections.
import type { Numbers } from "./types.js";

export interface PrecisionRecall {
  /** [N] after each detection, best first: true positives / detections so far. */
  precision: Float64Array;
  /** [N] true positives so far / positives; NaN without positives. */
  recall: Float64Array;
}

export interface BestF1 {
  f1: number;
  /** Keep detections with at least this score. */
  threshold: number;
  precision: number;
  recall: number;
}

/**
 * @param hits [N] 1 for a true positive, 0 for a false one, in descending score
 * @param positives number of objects to find
 */
export function precisionRecall(hits: Uint8Array, positives: number): PrecisionRecall {
  const precision = new Float64Array(hits.length);
  const recall = new Float64Array(hits.length);
  let found = 0;
  for (let i = 0; i < hits.length; i++) {
    found += hits[i];
    precision[i] = found / (i + 1);
    recall[i] = positives === 0 ? Number.NaN : found / positives;
  }
  return { precision, recall };
}

/**
 * Area under the precision envelope (at each recall, the maximum precision at that recall or above): VOC since
 * 2010, Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective" (IJCV 2015), section
 * 3.2 and the devkit's VOCap.m.
 * @returns 0..1; 0 for an empty curve
 */
export function allPointAp({ precision, recall }: PrecisionRecall): number {
  let area = 0;
  let envelope = 0;
  for (let i = recall.length - 1; i >= 0; i--) {
    envelope = Math.max(envelope, precision[i]);
    area += (recall[i] - (i === 0 ? 0 : recall[i - 1])) * envelope;
  }
  return area;
}

/**
 * The precision envelope (at each recall, the maximum precision at that recall or above) at recall 0, step, 2 *
 * step, ... 1. These are k * step in double precision, as in numpy's linspace and arange (0.6 becomes
 * 0.6000000000000001, which 9 of 15 found does not reach): published numbers depend on it.
 * @param step 0.1 or 0.01
 * @returns [1 / step + 1], 0 if the recall is not reached
 */
export function precisionEnvelope({ precision, recall }: PrecisionRecall, step: number): number[] {
  const values = new Array<number>(Math.round(1 / step) + 1).fill(0);
  let envelope = 0;
  for (let k = values.length - 1, i = recall.length - 1; k >= 0; k--) {
    for (; i >= 0 && recall[i] >= k * step; i--) envelope = Math.max(envelope, precision[i]);
    values[k] = envelope;
  }
  return values;
}

/**
 * Mean of the envelope at recall 0, 0.1, ... 1: VOC 2007, Everingham et al., "The PASCAL Visual Object Classes (VOC)
 * Challenge" (IJCV 2010), section 4.2.
 * @returns 0..1; 0 for an empty curve
 */
export function elevenPointAp(curve: PrecisionRecall): number {
  return precisionEnvelope(curve, 0.1).reduce((sum, value) => sum + value, 0) / 11;
}

/**
 * The score threshold with the largest F1 = 2PR / (P + R); ties: the highest. Detections with equal scores are
 * kept or dropped together.
 * @param scores [N] descending
 * @returns null if nothing is found at any threshold
 */
export function bestF1({ precision, recall }: PrecisionRecall, scores: Numbers): BestF1 | null {
  let best: BestF1 | null = null;
  for (let i = 0; i < scores.length; i++) {
    if (i + 1 < scores.length && scores[i + 1] === scores[i]) continue;
    const f1 = (2 * precision[i] * recall[i]) / (precision[i] + recall[i]);
    if (f1 > (best?.f1 ?? 0)) best = { f1, threshold: scores[i], precision: precision[i], recall: recall[i] };
  }
  return best;
}
