// Mimicking what the teacher's heads say (the second stage of Li et al., CVPR 2017), in the same step and of the very
// places that the student's heads are trained on:
//   Lh = 1/N sum_n ( CE(p_n, softmax(z_n)) + sum_c p_nc * smoothL1(d_nc - e_nc) )
// over N regions: p and e are the teacher's probabilities and offsets, z and d the student's logits and offsets, c runs
// over the classes without background, beta is 1/9 as in the head's own loss; where all classes share the offsets,
// p_nc is summed. The teacher's heads read the stored maps: nothing more needs to be kept.
import {
  add,
  crossEntropy,
  mul,
  noGrad,
  reshape,
  slice,
  smoothL1,
  softmax,
  sum,
  type Tensor,
} from "@qmimic/torch";
import type { Detector, HeadOutputs, Quantizer } from "../models/index.js";
import { decodeFeatures } from "./dictionary.js";

/**
 * @param student what its heads said in a training pass
 * @param stored the teacher's maps as kept, [B, C, H, W], see encodeFeatures
 * @param quantizer of `stored`
 * @param teacher of the student's kind, see headMismatch
 */
export function headLoss(
  student: HeadOutputs,
  stored: Tensor,
  quantizer: Quantizer,
  teacher: Pick<Detector, "headOutputs">,
): Tensor {
  const goal = () => noGrad(() => teacher.headOutputs(decodeFeatures(stored, quantizer), student));
  return regionsLoss(student as Regions, () => goal() as Regions);
}

type Regions = Extract<HeadOutputs, { of: "regions" }>;

function regionsLoss({ logits, deltas }: Regions, goal: () => Regions): Tensor {
  const [count, labels] = logits.shape as [number, number];
  if (count === 0) return mul(sum(logits), 0);
  const { probabilities, offsets, objects } = noGrad(() => {
    const { logits, deltas } = goal();
    const probabilities = softmax(logits, 1);
    const objects = withoutBackground(reshape(probabilities, [count, labels, 1]));
    return { probabilities, offsets: deltas, objects };
  });
  const entropy = crossEntropy(logits, probabilities);
  const distance = reshape(smoothL1(deltas, offsets, 1 / 9, "none"), [count, -1, 4]);
  const shared = distance.shape[1] === 1;
  const [weights, distances] = shared
    ? [sum(objects, [1]), reshape(distance, [count, 4])]
    : [objects, withoutBackground(distance)];
  return add(entropy, mul(sum(mul(distances, weights)), 1 / count));
}

/** [N, labels, ...] -> [N, labels - 1, ...] */
const withoutBackground = (x: Tensor): Tensor => slice(x, 1, 1, x.shape[1]);
