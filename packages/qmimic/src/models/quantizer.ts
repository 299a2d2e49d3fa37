// The quantizer of the last feature map (Quantization Mimic, section 3.1).
import type { Tensor } from "@qmimic/torch";
import { quantize, quantizePow2 } from "../native/quantize.js";
import type { Quantizer } from "./config.js";

/**
 * Rounds features to the quantizer's dictionary; the gradient passes through unchanged (straight-through
 * estimator).
 */
export function applyQuantizer(features: Tensor, quantizer: Quantizer): Tensor {
  switch (quantizer.kind) {
    case "none":
      return features;
    case "uniform":
      return quantize(features, quantizer.stride);
    case "power-of-two":
      return quantizePow2(features, quantizer.minExponent, quantizer.maxExponent);
  }
}
