// Settings of the two-stage detectors: region proposals, training of the head, post-processing. Names and
// defaults are torchvision's unless noted.
import { z } from "zod";
import { sharedConfig } from "../config.js";
import { keepConfig, keepSettings } from "../keepSettings.js";
import {
  anchorCount,
  anchorShapes,
  auto,
  count,
  flag,
  fraction,
  MAX_REGIONS,
  MAX_ROI_SAMPLES,
  positive,
  real,
  wholeUpTo,
} from "../settings.js";

/** A two-stage detector's configuration. Defaults are for older weights files. */
export const twoStageConfig = {
  ...sharedConfig,
  anchorSizes: anchorShapes,
  aspectRatios: anchorShapes,
  /** RoIAlign's sampling ratio. */
  roiSamples: count.max(MAX_ROI_SAMPLES),
  rpnScore: fraction.default(0),
  rpnPreNms: count.max(MAX_REGIONS),
  rpnPostNms: count.max(MAX_REGIONS),
  rpnNms: fraction,
  boxWeights: z.tuple([positive, positive, positive, positive]).default([10, 10, 5, 5]),
  ...keepConfig,
};

const configSchema = z.object(twoStageConfig);
export type TwoStageConfig = z.infer<typeof configSchema> & { detector: string };

/** For a recipe. */
export const twoStageSettings = {
  anchorSizes: z
    .union([anchorShapes, auto])
    .default("auto")
    .describe("anchor sizes in input pixels; auto: chosen from the boxes in the training data"),
  anchorCount: anchorCount(5, "number of anchor sizes that auto chooses (torchvision: 5)"),
  aspectRatios: z
    .union([anchorShapes, auto])
    .default("auto")
    .describe(
      "aspect ratios (height / width) of the anchors; auto: chosen from the boxes in the training data",
    ),
  roiSamples: wholeUpTo(
    MAX_ROI_SAMPLES,
    2,
    "sampling points per cell and axis when pooling a region (sampling ratio)",
  ),
  rpnHigh: real(
    fraction,
    0.5,
    "minimum IoU for an anchor to be positive (torchvision: 0.7, too rare for small objects)",
  ),
  rpnLow: real(fraction, 0.3, "IoU below which an anchor is negative"),
  rpnBatch: wholeUpTo(MAX_REGIONS, 256, "anchors per image in the RPN loss"),
  rpnPositives: real(fraction, 0.5, "maximum fraction of positives among them"),
  rpnPreNmsTrain: wholeUpTo(MAX_REGIONS, 1000, "proposals before NMS in training (torchvision: 2000)"),
  rpnPostNmsTrain: wholeUpTo(MAX_REGIONS, 500, "proposals after NMS in training (torchvision: 2000)"),
  rpnScore: real(fraction, 0, "minimum score of a proposal"),
  rpnPreNms: wholeUpTo(
    MAX_REGIONS,
    2000,
    "proposals before NMS at inference (torchvision: 1000 per pyramid level; 1000 loses small objects if the input is larger than in training)",
  ),
  rpnPostNms: wholeUpTo(MAX_REGIONS, 300, "proposals after NMS at inference (torchvision: 1000)"),
  rpnNms: real(fraction, 0.7, "NMS: IoU above which a proposal is suppressed"),
  boxHigh: real(fraction, 0.5, "minimum IoU for a proposal to be positive in the head's loss"),
  boxLow: real(fraction, 0.5, "IoU below which a proposal is background in the head's loss"),
  boxBatch: wholeUpTo(MAX_REGIONS, 128, "proposals per image in the head's loss (torchvision: 512)"),
  boxPositives: real(fraction, 0.25, "maximum fraction of positives among them"),
  hardExamples: flag(
    false,
    "online hard example mining: train the head on the box-batch proposals with the largest losses per image, instead of random ones",
  ),
  boxWeights: z
    .array(positive)
    .length(4)
    .default([10, 10, 5, 5])
    .describe("weights of the head's box deltas x, y, width, height"),
  ...keepSettings,
};

export const twoStageSettingsSchema = z.object(twoStageSettings);
export type TwoStageSettings = z.infer<typeof twoStageSettingsSchema>;

/** A conflict between settings that are each in range; undefined if there is none. */
export function conflictIn({ rpnLow, rpnHigh, boxLow, boxHigh }: TwoStageSettings): string | undefined {
  if (rpnLow > rpnHigh) return `rpn-low is ${rpnLow}, above rpn-high, ${rpnHigh}`;
  if (boxLow > boxHigh) return `box-low is ${boxLow}, above box-high, ${boxHigh}`;
  return undefined;
}
