// What the readers of ground truth and detections have in common.
import { readFile } from "node:fs/promises";
import { InputError } from "../../errors.js";
import type { ImageDetections, ImageGroundTruth } from "../types.js";

/** Ground truth and the detections of a system, ready for an evaluator. */
export interface EvaluationInput {
  classes: string[];
  groundTruths: ImageGroundTruth[];
  /** One entry an image that has detections. */
  detections: ImageDetections[];
}

/** @throws InputError naming the file when it cannot be read */
export async function readBytes(path: string): Promise<Buffer> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(
      error.code === "ENOENT"
        ? `${path}: there is no such file`
        : `${path}: cannot be read: ${error.message}`,
    );
  });
}

/** The lines of a text file, without those at its end that are empty. @throws InputError as readBytes does */
export async function readLines(path: string): Promise<string[]> {
  const text = (await readBytes(path)).toString("utf8").replace(/^\uFEFF/, "");
  return text.trimEnd() === "" ? [] : text.trimEnd().split(/\r?\n/);
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A number as people and programs write it; undefined for anything else, "nan", "inf" and overflow included. */
export function parseNumber(text: string): number | undefined {
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

/** Boxes and scores of one image while its file, or files, are read. */
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
