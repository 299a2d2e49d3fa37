// Detections as they are stored in JSON files.
import { z } from "zod";
import type { SampleDetections } from "./detect.js";

const numbers = z.array(z.number());

/** Detections in one image. */
export const storedDetections = z.object({
  id: z.string(),
  /** xyxy in pixels of the image's file, four per detection. */
  boxes: numbers,
  scores: numbers,
  labels: numbers,
});
export type StoredDetections = z.infer<typeof storedDetections>;

export const toStored = ({ id, boxes, scores, labels }: SampleDetections): StoredDetections => ({
  id,
  boxes: [...boxes],
  scores: [...scores],
  labels: [...labels],
});

export const fromStored = ({ id, boxes, scores, labels }: StoredDetections): SampleDetections => ({
  id,
  boxes: Float32Array.from(boxes),
  scores: Float32Array.from(scores),
  labels: Int32Array.from(labels),
});
