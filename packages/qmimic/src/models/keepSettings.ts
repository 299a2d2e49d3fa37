// Settings of what a detector lets out, which all kinds share. @see keepBest
import type { KeepSettings } from "@qmimic/runtime";
import { z } from "zod";
import { count, fraction, MAX_REGIONS, real, wholeUpTo } from "./settings.js";

/** Of a configuration. */
export const keepConfig = {
  /** Lowest score of a detection. */
  boxScore: fraction,
  /** IoU above which a detection of the same class is suppressed. */
  boxNms: fraction,
  /** IoU from which other boxes of a label help to place one that suppression keeps; 1: none does. */
  boxVote: fraction.default(1),
  /** Most detections of an image. */
  boxDetections: count.max(MAX_REGIONS),
};

const keepSchema = z.object(keepConfig);

/** What keepBest takes. */
export const keepSettingsOf = ({
  boxNms,
  boxVote,
  boxDetections,
}: z.infer<typeof keepSchema>): KeepSettings => ({ nms: boxNms, vote: boxVote, detections: boxDetections });

/** Of a recipe. */
export const keepSettings = {
  boxScore: real(fraction, 0.01, "lowest score of a detection (torchvision: 0.05, which cuts AP)"),
  boxNms: real(fraction, 0.5, "IoU above which a detection of the same class is suppressed"),
  boxVote: real(
    fraction,
    0.6,
    "IoU from which other detections of the same class help to place one that is kept, by their scores; 1: none does, as in torchvision",
  ),
  boxDetections: wholeUpTo(MAX_REGIONS, 100, "most detections of an image"),
};
