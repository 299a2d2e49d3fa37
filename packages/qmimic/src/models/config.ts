// What a detector is, as plain data: enough to build it again. It travels in the metadata of a weights file.
import { z } from "zod";
import { InputError } from "../errors.js";

/** Whether a finer map than stride 16 comes from leaving out poolings, or from a top-down pathway, alone or with a detail path. */
export const NECKS = ["none", "top-down", "detail"] as const;
export type Neck = (typeof NECKS)[number];

const positive = z.number().positive();
const share = z.number().min(0).max(1);
const count = z.number().int().positive();

/** The dictionary that a feature map is rounded to (Quantization Mimic, section 3.1). */
export const quantizerSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("none") }),
  /** {0, s, 2s, ...} */
  z.object({ kind: z.literal("uniform"), stride: positive }),
  /** {0, 2^min, ..., 2^max}: the alternative that the paper rejects */
  z.object({ kind: z.literal("power-of-two"), minExponent: z.number().int(), maxExponent: z.number().int() }),
]);
export type Quantizer = z.infer<typeof quantizerSchema>;

export const detectorConfigSchema = z.object({
  detector: z.literal("faster-rcnn"),
  /** For instance "vgg-1-32": family and width divisor. */
  backbone: z.string(),
  /** Input pixels per cell of the last feature map. */
  outputStride: z.union([z.literal(4), z.literal(8), z.literal(16)]),
  /** @see NECKS */
  neck: z.enum(NECKS).default("none"),
  /** Names; label i is classes[i - 1], label 0 is background. */
  classes: z.array(z.string()).min(1),
  /** Longest side of the input in pixels. */
  side: count,
  quantizer: quantizerSchema,
  anchorSizes: z.array(positive).min(1),
  aspectRatios: z.array(positive).min(1),
  /** Neurons of the box head's two hidden layers. */
  headWidth: count,
  /** RoIAlign's output cells per side, and samples per cell and axis; the operator takes no more. */
  roiSize: count.max(1024),
  roiSamples: count.max(64),
  rpnScore: share.default(0),
  rpnPreNms: count,
  rpnPostNms: count,
  rpnNms: share,
  boxWeights: z.tuple([positive, positive, positive, positive]).default([10, 10, 5, 5]),
  boxScore: share,
  boxNms: share,
  /** IoU from which other boxes of a label help to place one that suppression keeps; 1: none does. */
  boxVote: share.default(1),
  boxDetections: count,
});

/** @see detectorConfigSchema for the meaning of each field */
export type DetectorConfig = z.infer<typeof detectorConfigSchema>;

export interface BackboneName {
  family: "vgg" | "resnet18" | "resnet34";
  /** Every layer has 1/divisor of the original's channels. */
  divisor: number;
}

/** Reads "vgg-1-32", "resnet18-1-16", or "vgg" for the full width. @throws InputError for anything else */
export function parseBackbone(name: string): BackboneName {
  const match = /^(vgg(?:16)?|resnet18|resnet34)(?:-1-(\d+))?$/.exec(name);
  const divisor = Number(match?.[2] ?? 1);
  if (!match || divisor < 1 || divisor > 64) {
    throw new InputError(
      `unknown network "${name}": expected vgg-1-N, resnet18-1-N or resnet34-1-N with N from 1 to 64, for instance vgg-1-32`,
    );
  }
  const family = match[1] === "vgg16" ? "vgg" : (match[1] as BackboneName["family"]);
  return { family, divisor };
}

/** Channels of a layer at width 1 / divisor: rounded, at least 1. */
export const narrowed = (channels: number, divisor: number): number =>
  Math.max(1, Math.round(channels / divisor));
