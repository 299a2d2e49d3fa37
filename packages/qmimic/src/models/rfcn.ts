// R-FCN (Dai, Li, He, Sun, NeurIPS 2016): every layer is convolutional and shared by all regions. A region is
// divided into k x k cells; each cell has its own maps, for instance "upper left part of a face", and their
// average in the cell is a vote.
import { Conv2d, cast, mul, psRoiAlign, type Random, relu, sum, type Tensor, tensor } from "@qmimic/torch";
import { z } from "zod";
import { defineKind } from "./defineKind.js";
import { count, wholeUpTo } from "./settings.js";
import { autoAnchors } from "./twoStage/chooseAnchors.js";
import { numbered, RegionHead, type RegionOutputs } from "./twoStage/regionHead.js";
import { conflictIn, twoStageConfig, twoStageSettings } from "./twoStage/settings.js";
import { TwoStage } from "./twoStage/twoStage.js";

/** The number of maps grows with its square. */
const MAX_PS_SIZE = 15;

const settings = z.object({
  ...twoStageSettings,
  psSize: wholeUpTo(MAX_PS_SIZE, 7, "cells per side of a region, each with its own position-sensitive maps"),
});

const config = z.object({
  detector: z.literal("r-fcn"),
  ...twoStageConfig,
  /** k: cells per side of a region. */
  psSize: count.max(MAX_PS_SIZE),
});
export type RfcnConfig = z.infer<typeof config>;

/** Section 2 of the paper: k^2 (classes + 1) score maps, 4 k^2 box maps that all classes share, average voting. */
class PositionSensitiveHead extends RegionHead {
  private readonly conv: Conv2d;
  private readonly scoreMaps: Conv2d;
  private readonly boxMaps: Conv2d;

  constructor(
    private readonly config: RfcnConfig,
    channels: number,
    random: Random,
  ) {
    super();
    const cells = config.psSize ** 2;
    const prediction = { kernel: 1, init: 0.16 / Math.sqrt(channels), predicts: true };
    const maps = (count: number) => new Conv2d(channels, count * cells, random, prediction);
    this.conv = this.child(
      "conv",
      new Conv2d(channels, channels, random, { kernel: 3, padding: 1, init: "kaiming" }),
    );
    this.scoreMaps = this.child("score_maps", maps(config.classes.length + 1));
    this.boxMaps = this.child("box_maps", maps(4));
  }

  forward(features: Tensor, boxes: readonly Float32Array[]): RegionOutputs {
    const hidden = relu(this.conv.forward(features));
    const list = numbered(boxes);
    const rois = tensor(list, [list.length / 5, 5]).to(features.device);
    return {
      logits: this.vote(this.scoreMaps.forward(hidden), rois),
      deltas: this.vote(this.boxMaps.forward(hidden), rois),
    };
  }

  /** maps [B, n k^2, H, W] -> mean over the cells of each region, [M, n] */
  private vote(maps: Tensor, rois: Tensor): Tensor {
    const { outputStride, psSize, roiSamples } = this.config;
    const options = { spatialScale: 1 / outputStride, pooled: psSize, samplingRatio: roiSamples };
    const votes = psRoiAlign(cast(maps, "float32"), rois, options);
    return mul(sum(votes, [2, 3]), 1 / psSize ** 2);
  }
}

export const createRfcn = (configuration: RfcnConfig, random: Random): TwoStage<RfcnConfig> =>
  new TwoStage(configuration, random, (...head) => new PositionSensitiveHead(...head));

export const rfcn = defineKind({
  name: "r-fcn",
  settings,
  config,
  layers: ["anchorSizes", "aspectRatios", "psSize"],
  classLayers: { names: ["roi_heads.score_maps"], background: true },
  headCoding: ["boxWeights"],
  conflict: conflictIn,
  choose: autoAnchors,
  create: createRfcn,
});
