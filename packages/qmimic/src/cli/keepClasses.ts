// Detections for data that has only some of a detector's classes, as with --classes.
import { takeBoxes, takeValues } from "@qmimic/runtime";
import type { SampleDetections } from "../eval/detect.js";

/** Detections with the labels of `wanted`; those of other classes are dropped. */
export function keepClasses(
  found: readonly SampleDetections[],
  known: readonly string[],
  wanted: readonly string[],
): SampleDetections[] {
  const labelOf = Int32Array.from(["", ...known], (name) => wanted.indexOf(name) + 1);
  return found.map((image) => {
    const kept = Int32Array.from(image.labels.keys()).filter((i) => labelOf[image.labels[i]] > 0);
    return {
      id: image.id,
      boxes: takeBoxes(image.boxes, kept),
      scores: takeValues(image.scores, kept),
      labels: kept.map((i) => labelOf[image.labels[i]]),
    };
  });
}
