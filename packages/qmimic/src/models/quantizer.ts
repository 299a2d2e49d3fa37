// The quantizer Q of the last feature map (Quantization Mimic, section 3.1; power-of-two: table 6). For neighbours
// a < b < c in the dictionary D, Q(f) = b if (a + b) / 2 < f <= (b + c) / 2; nothing is below 0.
import type { Tensor } from "@qmimic/torch";
import { quantize, quantizePow2 } from "../native/quantize.js";
import type { Quantizer } from "./config.js";

/**
 * Rounds features to the quantizer's dictionary; the gradient passes through unchanged (straight-through estimator:
 * Hubara et al., "Binarized Neural Networks", arXiv 1602.02830, section 1.3).
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
