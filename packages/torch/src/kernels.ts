// The addon's own operators for very narrow networks (native/kernels), in the engine's dispatcher like any other.
// They run on the CPU in float32. On other devices both RoIAligns are made of libtorch's operators (fallbacks.ts), and so are
// nn's layers; the rest takes tensors of the CPU alone.
import { operator } from "./dispatcher.js";
import { psRoiAlignFallback, roiAlignFallback } from "./fallbacks.js";
import type { Tensor } from "./tensor.js";

/** 3x3 convolution, stride 1, padding 1, for narrow layers. x [B, Cin, H, W], weight [Cout, Cin, 3, 3]. */
export const conv3x3: (x: Tensor, weight: Tensor, bias: Tensor | null) => Tensor =
  operator("qmimic::conv3x3");

const batchNormReluOf = operator("qmimic::batch_norm_relu");
export interface BatchNormReluOptions {
  training: boolean;
  momentum: number;
  eps: number;
  relu: boolean;
  /** Also take the maximum over blocks of 2 x 2 (odd rows and columns at the end are dropped). */
  pool: boolean;
}
/** Batch norm, ReLU and 2x2 max pooling in one pass; only x is kept for the backward pass. */
export function batchNormRelu(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  runningMean: Tensor,
  runningVar: Tensor,
  { training, momentum, eps, relu, pool }: BatchNormReluOptions,
): Tensor {
  return batchNormReluOf(x, weight, bias, runningMean, runningVar, training, momentum, eps, relu, pool);
}

const onCpu = (x: Tensor): boolean => x.device === "cpu";

const roiAlignOf = operator("qmimic::roi_align");
export interface RoiAlignOptions {
  /** Feature cells per pixel of the boxes' coordinates: 1 / stride. */
  spatialScale: number;
  /** Output cells per side, 1 to 1024. */
  pooled: number;
  /** Samples per output cell and axis, 1 to 64. */
  samplingRatio: number;
  /** Shift by half a pixel, so that cell centres line up (detectron2's "aligned"). */
  aligned: boolean;
}
/**
 * RoIAlign, as torchvision's roi_align. He et al., Mask R-CNN, ICCV 2017, section 3.
 * @param features [B, C, H, W], H and W at least 1
 * @param rois [K, 5] of (image, x1, y1, x2, y2)
 * @returns [K, C, pooled, pooled]
 * @throws when an option is out of its range, or a box names no image or lies (NaN does) beyond 2^20 cells of the map
 */
export function roiAlign(features: Tensor, rois: Tensor, options: RoiAlignOptions): Tensor {
  if (!onCpu(features)) return roiAlignFallback(features, rois, options);
  const { spatialScale, pooled, samplingRatio, aligned } = options;
  return roiAlignOf(features, rois, spatialScale, pooled, pooled, samplingRatio, aligned);
}

const psRoiAlignOf = operator("qmimic::ps_roi_align");
/** Boxes are always shifted by half a pixel. */
export type PsRoiAlignOptions = Omit<RoiAlignOptions, "aligned">;
/**
 * Position-sensitive RoIAlign, as torchvision's ps_roi_align: output channel c at bin (i, j) reads input channel
 * (c * pooled + i) * pooled + j alone. Dai et al., R-FCN, NeurIPS 2016, section 2.2, with RoIAlign's samples.
 * @param features [B, C * pooled * pooled, H, W], H and W at least 1
 * @param rois [K, 5] of (image, x1, y1, x2, y2)
 * @returns [K, C, pooled, pooled]
 * @throws as roiAlign, and when the channels are no multiple of pooled * pooled
 */
export function psRoiAlign(features: Tensor, rois: Tensor, options: PsRoiAlignOptions): Tensor {
  if (!onCpu(features)) return psRoiAlignFallback(features, rois, options);
  const { spatialScale, pooled, samplingRatio } = options;
  return psRoiAlignOf(features, rois, spatialScale, pooled, samplingRatio);
}

/** The vector instructions the kernels use: "avx512", "avx2" or "portable". */
export const simdLevel: () => string = operator<string>("qmimic::simd_level");
