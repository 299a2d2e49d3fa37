// Settings of the one-stage detector without anchors: its towers, which cells learn an object, what it lets out.
import { z } from "zod";
import { sharedConfig } from "../config.js";
import { keepConfig, keepSettings } from "../keepSettings.js";
import { auto, count, whole } from "../settings.js";

const towerKind = z.enum(["separable", "plain"]);

/** What the detector is built of and used with. */
export const fcosConfig = z.object({
  detector: z.literal("fcos"),
  ...sharedConfig,
  towerDepth: count,
  towerKind,
  towerWidth: count,
  preNms: count,
  ...keepConfig,
});
export type FcosConfig = z.infer<typeof fcosConfig>;

/** Settings of a recipe. */
export const fcosSettings = z.object({
  towerDepth: whole(2, "layers of each of the two towers, for classes and for boxes"),
  towerKind: towerKind
    .default("plain")
    .describe("layers of the towers: plain 3x3, or separable, a 3x3 of each channel alone and a 1x1 of all"),
  towerWidth: z
    .union([count, auto])
    .default("auto")
    .describe("channels of the towers; auto: as many as the feature map has, at most 32"),
  objectCells: whole(13, "most cells that learn an object"),
  preNms: whole(1000, "boxes of an image before suppression"),
  ...keepSettings,
});
export type FcosSettings = z.infer<typeof fcosSettings>;
