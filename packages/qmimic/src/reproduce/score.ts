// Scores a finished run on a split, once: detections are stored in the run's folder, with date and weights.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { contentHash, hashImages } from "../data/contentHashes.js";
import { type DataFolder, openData, readSplit } from "../data/dataset.js";
import { RUNS_LOCK_REMEDY, withLock } from "../data/lock.js";
import { likeTrain, readTrainVal } from "../data/trainVal.js";
import type { Dataset } from "../data/types.js";
import { InputError, reasonOf } from "../errors.js";
import { type CocoMatches, matchCoco } from "../eval/coco.js";
import { detectTimed, detectWith, evaluationInputs } from "../eval/detect.js";
import { type Evaluation, evaluate } from "../eval/evaluation.js";
import { fromStored, storedDetections, toStored } from "../eval/storedDetections.js";
import { readText, writeFileAtomic } from "../files.js";
import type { Recipe } from "../train/recipe.js";
import { scoreLockFile } from "../train/runFiles.js";
import { weightsHash } from "../train/runWeights.js";
import { readOptions } from "../train/splits.js";
import { loadDetector } from "../train/weights.js";
import { readResult } from "./runResult.js";

/** A run's detections in a split, and their scores. */
export interface Score {
  split: string;
  /** When: ISO 8601. */
  scored: string;
  /** The weights' hash, see weightsHash; in older scores, of the whole file. */
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
const storedSchema = z.object({
  split: z.string(),
  scored: z.string(),
  weights: z.string(),
  side: z.number(),
  imagesPerSecond: z.number(),
  /** In the order of the labels. This and the next are missing in older scores. */
  classes: z.array(z.string()).optional(),
  /** See ScoredSplit. */
  imagesHash: z.string().optional(),
  detections: z.array(storedDetections),
});
type StoredScore = z.infer<typeof storedSchema>;

/** A split to score runs on. */
export interface ScoredSplit {
  dataset: Dataset;
  /** SHA-256 of the ids and the bytes of its images. */
  imagesHash: string;
}

/** A split with the labels of a recipe's runs, read once. @throws InputError if there is no such split */
export async function readScored(recipe: Recipe, split: string): Promise<ScoredSplit> {
  const dataset = await readLike(recipe, split);
  const hash = await hashImages(createHash("sha256"), dataset.samples, recipe.cache);
  return { dataset, imagesHash: hash.digest("hex") };
}

/** The split, with the classes of the split that the runs were trained on. */
async function readLike(recipe: Recipe, split: string): Promise<Dataset> {
  const folder: DataFolder = await openData(recipe.data, recipe);
  const options = await readOptions(folder, recipe);
  if (split === recipe.valSplit) return (await readTrainVal(folder, recipe, options)).val;
  const train = await readSplit(folder, recipe.trainSplit, options);
  return readSplit(folder, split, likeTrain(options, train));
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
 * @throws InputError if the stored score is from other weights, images or classes
 */
export async function scoreRun(folder: string, split: ScoredSplit, options: ScoreOptions): Promise<Score> {
  const { weights: path } = readResult(folder);
  const { dataset, imagesHash } = split;
  const { side } = options;
  const file = join(folder, `score-${dataset.split}${side === undefined ? "" : `-${side}`}.json`);
  const detectOnce = async (): Promise<StoredScore> => {
    if (existsSync(file)) return readStored(file);
    const detected = await detectSplit(path, split, options);
    await writeFileAtomic(file, JSON.stringify(detected));
    return detected;
  };
  const stored = existsSync(file)
    ? await readStored(file)
    : await withLock(scoreLockFile(folder), options.waiting, detectOnce, RUNS_LOCK_REMEDY);
  const refuse = (from: string): never => {
    throw new InputError(`${file}: this score is from ${from}. Remove it to score again.`);
  };
  if (stored.weights !== weightsHash(path) && stored.weights !== contentHash(path))
    refuse(`other weights than ${path}`);
  const { detections, classes, imagesHash: ofImages, ...score } = stored;
  if (ofImages !== undefined && ofImages !== imagesHash) refuse("other images than the split has now");
  if (classes !== undefined && classes.join("\n") !== dataset.classes.join("\n"))
    refuse(`the classes ${classes.join(", ")}, but the data have ${dataset.classes.join(", ")}`);
  const found = detections.map(fromStored);
  if (found.length !== dataset.samples.length || found.some(({ id }, i) => id !== dataset.samples[i].id))
    refuse("other images than the split has now");
  const inputs = evaluationInputs(dataset, found);
  const matches = matchCoco(inputs.groundTruths, inputs.detections, dataset.classes);
  const { confusion: _, ...evaluation } = evaluate(dataset, found, { iou: 0.5, pixelInclusive: false });
  return { ...score, evaluation, matches, images: dataset.samples.length };
}

async function readStored(file: string): Promise<StoredScore> {
  try {
    return storedSchema.parse(JSON.parse(await readText(file)));
  } catch (error) {
    throw new InputError(`${file}: not a stored score: ${reasonOf(error)}. Remove it to score again.`);
  }
}

async function detectSplit(
  path: string,
  { dataset, imagesHash }: ScoredSplit,
  { device, side: wanted }: ScoreOptions,
): Promise<StoredScore> {
  const detector = loadDetector(path, device, wanted === undefined ? {} : { side: wanted });
  const { side, classes } = detector.config;
  if (classes.join("\n") !== dataset.classes.join("\n"))
    throw new InputError(`${path}: the detector's classes differ from the data's`);
  const { found, imagesPerSecond } = await detectTimed(detectWith(detector, device), dataset.samples, side);
  detector.dispose();
  return {
    split: dataset.split,
    scored: new Date().toISOString(),
    weights: weightsHash(path),
    ...{ side, imagesPerSecond, classes, imagesHash },
    detections: found.map(toStored),
  };
}
