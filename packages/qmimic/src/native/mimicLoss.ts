// The mimic loss and its regression layer in one pass: loss, gradients and match count.
import type { Tensor } from "@qmimic/torch";
import { ownOperator } from "./native.js";

const mimicLossOf = ownOperator<[Tensor, Tensor]>("qmimic::mimic_loss");
/**
 * Mimic loss: the sum of cells * (Q(r(features)) - target)^2, with r a 1x1 convolution, in one pass over the cells
 * above 0; the gradient passes Q unchanged (straight-through). For narrow features: each image is processed by one
 * thread.
 * @param features [B, own, H, W]
 * @param r weight [C, own, 1, 1] and bias [C]
 * @param target uint8 codes [B, C, H, W] with stride > 0, or float features with stride 0 (without Q)
 * @param cells [B, H, W], the weight of each cell, 0 or more
 * @returns the loss, and int64 [3] counting entries of weighted cells: those that match, those that match and are 0,
 * and all
 */
export const fusedMimicLoss = (
  features: Tensor,
  r: { weight: Tensor; bias: Tensor },
  target: Tensor,
  cells: Tensor,
  stride: number,
): { loss: Tensor; matches: Tensor } => {
  const [loss, matches] = mimicLossOf(features, r.weight, r.bias, target, cells, stride);
  return { loss, matches };
};
