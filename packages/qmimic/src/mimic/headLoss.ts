// Mimicking what the teacher's box head says (the second stage of Li et al., CVPR 2017), on the very proposals
// that the student's head is trained on, and in the same step:
//   Lh = 1/N sum_n ( CE(p_n, softmax(z_n)) + sum_c p_nc * smoothL1(d_nc - e_nc) )
// over N proposals: p and e are the teacher's probabilities and offsets, z and d the student's logits and offsets, c runs
// over the classes without background, beta is 1/9 as in the head's own loss. The teacher's head reads the stored maps:
// nothing more needs to be kept.
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
import type { BoxOutputs } from "../models/boxHead.js";
import type { Quantizer } from "../models/config.js";
import type { FasterRcnn } from "../models/fasterRcnn.js";
import { decodeFeatures } from "./dictionary.js";

/**
 * @param student of N proposals in all
 * @param boxes these proposals, [N, 4] xyxy of each image
 * @param stored the teacher's maps as kept, [B, C, H, W], see encodeFeatures
 * @param quantizer of `stored`
 */
export function headLoss(
  student: BoxOutputs,
  boxes: readonly Float32Array[],
  stored: Tensor,
  quantizer: Quantizer,
  teacher: Pick<FasterRcnn, "boxOutputs">,
): Tensor {
  const [count, labels] = student.logits.shape;
  if (count === 0) return mul(sum(student.logits), 0);
  const { probabilities, offsets, objects } = noGrad(() => {
    const { logits, deltas } = teacher.boxOutputs(decodeFeatures(stored, quantizer), boxes);
    const probabilities = softmax(logits, 1);
    return {
      probabilities,
      offsets: deltas,
      objects: withoutBackground(reshape(probabilities, [count, labels, 1])),
    };
  });
  const entropy = crossEntropy(student.logits, probabilities);
  const distance = reshape(smoothL1(student.deltas, offsets, 1 / 9, "none"), [count, labels, 4]);
  return add(entropy, mul(sum(mul(withoutBackground(distance), objects)), 1 / count));
}

/** [N, labels, ...] -> [N, labels - 1, ...] */
const withoutBackground = (x: Tensor): Tensor => slice(x, 1, 1, x.shape[1]);
