// Settings of the one-stage detector.
import { z } from "zod";
import { sharedConfig } from "../config.js";
import { keepConfig, keepSettings } from "../keepSettings.js";
import { count, fraction, real, whole } from "../settings.js";

const KINDS = ["plain", "depthwise"] as const;

const tower = {
  kind: z.enum(KINDS),
  depth: z.number().int().min(0).max(8),
};

/** What an fcos detector is built of and used with. */
export const fcosConfigSchema = z.object({
  detector: z.literal("fcos"),
  ...sharedConfig,
  /** Layers of each tower: 3x3, or depthwise 3x3 and 1x1. */
  towerKind: tower.kind,
  towerDepth: tower.depth,
  ...keepConfig,
  /** Cells of an image that enter suppression. */
  preNms: count,
});
export type FcosConfig = z.infer<typeof fcosConfigSchema>;

export const fcosSettingsSchema = z.object({
  towerKind: tower.kind
    .default("plain")
    .describe("layers of the class and box towers: plain 3x3, or depthwise-separable"),
  towerDepth: tower.depth.default(2).describe("layers of each tower, as wide as the feature map"),
  assignTop: whole(20, "cells of an object that learn it, at most: those that fit it best"),
  assignScore: real(z.number().min(0), 0.5, "exponent of a cell's score in how well it fits an object"),
  assignIou: real(z.number().min(0), 6, "exponent of its box's IoU"),
  boxLoss: real(z.number().min(0), 2, "weight of the box loss; the class loss has 1"),
  ...keepSettings,
  preNms: whole(1000, "cells of an image that enter suppression, those with the highest scores"),
  regionNms: real(fraction, 0.7, "IoU above which one of its boxes suppresses another as a region to mimic"),
});
export type FcosSettings = z.infer<typeof fcosSettingsSchema>;
