// Settings of post-processing, shared by all detectors. @see keepBest
import type { KeepSettings } from "@qmimic/runtime";
import { z } from "zod";
import { count, fraction, MAX_REGIONS, real, wholeUpTo } from "./settings.js";

/** For a detector's configuration. */
export const keepConfig = {
  /** Minimum score of a detection. */
  boxScore: fraction,
  /** IoU above which a detection of the same class is suppressed. */
  boxNms: fraction,
  /** Box voting: minimum IoU for other boxes of the same label to be averaged into a kept one; 1: off. */
  boxVote: fraction.default(1),
  /** Maximum detections per image. */
  boxDetections: count.max(MAX_REGIONS),
};

const keepSchema = z.object(keepConfig);

/** The settings of keepBest. */
export const keepSettingsOf = ({
  boxNms,
  boxVote,
  boxDetections,
}: z.infer<typeof keepSchema>): KeepSettings => ({ nms: boxNms, vote: boxVote, detections: boxDetections });

/** For a recipe. */
export const keepSettings = {
  boxScore: real(fraction, 0.01, "minimum score of a detection (torchvision: 0.05, which lowers AP)"),
  boxNms: real(fraction, 0.5, "NMS: IoU above which a detection of the same class is suppressed"),
  boxVote: real(
    fraction,
    0.6,
    "box voting: minimum IoU for suppressed detections to be averaged into a kept one, weighted by score; 1: off, as in torchvision",
  ),
  boxDetections: wholeUpTo(MAX_REGIONS, 100, "maximum detections per image"),
};
