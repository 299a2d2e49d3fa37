// The loss of a region head (Girshick, Fast R-CNN, ICCV 2015, section 2.3): cross-entropy for the labels, and
// smooth L1 for the deltas of positives.
import { cast, crossEntropy, indexSelect, mul, reshape, smoothL1, type Tensor, tensor } from "@qmimic/torch";
import { concatFloats, concatIntegers } from "../targets.js";
import type { RegionOutputs } from "./regionHead.js";
import type { SampledRegions } from "./regionSamples.js";

/** Where smooth L1 changes from quadratic to linear, as in torchvision. */
export const BETA = 1 / 9;

/** Cross-entropy (mean), and smooth L1 of the positives' deltas (sum divided by all regions, beta 1/9). */
export function regionLosses(
  { logits, deltas }: RegionOutputs,
  sampled: SampledRegions,
): { boxClass: Tensor; boxBox: Tensor } {
  const labels = concatIntegers(sampled.labels);
  const { index, targets } = deltaTargets(labels, sampled.offsets, (deltas.shape[1] as number) / 4);
  const { device } = logits;
  const target = cast(tensor(labels).to(device), "int64");
  const picked = indexSelect(reshape(deltas, [-1]), 0, tensor(index).to(device));
  const distance = smoothL1(picked, tensor(targets).to(device), BETA, "sum");
  const weight = 1 / Math.max(1, labels.length);
  return { boxClass: mul(crossEntropy(logits, target, "sum"), weight), boxBox: mul(distance, weight) };
}

/** The loss per region, [M], for ranking in online hard example mining. */
export function lossOfEach({ logits, deltas }: RegionOutputs, sampled: SampledRegions): Float32Array {
  const labels = concatIntegers(sampled.labels);
  const targetDeltas = concatFloats(...sampled.offsets);
  const labelCount = logits.shape[1] as number;
  const sets = (deltas.shape[1] as number) / 4;
  const [scores, offsets] = [logits.toFloat32(), deltas.toFloat32()];
  return Float32Array.from(labels, (label, row) => {
    const regionScores = scores.subarray(labelCount * row, labelCount * (row + 1));
    let largest = Number.NEGATIVE_INFINITY;
    for (const score of regionScores) largest = Math.max(largest, score);
    let sum = 0;
    for (const score of regionScores) sum += Math.exp(score - largest);
    let loss = Math.log(sum) + largest - regionScores[label];
    if (label === 0) return loss;
    const at = 4 * (row * sets + (sets === 1 ? 0 : label));
    for (let k = 0; k < 4; k++) {
      const gap = Math.abs(offsets[at + k] - targetDeltas[4 * row + k]);
      loss += gap < BETA ? (0.5 * gap * gap) / BETA : gap - 0.5 * BETA;
    }
    return loss;
  });
}

/**
 * The target deltas: those of positives, for their class.
 * @param labels [M], over all images
 * @param offsets per image, [n, 4]
 * @param sets number of deltas that the head predicts per region: one per label, or 1 for all
 * @returns indices into the head's flat [M, sets, 4] output, and their targets
 */
function deltaTargets(
  labels: Int32Array,
  offsets: readonly Float32Array[],
  sets: number,
): { index: Int32Array; targets: Float32Array } {
  const all = concatFloats(...offsets);
  const index = new Int32Array(all.length);
  const targets = new Float32Array(all.length);
  let count = 0;
  for (let row = 0; row < labels.length; row++) {
    if (labels[row] === 0) continue;
    const set = sets === 1 ? 0 : labels[row];
    for (let k = 0; k < 4; k++, count++) {
      index[count] = (row * sets + set) * 4 + k;
      targets[count] = all[4 * row + k];
    }
  }
  return { index: index.subarray(0, count), targets: targets.subarray(0, count) };
}
