// Converts detections of exported detectors for training and evaluation.
import type { Detection, Detections } from "@qmimic/runtime";
import type { RawImage } from "../data/images.js";

/** Boxes in pixels of a decoded, possibly downscaled image -> pixels of its file; labels as numbers. */
export function toDetections(
  found: readonly Detection[],
  classes: readonly string[],
  { width, height, originalWidth, originalHeight }: RawImage,
): Detections {
  const across = originalWidth / width;
  const down = originalHeight / height;
  return {
    boxes: Float32Array.from(
      found.flatMap(({ box }) => [box.xmin * across, box.ymin * down, box.xmax * across, box.ymax * down]),
    ),
    scores: Float32Array.from(found, ({ score }) => score),
    labels: Int32Array.from(found, ({ label }) => classes.indexOf(label) + 1),
  };
}
