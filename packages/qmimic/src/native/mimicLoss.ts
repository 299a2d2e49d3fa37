// The mimic loss with its regression layer, fused: forward pass, gradients and match count.
import type { Tensor } from "@qmimic/torch";
import { ownOperator } from "./native.js";

const mimicLossOf = ownOperator<[Tensor, Tensor]>("qmimic::mimic_loss");
/**
 * Mimic loss: sum of cells * (Q(r(features)) - target)^2, where r is a 1x1 convolution, in one pass over the cells with
 * weights above 0; the gradient passes Q unchanged (straight-through). For narrow features: one thread per image.
 * @param features [B, S, H, W]
 * @param r weight [C, S, 1, 1] and bias [C]
 * @param teacher uint8 codes [B, C, H, W] with stride > 0, or float features with stride 0 (then without Q)
 * @param cells [B, H, W], the weight of each cell, 0 or more
 * @returns the loss, and int64 [3]: matching entries in weighted cells, those of them that are 0, and all entries there
 */
export const fusedMimicLoss = (
  features: Tensor,
  r: { weight: Tensor; bias: Tensor },
  { target, stride }: { target: Tensor; stride: number },
  cells: Tensor,
): { loss: Tensor; matches: Tensor } => {
  const [loss, matches] = mimicLossOf(features, r.weight, r.bias, target, cells, stride);
  return { loss, matches };
};
