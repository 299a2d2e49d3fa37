// Settings of the anchor-free one-stage detector: towers, cell assignment, post-processing.
import { z } from "zod";
import { sharedConfig } from "../config.js";
import { keepConfig, keepSettings } from "../keepSettings.js";
import { auto, count, MAX_DEPTH, MAX_REGIONS, MAX_WIDTH, wholeUpTo } from "../settings.js";

const towerKind = z.enum(["separable", "plain"]);

/** The detector's configuration. */
export const fcosConfig = z.object({
  detector: z.literal("fcos"),
  ...sharedConfig,
  towerDepth: count.max(MAX_DEPTH),
  towerKind,
  towerWidth: count.max(MAX_WIDTH),
  preNms: count.max(MAX_REGIONS),
  ...keepConfig,
});
export type FcosConfig = z.infer<typeof fcosConfig>;

/** For a recipe. */
export const fcosSettings = z.object({
  towerDepth: wholeUpTo(MAX_DEPTH, 2, "layers of each head tower (one for classes, one for boxes)"),
  towerKind: towerKind
    .default("plain")
    .describe("layers of the towers: plain 3x3, or separable: depthwise 3x3 + 1x1"),
  towerWidth: z
    .union([count.max(MAX_WIDTH), auto])
    .default("auto")
    .describe("channels of the towers; auto: those of the feature map, at most 32"),
  objectCells: wholeUpTo(MAX_REGIONS, 13, "maximum cells assigned to an object"),
  preNms: wholeUpTo(MAX_REGIONS, 1000, "boxes per image before NMS"),
  ...keepSettings,
});
export type FcosSettings = z.infer<typeof fcosSettings>;
