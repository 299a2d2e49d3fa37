// VOC's results: average precision with both interpolations, without the curves.
import { countDifficult, orNull } from "./tally.js";
import type { ImageDetections, ImageGroundTruth } from "./types.js";
import { evaluateVoc, type VocOptions } from "./voc.js";

/** Numbers from 0 to 1; null without objects to find. */
export interface VocScores {
  iou: number;
  pixelInclusive: boolean;
  /** Means over the classes with objects: all points (VOC 2010 and later), and 11 points (VOC 2007). */
  mAP: number | null;
  mAP11: number | null;
  classes: {
    name: string;
    ap: number | null;
    ap11: number | null;
    objects: number;
    /** Ignored objects. */
    difficult: number;
    /** Detections at any score. */
    detections: number;
  }[];
}

/** @see evaluateVoc */
export function scoreVoc(
  groundTruths: readonly ImageGroundTruth[],
  detections: readonly ImageDetections[],
  options: Omit<VocOptions, "interpolation">,
): VocScores {
  const { classes, iouThreshold = 0.5, pixelInclusive = false } = options;
  const all = evaluateVoc(groundTruths, detections, options);
  const eleven = evaluateVoc(groundTruths, detections, { ...options, interpolation: "11-point" });
  const difficult = countDifficult(groundTruths, classes.length);
  return {
    iou: iouThreshold,
    pixelInclusive,
    mAP: orNull(all.mAP),
    mAP11: orNull(eleven.mAP),
    classes: all.classes.map(({ name, ap, positives, detections }, label) => ({
      name,
      ap: orNull(ap),
      ap11: orNull(eleven.classes[label].ap),
      objects: positives,
      difficult: difficult[label],
      detections,
    })),
  };
}
