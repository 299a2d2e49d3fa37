// The settings of the method: what is mimicked, where, and how the maps are quantized.
import { z } from "zod";
import {
  atLeast0,
  auto,
  flag,
  fraction,
  MAX_REGIONS,
  MAX_ROI_CELLS,
  positive,
  real,
  wholeUpTo,
} from "../models/index.js";

export const method = {
  method: z
    .enum(["scratch", "mimic", "quantization-mimic"])
    .default("quantization-mimic")
    .describe("train the student from scratch, with plain mimic, or with Quantization Mimic"),
  stage: z
    .enum(["all", "teacher", "quantized-teacher", "student"])
    .default("all")
    .describe("a single stage, or all that the method needs"),
  lambda: real(atLeast0, 1, "weight of the mimic loss"),
  lambdaHead: real(
    atLeast0,
    1,
    "weight of the loss between the outputs of the teacher's and student's heads, if they are of the same type; 0: mimic only the feature map",
  ),
  crossHead: flag(
    false,
    "for lambda-head, the teacher's head reads the student's map too, through the regression layer, instead of the student's head (CrossKD)",
  ),
  quantizer: z
    .enum(["uniform", "power-of-two"])
    .default("uniform")
    .describe("quantization dictionary of the feature maps: {0, s, 2s, ...} or {0, 2^k, ...}"),
  quantizerStride: z
    .union([positive, auto])
    .default("auto")
    .describe(
      "s of the uniform dictionary; auto: from the teacher's activations. With method scratch, a number quantizes the student's map, auto does not",
    ),
  quantizerMaxCost: real(
    atLeast0,
    1,
    "maximum AP50 points that quantization may cost the fine-tuned teacher on val, beyond one standard error; if it costs more, the run stops",
  ),
  quantizeStudent: flag(true, "quantize the student's feature map too"),
  quantizePrediction: flag(
    true,
    "quantize what the regression layer predicts from the student's map before comparing it with the teacher's; false: quantize only the teacher's",
  ),
  regions: z
    .enum(["proposals", "ground-truth", "jittered"])
    .default("proposals")
    .describe(
      "where to mimic: at the student's proposals, the ground truth, or randomly jittered ground truth",
    ),
  regionForm: z
    .enum(["cells", "rois"])
    .default("cells")
    .describe("compare feature map cells (each region normalized by its size), or RoI-max-pooled regions"),
  mimicLoss: z
    .enum(["squared", "correlation"])
    .default("squared")
    .describe(
      "compare the values of feature maps, or only their patterns: correlation ignores the mean and scale of each channel (PKD); needs region-form cells",
    ),
  mimicBackground: real(
    atLeast0,
    0,
    "weight of the feature map outside the regions, relative to all regions together (DeFeat); needs region-form cells",
  ),
  mimicRegions: wholeUpTo(MAX_REGIONS, 128, "regions to mimic per image"),
  mimicRoiSize: wholeUpTo(MAX_ROI_CELLS, 7, "pooled cells per side of a region, for region-form rois"),
  pseudoScore: z
    .union([fraction, auto])
    .default("auto")
    .describe(
      "minimum score for a teacher's detection in an unlabelled image to become an object; auto: per class, the score with the best F1 on val",
    ),
  pseudoIgnore: real(
    fraction,
    0.5,
    "fraction of pseudo-score; detections scoring between the two are ignored, neither object nor background",
  ),
  teacherScale: z
    .union([z.literal(1), z.literal(2)])
    .default(1)
    .describe(
      "size of the teacher's input relative to the student's; with 2, the student learns to reproduce finer maps than its own, which its regression layer upsamples",
    ),
  liveTeacher: flag(
    false,
    "run the teacher in every step on the student's augmented images, instead of storing its feature maps; slower",
  ),
};
