// Scores a finished run on a split, once: detections are stored in the run's folder, with date and weights.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { contentHash } from "../data/contentHashes.js";
import { type DataFolder, openData, readSplit } from "../data/dataset.js";
import { RUNS_LOCK_REMEDY, withLock } from "../data/lock.js";
import { readTrainVal } from "../data/trainVal.js";
import type { Dataset } from "../data/types.js";
import { InputError } from "../errors.js";
import { type CocoMatches, matchCoco } from "../eval/coco.js";
import { detectTimed, detectWith, evaluationInputs, type SampleDetections } from "../eval/detect.js";
import { type Evaluation, evaluate } from "../eval/evaluation.js";
import { readText, writeFileAtomic } from "../files.js";
import type { Recipe } from "../train/recipe.js";
import { scoreLockFile } from "../train/runFiles.js";
import { readOptions } from "../train/splits.js";
import { loadDetector } from "../train/weights.js";
import { readRun } from "./runResult.js";

/** A run's detections in a split, and their scores. */
export interface Score {
  split: string;
  /** When: ISO 8601. */
  scored: string;
  /** SHA-256 of the weights file. */
  weights: string;
  /** Longest side of the images in the network's input. */
  side: number;
  /** From decoded images to boxes, batching images of equal size. */
  imagesPerSecond: number;
  evaluation: Omit<Evaluation, "confusion">;
  matches: CocoMatches;
  images: number;
}

/** A score as stored: everything else is computed from the detections, with the labels of the moment. */
interface StoredScore extends Omit<Score, "evaluation" | "matches" | "images"> {
  detections: { id: string; boxes: number[]; scores: number[]; labels: number[] }[];
}

/** A split with the labels of a recipe's runs, read once. @throws InputError if there is no such split */
export async function readScored(recipe: Recipe, split: string): Promise<Dataset> {
  const folder: DataFolder = await openData(recipe.data, recipe);
  const options = await readOptions(folder, recipe);
  if (split === recipe.valSplit) return (await readTrainVal(folder, recipe, options)).val;
  return readSplit(folder, split, options);
}

export interface ScoreOptions {
  device: string;
  /** Longest side of the images in the network's input, instead of the trained value. */
  side?: number;
  /** Called once if another process is scoring the run. */
  waiting: () => void;
}

/**
 * Two processes do not score a run twice: the second waits for the first.
 * @throws InputError if the stored score is from other weights
 */
export async function scoreRun(folder: string, dataset: Dataset, options: ScoreOptions): Promise<Score> {
  const { weights: path } = readRun(folder);
  const { side } = options;
  const file = join(folder, `score-${dataset.split}${side === undefined ? "" : `-${side}`}.json`);
  const weights = contentHash(path);
  const detectOnce = async (): Promise<StoredScore> => {
    if (existsSync(file)) return readStored(file);
    const detected = await detectSplit(path, dataset, options, weights);
    await writeFileAtomic(file, JSON.stringify(detected));
    return detected;
  };
  const stored = existsSync(file)
    ? await readStored(file)
    : await withLock(scoreLockFile(folder), options.waiting, detectOnce, RUNS_LOCK_REMEDY);
  if (stored.weights !== weights) {
    throw new InputError(`${file}: this score is from other weights than ${path}. Remove it to score again.`);
  }
  const { detections, ...score } = stored;
  const found = detections.map(
    ({ id, boxes, scores, labels }): SampleDetections => ({
      id,
      boxes: Float32Array.from(boxes),
      scores: Float32Array.from(scores),
      labels: Int32Array.from(labels),
    }),
  );
  if (found.length !== dataset.samples.length || found.some(({ id }, i) => id !== dataset.samples[i].id)) {
    throw new InputError(
      `${file}: this score is from other images than the split has now. Remove it to score again.`,
    );
  }
  const inputs = evaluationInputs(dataset, found);
  const matches = matchCoco(inputs.groundTruths, inputs.detections, dataset.classes);
  const { confusion: _, ...evaluation } = evaluate(dataset, found, { iou: 0.5, pixelInclusive: false });
  return { ...score, evaluation, matches, images: dataset.samples.length };
}

async function readStored(file: string): Promise<StoredScore> {
  try {
    return JSON.parse(await readText(file));
  } catch (error) {
    throw new InputError(
      `${file}: not a stored score: ${(error as Error).message}. Remove it to score again.`,
    );
  }
}

async function detectSplit(
  path: string,
  dataset: Dataset,
  { device, side: wanted }: ScoreOptions,
  weights: string,
): Promise<StoredScore> {
  const detector = loadDetector(path, device, wanted === undefined ? {} : { side: wanted });
  const { side, classes } = detector.config;
  if (classes.join("\n") !== dataset.classes.join("\n"))
    throw new InputError(`${path}: the detector's classes differ from the data's`);
  const { found, imagesPerSecond } = await detectTimed(detectWith(detector, device), dataset.samples, side);
  detector.dispose();
  return {
    ...{ split: dataset.split, scored: new Date().toISOString(), weights, side, imagesPerSecond },
    detections: found.map(({ id, boxes, scores, labels }) => ({
      id,
      boxes: [...boxes],
      scores: [...scores],
      labels: [...labels],
    })),
  };
}
