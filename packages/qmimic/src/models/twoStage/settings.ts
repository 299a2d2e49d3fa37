// Settings of the two-stage detectors: region proposals, regions that the head is trained on, what it lets out.
// Names and defaults are torchvision's unless said.
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

/** What a two-stage detector is built of and used with, beside sharedConfig. Defaults are those of older weights files. */
export const twoStageConfig = {
  ...sharedConfig,
  anchorSizes: anchorShapes,
  aspectRatios: anchorShapes,
  /** Samples of a region's cell along each axis. */
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

/** Settings of a recipe. */
export const twoStageSettings = {
  anchorSizes: z
    .union([anchorShapes, auto])
    .default("auto")
    .describe("sides of the square anchors in input pixels; auto: from the boxes of the training data"),
  anchorCount: anchorCount(5, "how many anchor sizes auto picks (torchvision: 5)"),
  aspectRatios: z
    .union([anchorShapes, auto])
    .default("auto")
    .describe("height / width of the anchors; auto: from the boxes of the training data"),
  roiSamples: wholeUpTo(MAX_ROI_SAMPLES, 2, "samples of each cell of a region, along each axis"),
  rpnHigh: real(
    fraction,
    0.5,
    "IoU from which an anchor is an object (torchvision: 0.7, too rare for small objects)",
  ),
  rpnLow: real(fraction, 0.3, "IoU below which an anchor is background"),
  rpnBatch: wholeUpTo(MAX_REGIONS, 256, "anchors of an image in the RPN loss"),
  rpnPositives: real(fraction, 0.5, "largest fraction of objects among them"),
  rpnPreNmsTrain: wholeUpTo(
    MAX_REGIONS,
    1000,
    "proposals before suppression in training (torchvision: 2000)",
  ),
  rpnPostNmsTrain: wholeUpTo(MAX_REGIONS, 500, "proposals after suppression in training (torchvision: 2000)"),
  rpnScore: real(fraction, 0, "lowest score of a proposal"),
  rpnPreNms: wholeUpTo(
    MAX_REGIONS,
    2000,
    "proposals before suppression in use (torchvision: 1000 of each level of its pyramid; 1000 loses small objects in inputs larger than those trained on)",
  ),
  rpnPostNms: wholeUpTo(MAX_REGIONS, 300, "proposals after suppression in use (torchvision: 1000)"),
  rpnNms: real(fraction, 0.7, "IoU above which a proposal is suppressed"),
  boxHigh: real(fraction, 0.5, "IoU from which a proposal is an object in the head's loss"),
  boxLow: real(fraction, 0.5, "IoU below which a proposal is background"),
  boxBatch: wholeUpTo(MAX_REGIONS, 128, "proposals of an image in the head's loss (torchvision: 512)"),
  boxPositives: real(fraction, 0.25, "largest fraction of objects among them"),
  hardExamples: flag(
    false,
    "the head learns from the box-batch proposals of an image whose losses are largest, instead of some picked at random (online hard example mining)",
  ),
  boxWeights: z
    .array(positive)
    .length(4)
    .default([10, 10, 5, 5])
    .describe("weights of the head's four box offsets x, y, width, height"),
  ...keepSettings,
};

export const twoStageSettingsSchema = z.object(twoStageSettings);
export type TwoStageSettings = z.infer<typeof twoStageSettingsSchema>;

/** What is wrong with settings that are each in range, together. */
export function conflictIn({ rpnLow, rpnHigh, boxLow, boxHigh }: TwoStageSettings): string | undefined {
  if (rpnLow > rpnHigh) return `rpn-low is ${rpnLow}, above rpn-high, ${rpnHigh}`;
  if (boxLow > boxHigh) return `box-low is ${boxLow}, above box-high, ${boxHigh}`;
  return undefined;
}
