// Mimics the outputs of the teacher's heads (the second stage of Li et al., CVPR 2017), in the same step and at
// the same places where the student's heads are trained. The teacher's heads run on the stored maps, so nothing
// else needs to be stored. With cross-head (Wang et al., "CrossKD", CVPR 2024, applied to the last map), z and d below
// come from the teacher's heads on r of the student's map instead of the student's heads.
//
// Heads of regions, over N regions:
//
//   Lh = 1/N sum_n ( CE(p_n, softmax(z_n)) + sum_c p_nc * smoothL1(d_nc - e_nc) )
//
// p and e are the teacher's probabilities and offsets, z and d the student's logits and offsets, c runs over the
// classes without background, beta is 1/9 as in the head's loss; if all classes share the offsets, p_nc is
// summed.
//
// Heads of cells, with a weight w for each cell, the sum over the mimicked regions that cover it of
// 1 / (regions * cells):
//
//   Lh = sum w * ( sum_c BCE(p_c, sigmoid(z_c)) + max_c p_c * (1 - GIoU(d, e)) )
//
// d and e are the distances to the sides of the student's and the teacher's box.
import {
  add,
  binaryCrossEntropyWithLogits,
  type Conv2d,
  crossEntropy,
  mul,
  noGrad,
  operator,
  reshape,
  slice,
  smoothL1,
  softmax,
  sum,
  type Tensor,
  tensor,
} from "@qmimic/torch";
import {
  applyQuantizer,
  BETA,
  type Detector,
  type DetectorConfig,
  type HeadOutputs,
  iouLoss,
  type Quantizer,
  type TrainingPass,
} from "../models/index.js";
import { channelsAsCells } from "./acrossScales.js";
import { decodeFeatures } from "./dictionary.js";
import { predict } from "./mimic.js";
import { cellWeights } from "./regions.js";

/** What the teacher's heads need. */
export interface HeadTargets {
  /** The teacher's encoded maps, [B, C, H, W], see encodeFeatures. */
  stored: Tensor;
  /** Quantizer of these maps. */
  quantizer: Quantizer;
  /** Of what r predicts from the student's map: the same, or "none". */
  predictionQuantizer: Quantizer;
  /** The mimicked regions of each image, [N, 4] xyxy. */
  regions: readonly Float32Array[];
  /** Input pixels per cell. */
  stride: number;
  /** Size of the teacher's input relative to the student's; 1 for heads of cells. */
  teacherScale: number;
}

/**
 * @param pass of the student
 * @param teacher same type of heads as the student, see headMismatch
 * @param crossed r, if the teacher's heads read the student's map
 */
export function headLoss(
  { heads, features }: Pick<TrainingPass, "heads" | "features">,
  { stored, quantizer, predictionQuantizer, regions, stride, teacherScale }: HeadTargets,
  teacher: Pick<Detector, "headOutputs"> & { config: Pick<DetectorConfig, "quantizer"> },
  crossed?: Conv2d,
): Tensor {
  const like = scaleBoxesOf(heads, teacherScale);
  const read = (map: Tensor) => teacher.headOutputs(channelsAsCells(map, teacherScale), like);
  const student = crossed ? read(applyQuantizer(predict(crossed, features), predictionQuantizer)) : heads;
  const teacherOutputs = () =>
    noGrad(() => {
      const map = decodeFeatures(stored, quantizer);
      // A quantized teacher's heads read quantized maps, also if plain mimic compares unquantized ones.
      return read(quantizer.kind === "none" ? applyQuantizer(map, teacher.config.quantizer) : map);
    });
  if (student.of === "regions") return regionsLoss(student, () => teacherOutputs() as Regions);
  const [, , height, width] = student.logits.shape as [number, number, number, number];
  // With half a channel, the weights of a region add up to 1 / regions.
  const weights = cellWeights(regions, { stride, channels: 0.5, height, width });
  return cellsLoss(student, () => teacherOutputs() as Cells, weights);
}

/** The same places in the teacher's input. */
const scaleBoxesOf = (heads: HeadOutputs, scale: number): HeadOutputs =>
  heads.of === "cells" || scale === 1
    ? heads
    : { ...heads, boxes: heads.boxes.map((boxes) => boxes.map((edge) => edge * scale)) };

type Regions = Extract<HeadOutputs, { of: "regions" }>;
type Cells = Extract<HeadOutputs, { of: "cells" }>;

function regionsLoss({ logits, deltas }: Regions, teacherOutputs: () => Regions): Tensor {
  const [count, labels] = logits.shape as [number, number];
  if (count === 0) return mul(sum(logits), 0);
  const { probabilities, offsets, objects } = noGrad(() => {
    const { logits, deltas } = teacherOutputs();
    const probabilities = softmax(logits, 1);
    const objects = withoutBackground(reshape(probabilities, [count, labels, 1]));
    return { probabilities, offsets: deltas, objects };
  });
  const entropy = crossEntropy(logits, probabilities);
  const distance = reshape(smoothL1(deltas, offsets, BETA, "none"), [count, -1, 4]);
  const shared = distance.shape[1] === 1;
  const [weights, distances] = shared
    ? [sum(objects, [1]), reshape(distance, [count, 4])]
    : [objects, withoutBackground(distance)];
  return add(entropy, mul(sum(mul(distances, weights)), 1 / count));
}

/** [N, labels, ...] -> [N, labels - 1, ...] */
const withoutBackground = (x: Tensor): Tensor => slice(x, 1, 1, x.shape[1]);

const sigmoid = operator("aten::sigmoid");
const largest = operator("aten::amax");

/** @param weights [B * H * W] */
function cellsLoss({ logits, distances }: Cells, teacherOutputs: () => Cells, weights: Float32Array): Tensor {
  const [batch, , height, width] = logits.shape as [number, number, number, number];
  const cells = tensor(weights, [batch, 1, height, width]).to(logits.device);
  const { scores, sides, boxWeights } = noGrad(() => {
    const outputs = teacherOutputs();
    const scores = sigmoid(outputs.logits);
    return { scores, sides: outputs.distances, boxWeights: mul(largest(scores, [1], true), cells) };
  });
  const entropy = binaryCrossEntropyWithLogits(logits, scores, "none");
  return add(sum(mul(entropy, cells)), sum(mul(iouLoss(distances, sides, 1), boxWeights)));
}
