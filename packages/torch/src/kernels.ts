// The addon's operators for very narrow networks (native/kernels), registered in libtorch's dispatcher like any other.
// They run on the CPU in float32. On other devices, both RoIAligns and nn's layers use libtorch operators
// (fallbacks.ts); everything else here accepts only CPU tensors.
import { operator } from "./dispatcher.js";
import { psRoiAlignFallback, roiAlignFallback } from "./fallbacks.js";
import type { BatchNormOptions, BatchNormTensors } from "./ops.js";
import { IsaError } from "./setup/isaError.js";
import type { Tensor } from "./tensor.js";

/** 3x3 convolution, stride 1, padding 1, for narrow layers. x [B, Cin, H, W], weight [Cout, Cin, 3, 3]. */
export const conv3x3: (x: Tensor, weight: Tensor, bias: Tensor | null) => Tensor =
  operator("qmimic::conv3x3");

const batchNormReluOf = operator("qmimic::batch_norm_relu");
export interface BatchNormReluOptions extends Required<BatchNormOptions> {
  relu: boolean;
  /** Also apply 2x2 max pooling (an odd last row or column is dropped). */
  pool: boolean;
}
/** Batch norm, ReLU and 2x2 max pooling in one pass; stores only x for the backward pass. */
export function batchNormRelu(
  x: Tensor,
  { weight, bias, runningMean, runningVar }: BatchNormTensors,
  { training, momentum, eps, relu, pool }: BatchNormReluOptions,
): Tensor {
  return batchNormReluOf(x, weight, bias, runningMean, runningVar, training, momentum, eps, relu, pool);
}

const onCpu = (x: Tensor): boolean => x.device === "cpu";

const roiAlignOf = operator("qmimic::roi_align");
export interface RoiAlignOptions {
  /** Scale from box coordinates in pixels to feature cells: 1 / stride. */
  spatialScale: number;
  /** Output cells per side, 1 to 1024. */
  pooled: number;
  /** Samples per output cell along each axis, 1 to 64. */
  samplingRatio: number;
  /** Shift by half a pixel so that cell centres line up (detectron2's "aligned"). */
  aligned: boolean;
}
/**
 * RoIAlign, like torchvision's roi_align. He et al., Mask R-CNN, ICCV 2017, section 3.
 * @param features [B, C, H, W], H and W at least 1
 * @param rois [K, 5] of (image, x1, y1, x2, y2)
 * @returns [K, C, pooled, pooled]
 * @throws if an option is out of range, or a box has an invalid image index or coordinates (NaN included) beyond 2^20
 * cells of the map
 */
export function roiAlign(features: Tensor, rois: Tensor, options: RoiAlignOptions): Tensor {
  if (!onCpu(features)) return roiAlignFallback(features, rois, options);
  const { spatialScale, pooled, samplingRatio, aligned } = options;
  return roiAlignOf(features, rois, spatialScale, pooled, pooled, samplingRatio, aligned);
}

const psRoiAlignOf = operator("qmimic::ps_roi_align");
/** psRoiAlign always shifts boxes by half a pixel. */
export type PsRoiAlignOptions = Omit<RoiAlignOptions, "aligned">;
/**
 * Position-sensitive RoIAlign, like torchvision's ps_roi_align: output channel c at bin (i, j) reads only input channel
 * (c * pooled + i) * pooled + j. Dai et al., R-FCN, NeurIPS 2016, section 2.2, with RoIAlign's samples.
 * @param features [B, C * pooled * pooled, H, W], H and W at least 1
 * @param rois [K, 5] of (image, x1, y1, x2, y2)
 * @returns [K, C, pooled, pooled]
 * @throws like roiAlign, and if the number of channels is not a multiple of pooled * pooled
 */
export function psRoiAlign(features: Tensor, rois: Tensor, options: PsRoiAlignOptions): Tensor {
  if (!onCpu(features)) return psRoiAlignFallback(features, rois, options);
  const { spatialScale, pooled, samplingRatio } = options;
  return psRoiAlignOf(features, rois, spatialScale, pooled, samplingRatio);
}

const levelOf = operator<string>("qmimic::simd_level");

/**
 * The instruction set the kernels use: "avx512", "avx2" or "portable".
 * @throws IsaError if QMIMIC_ISA is another one, or not one of this processor
 */
export function simdLevel(): string {
  try {
    return levelOf();
  } catch (error) {
    const { message } = error as Error;
    throw message.includes("QMIMIC_ISA=")
      ? new IsaError(message.slice(message.indexOf("QMIMIC_ISA=")))
      : error;
  }
}
