// The addon's own operators for very narrow networks (native/kernels), in the engine's dispatcher like any other.
// They run on the CPU in float32. On other devices quantizers and both RoIAligns are made of libtorch's operators
// (fallbacks.ts), and so are nn's layers; the rest takes tensors of the CPU alone.
import { operator } from "./dispatcher.js";
import {
  psRoiAlignFallback,
  quantizeCodesFallback,
  quantizeFallback,
  quantizePow2Fallback,
  roiAlignFallback,
} from "./fallbacks.js";
import type { DType, Tensor } from "./tensor.js";

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

const quantizeOf = operator("qmimic::quantize");
/** Nearest entry of {0, s, 2s, ...}, ties down, nothing below 0; the gradient passes unchanged. */
export const quantize = (x: Tensor, stride: number): Tensor =>
  onCpu(x) ? quantizeOf(x, stride) : quantizeFallback(x, stride);

const quantizeCodesOf = operator("qmimic::quantize_codes");
/** The index of that entry, uint8 (at most 255); no gradient. */
export const quantizeCodes = (x: Tensor, stride: number): Tensor =>
  onCpu(x) ? quantizeCodesOf(x, stride) : quantizeCodesFallback(x, stride);

const quantizePow2Of = operator("qmimic::quantize_pow2");
/** Nearest entry of {0, 2^min, ..., 2^max}, ties down; the gradient passes unchanged. */
export const quantizePow2 = (x: Tensor, minExponent: number, maxExponent: number): Tensor =>
  onCpu(x) ? quantizePow2Of(x, minExponent, maxExponent) : quantizePow2Fallback(x, minExponent, maxExponent);

/** A map of a file: where its bytes begin, their checksum (crc32c), and its cells. */
export interface StoredMap {
  at: number;
  checksum: number;
  height: number;
  width: number;
}

const readMapsOf = operator("qmimic::read_maps");
/**
 * Maps from an open file in one batch: each with its corner at a row and a column, which may lie outside; 0 where no map is.
 * @param file descriptor, as from node:fs openSync
 * @param maps [channels, height, width] of `dtype` each
 * @returns [B, channels, height, width], on the processor
 * @throws when the file cannot be read, ends before a map does, or holds other bytes than the checksum is of
 */
export const readMaps = (
  file: number,
  maps: readonly StoredMap[],
  rows: readonly number[],
  columns: readonly number[],
  [channels, height, width]: readonly [number, number, number],
  dtype: DType,
): Tensor =>
  readMapsOf(
    file,
    maps.map((map) => map.at),
    maps.map((map) => map.checksum),
    maps.map((map) => map.height),
    maps.map((map) => map.width),
    rows,
    columns,
    channels,
    height,
    width,
    dtype,
  );

const mimicLossOf = operator<[Tensor, Tensor]>("qmimic::mimic_loss");
/**
 * Mimic loss: sum of cells * (Q(r(features)) - target)^2 with r a 1x1 convolution, all in one pass over the cells above
 * 0; the gradient passes Q unchanged (straight-through). For narrow features: each image is one thread's work.
 * @param features [B, own, H, W]
 * @param r weight [C, own, 1, 1] and bias [C]
 * @param target uint8 codes [B, C, H, W] with stride > 0, or float features with stride 0 (then there is no Q)
 * @param cells [B, H, W], weight of a cell, 0 or more
 * @returns the loss, and int64 [3]: entries of weighted cells that match, those of them that are 0, and all entries there
 */
export const mimicLoss = (
  features: Tensor,
  r: { weight: Tensor; bias: Tensor },
  target: Tensor,
  cells: Tensor,
  stride: number,
): { loss: Tensor; matches: Tensor } => {
  const [loss, matches] = mimicLossOf(features, r.weight, r.bias, target, cells, stride);
  return { loss, matches };
};

/**
 * Scales, places, mirrors and recolours images into one batch.
 * @param images uint8 [h, w, 3] each
 * @param geometry [B, 5]: scale x, scale y, offset x, offset y (pixels of the batch), mirrored (0 or 1)
 * @param colour [B, 12]: a 3 x 4 matrix that maps red, green, blue in 0..255 to the network's input
 * @returns [B, 3, height, width]; 0 outside the images
 */
export const imagesToBatch: (
  images: readonly Tensor[],
  geometry: Tensor,
  colour: Tensor,
  height: number,
  width: number,
) => Tensor = operator("qmimic::images_to_batch");

/** The vector instructions the kernels use: "avx512", "avx2" or "portable". */
export const simdLevel: () => string = operator<string>("qmimic::simd_level");
