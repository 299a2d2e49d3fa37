// The mimic loss with its regression layer in one pass: forward, gradients and match count.
import type { Tensor } from "@qmimic/torch";
import { ownOperator } from "./native.js";

const mimicLossOf = ownOperator<[Tensor, Tensor]>("qmimic::mimic_loss");
/**
 * Mimic loss: sum of cells * (Q(r(features)) - target)^2 with r a 1x1 convolution, all in one pass over the cells above
 * 0; the gradient passes Q unchanged (straight-through). For narrow features: each image is one thread's work.
 * @param features [B, own, H, W]
 * @param r weight [C, own, 1, 1] and bias [C]
 * @param target uint8 codes [B, C, H, W] with stride > 0, or float features with stride 0 (then there is no Q)
 * @param cells [B, H, W], weight of a cell, 0 or more
 * @returns the loss, and int64 [3]: entries of weighted cells that match, those of them that are 0, and all entries there
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
