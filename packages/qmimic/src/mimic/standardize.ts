// Feature maps standardized per channel, for loss "correlation" (Cao et al., "PKD", NeurIPS 2022).
import { add, div, mul, operator, sub, sum, type Tensor } from "@qmimic/torch";
import type { Quantizer } from "../models/index.js";

const sumOver = operator("aten::sum.dim_IntList");
const rsqrtOf = operator("aten::rsqrt");
const clampMin = operator("aten::clamp_min");

/** Instead of no weight at all, if there are no regions. */
const SMALLEST = 1e-30;

/** Added to variances if there is no dictionary. */
const EPSILON = 1e-6;

/**
 * Every channel with mean 0 and a variance of about 1 over the batch's weighted cells. The squared difference of two
 * standardized maps is then 2 (1 - their correlation), regardless of the scales of their features (Cao et al., PKD,
 * NeurIPS 2022). Half of the dictionary's smallest step is added to the standard deviation (as a variance): rounding
 * makes many channels constant, and straight through Q their gradients would be divided by almost 0.
 * @returns a function of a map [B, C, H, W] and weights per cell [B, 1, H, W], 0 or more
 */
export function standardize(quantizer: Quantizer): (map: Tensor, perCell: Tensor) => Tensor {
  const step = smallestStep(quantizer);
  const floor = Math.max(EPSILON, (step / 2) ** 2);
  return (map, perCell) => {
    const share = div(perCell, clampMin(sum(perCell), SMALLEST));
    const mean = (values: Tensor) => sumOver(mul(values, share), [0, 2, 3], true);
    const centered = sub(map, mean(map));
    return mul(centered, rsqrtOf(add(mean(mul(centered, centered)), floor)));
  };
}

/** The dictionary's smallest entry above 0; 0 without one. */
function smallestStep(quantizer: Quantizer): number {
  if (quantizer.kind === "none") return 0;
  return quantizer.kind === "uniform" ? quantizer.stride : 2 ** quantizer.minExponent;
}
