// Shared parts of the readers of ground truth and detections.
import { InputError } from "../../errors.js";
import { readBytes as readFileBytes, readText as readFileText } from "../../files.js";
import type { ImageDetections, ImageGroundTruth } from "../types.js";

/** Ground truth and a system's detections, ready for an evaluator. */
export interface EvaluationInput {
  classes: string[];
  groundTruths: ImageGroundTruth[];
  /** One entry per image with detections. */
  detections: ImageDetections[];
}

/** Converts a reading error to an InputError with the file's name. */
const named = (path: string) => (error: NodeJS.ErrnoException) => {
  throw new InputError(
    error.code === "ENOENT" ? `${path}: no such file` : `${path}: cannot be read: ${error.message}`,
  );
};

/** @throws InputError naming the file if it cannot be read */
export const readBytes = (path: string): Promise<Buffer> => readFileBytes(path).catch(named(path));

/** @throws InputError as readBytes does, and if the text does not fit into a string */
export const readText = (path: string): Promise<string> => readFileText(path).catch(named(path));

/** The lines of a text file, without trailing empty ones. @throws InputError as readText does */
export async function readLines(path: string): Promise<string[]> {
  const text = (await readText(path)).trimEnd();
  return text === "" ? [] : text.split(/\r?\n/);
}

/** Boxes and scores of one image, while reading its file or files. */
export interface DetectionList {
  boxes: number[];
  scores: number[];
  labels: number[];
}

export const toDetections = (id: string, { boxes, scores, labels }: DetectionList): ImageDetections => ({
  id,
  boxes: Float64Array.from(boxes),
  scores: Float64Array.from(scores),
  labels: Int32Array.from(labels),
});
