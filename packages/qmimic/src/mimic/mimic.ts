// The mimic loss of a training step (Quantization Mimic, section 3): the student's map, through a 1x1
// regression layer r and the teacher's quantizer, against the teacher's quantized map, inside N regions:
//
//   form "cells":  Lm = 1/(2N) sum_i 1/m_i || Q(ft_i) - Q(r(fs_i)) ||^2
//   form "rois":   Lm = 1/(2N) sum_i 1/m || pool Q(ft_i) - pool Q(r(fs_i)) ||^2
//
// In form "cells", the background may have a weight of its own (addBackground), and both maps may be standardized first
// (loss "correlation", see standardize).
//
// m_i is the number of values of the map in region i, m that of a pooled region. Rounding has no useful
// derivative: the gradient passes straight through Q (straight-through estimator). It still points the right
// way, because Q(r) - Q(t) has the sign of r - t wherever the two differ by more than rounding.
import { Conv2d, mul, operator, type Random, sub, sum, type Tensor, tensor } from "@qmimic/torch";
import type { Quantizer, Target, TrainingPass } from "../models/index.js";
import { applyQuantizer } from "../models/index.js";
import { fusedMimicLoss } from "../native/mimicLoss.js";
import { decodeFeatures } from "./dictionary.js";
import { countMatches, type MatchCounts, NO_COUNTS, toCounts } from "./match.js";
import { pooledLoss } from "./pooledLoss.js";
import { addBackground, cellWeights, chooseRegions, type RegionSource } from "./regions.js";
import { standardize } from "./standardize.js";

export interface MimicSettings {
  regions: RegionSource;
  regionForm: "cells" | "rois";
  loss: "squared" | "correlation";
  /** Weight of the cells outside regions, see addBackground. */
  background: number;
  /** Regions per image. */
  mimicRegions: number;
  /** The teacher's quantizer; "none" is plain mimic. */
  quantizer: Quantizer;
  /** Of r of the student's map: in the paper, the teacher's. */
  predictionQuantizer: Quantizer;
  /** Input pixels per cell. */
  stride: number;
  /** Cells per side of a pooled region. */
  roiSize: number;
  /** Whether to mimic the heads' outputs too, see headLoss. */
  heads: boolean;
  /** Size of the teacher's input relative to the student's. */
  teacherScale: number;
}

export interface MimicResult {
  loss: Tensor;
  /** Inside regions; zeros unless both sides are quantized, and if the background is mimicked too. */
  counts: MatchCounts;
  /** The mimicked regions, [N, 4] xyxy per image. */
  regions: Float32Array[];
}

/**
 * r: from the student's channels to the teacher's. It predicts the teacher's features, and is discarded after
 * training. In evaluation mode, layers compute in float32: what it predicts is quantized next.
 */
export const createRegressor = (studentChannels: number, teacherChannels: number, random: Random): Conv2d =>
  new Conv2d(studentChannels, teacherChannels, random, { kernel: 1, init: "kaiming", predicts: true }).eval();

/** r of the student's map, in float32. */
export const predict = (regressor: Conv2d, features: Tensor): Tensor => regressor.forward(features);

/** The student's and the teacher's part in a step. */
export interface MimicStep {
  pass: TrainingPass;
  regressor: Conv2d;
  /** The teacher's encoded maps, [B, C, H, W] (see encodeFeatures). */
  stored: Tensor;
  targets: readonly Target[];
  /** Each image's area on the canvas, [B, 4] xyxy. */
  placed: Float32Array;
}

/**
 * The mimic loss of a step: how far r of the student's map is from the teacher's, inside regions.
 * @param random for jittered regions
 */
export function mimicLoss(
  { pass, regressor, stored, targets, placed }: MimicStep,
  settings: MimicSettings,
  random: Random,
): MimicResult {
  const { regions: source, mimicRegions: count, stride, quantizer, predictionQuantizer } = settings;
  const regions = chooseRegions({ proposals: pass.regions, targets, placed }, { source, count }, random);
  if (settings.regionForm === "rois")
    return { ...pooledLoss(predict(regressor, pass.features), stored, regions, settings), regions };
  const [batch, , height, width] = pass.features.shape;
  const map = { stride, channels: regressor.outChannels, height, width };
  const weights = cellWeights(regions, map);
  if (settings.background > 0) addBackground(weights, placed, map, settings.background);
  const cells = tensor(weights, [batch, height, width]).to(pass.features.device);
  const teacher = { stored, quantizer, predictionQuantizer };
  const correlation = settings.loss === "correlation";
  const { loss, matches } = correlation
    ? difference(predict(regressor, pass.features), teacher, cells, standardize(quantizer))
    : cellLoss(pass.features, regressor, teacher, cells);
  // With a background, cells with a weight are not only those in regions; without the teacher's scale, matches are chance.
  const counted = predictionQuantizer.kind !== "none" && settings.background === 0 && !correlation;
  const counts = counted ? toCounts(matches) : NO_COUNTS;
  return { loss, counts, regions };
}

/** The teacher's maps as they are stored. */
export interface EncodedMaps {
  /** [B, C, H, W] encoded, see encodeFeatures */
  stored: Tensor;
  quantizer: Quantizer;
  /** Of what is compared with them: the same, or "none". */
  predictionQuantizer: Quantizer;
}

/** Maximum weights of r for the fused kernel: it is made for narrow students, whose weights stay in the cache. */
const MAX_FUSED = 2 ** 16;

/**
 * Form "cells": sum of cells * (Q(r(features)) - target)^2, and int64 [3], see MatchCounts, meaningless unless both
 * sides are quantized.
 * @param features [B, inChannels, H, W]
 * @param cells [B, H, W]
 */
export function cellLoss(
  features: Tensor,
  regressor: Conv2d,
  teacher: EncodedMaps,
  cells: Tensor,
): { loss: Tensor; matches: Tensor } {
  const { stored, quantizer, predictionQuantizer } = teacher;
  const { weight, bias } = regressor;
  const fused = features.device === "cpu" && weight.size <= MAX_FUSED && quantizer.kind !== "power-of-two";
  if (!fused || !bias) return difference(predict(regressor, features), teacher, cells);
  const uniform = predictionQuantizer.kind === "uniform";
  const target = uniform ? stored : decodeFeatures(stored, quantizer);
  const stride = uniform ? predictionQuantizer.stride : 0;
  return fusedMimicLoss(features, { weight, bias }, { target, stride }, cells);
}

const unsqueezeOf = operator("aten::unsqueeze");

/**
 * The same with libtorch's operators: for the other quantizer, wide networks, and other devices.
 * @param transform of both maps before they are compared
 */
function difference(
  prediction: Tensor,
  { stored, quantizer, predictionQuantizer }: EncodedMaps,
  cells: Tensor,
  transform = (map: Tensor, _perCell: Tensor): Tensor => map,
): { loss: Tensor; matches: Tensor } {
  const target = decodeFeatures(stored, quantizer);
  const rounded = applyQuantizer(prediction, predictionQuantizer);
  const perCell = unsqueezeOf(cells, 1);
  const gap = sub(transform(rounded, perCell), transform(target, perCell));
  const loss = sum(mul(mul(gap, gap), perCell));
  if (predictionQuantizer.kind === "none") return { loss, matches: tensor(new Int32Array(3)) };
  const { matched, zero, compared } = countMatches(rounded, target, perCell);
  return { loss, matches: tensor(Int32Array.of(matched, zero, compared)) };
}
