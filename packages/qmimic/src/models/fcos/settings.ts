// Settings of the one-stage detector without anchors: its towers, which cells learn an object, what it lets out.
import { z } from "zod";
import { sharedConfig } from "../config.js";
import { keepConfig, keepSettings } from "../keepSettings.js";
import { auto, count, MAX_DEPTH, MAX_REGIONS, MAX_WIDTH, wholeUpTo } from "../settings.js";

const towerKind = z.enum(["separable", "plain"]);

/** What the detector is built of and used with. */
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

/** Settings of a recipe. */
export const fcosSettings = z.object({
  towerDepth: wholeUpTo(MAX_DEPTH, 2, "layers of each of the two towers, for classes and for boxes"),
  towerKind: towerKind
    .default("plain")
    .describe("layers of the towers: plain 3x3, or separable, a 3x3 of each channel alone and a 1x1 of all"),
  towerWidth: z
    .union([count.max(MAX_WIDTH), auto])
    .default("auto")
    .describe("channels of the towers; auto: as many as the feature map has, at most 32"),
  objectCells: wholeUpTo(MAX_REGIONS, 13, "most cells that learn an object"),
  preNms: wholeUpTo(MAX_REGIONS, 1000, "boxes of an image before suppression"),
  ...keepSettings,
});
export type FcosSettings = z.infer<typeof fcosSettings>;
