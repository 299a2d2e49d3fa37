// The quantizers of feature maps (Quantization Mimic, section 3.1): the addon's kernels on the CPU, in float32;
// libtorch operators on other devices (quantizeFallback.ts).
import type { Tensor } from "@qmimic/torch";
import { ownOperator } from "./native.js";
import { quantizeCodesFallback, quantizeFallback, quantizePow2Fallback } from "./quantizeFallback.js";

const onCpu = (x: Tensor): boolean => x.device === "cpu";

const quantizeOf = ownOperator("qmimic::quantize");
/** The nearest entry of {0, s, 2s, ...}, ties down, nothing below 0; the gradient passes unchanged. */
export const quantize = (x: Tensor, stride: number): Tensor =>
  onCpu(x) ? quantizeOf(x, stride) : quantizeFallback(x, stride);

const quantizeCodesOf = ownOperator("qmimic::quantize_codes");
/** The index of that entry, uint8 (at most 255); no gradient. */
export const quantizeCodes = (x: Tensor, stride: number): Tensor =>
  onCpu(x) ? quantizeCodesOf(x, stride) : quantizeCodesFallback(x, stride);

const quantizePow2Of = ownOperator("qmimic::quantize_pow2");
/** The nearest entry of {0, 2^min, ..., 2^max}, ties down; the gradient passes unchanged. */
export const quantizePow2 = (x: Tensor, minExponent: number, maxExponent: number): Tensor =>
  onCpu(x) ? quantizePow2Of(x, minExponent, maxExponent) : quantizePow2Fallback(x, minExponent, maxExponent);
