// Reads the result of a finished run.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../errors.js";
import type { DetectorConfig, Quantizer } from "../models/index.js";
import { parseResults } from "../report/htmlRun.js";
import type { DetectorCost } from "../report/summary.js";
import type { StageName } from "../train/plan.js";
import { metricsFile, recipeFile, resultsFile, weightFiles } from "../train/runFiles.js";
import { readSettings } from "../train/runFolder.js";

export interface RunResult {
  stage: StageName;
  /** The last stage's best weights on val. */
  weights: string;
  /** AP50 on val by the VOC protocol, 0..1. */
  val: number;
  bestEpoch: number;
  epochs: number;
  /** Number of training images; null if the run does not say. */
  images: number | null;
  /** Wall time of its epochs per training image, without evaluation: for ratios. */
  trainingSeconds: number;
  /** Mean over the epochs. */
  imagesPerSecond: number;
  quantizer: Quantizer;
  config: DetectorConfig;
  /** The device and number of threads. */
  machine: string;
  /** Match ratio over the objects in val, and over entries where either map is nonzero. */
  match: number | null;
  matchActive: number | null;
  /** Mimic against detection gradients at the map, in the epoch of the weights. */
  gradientRatio: number | null;
  cost: DetectorCost;
}

/** Pictures and report are written after the metrics; tables need neither. */
export const isFinished = (folder: string): boolean => existsSync(metricsFile(folder));

/** @throws InputError if the folder's files are not those of a finished run */
export function readRun(folder: string): RunResult {
  const path = metricsFile(folder);
  try {
    const { stages, cost, images } = JSON.parse(readFileSync(path, "utf8"));
    const { stage, val, bestEpoch, quantizer, config, match, matchActive, gradientRatio } = stages.at(-1);
    const speeds = speedsOf(resultsFile(join(folder, stage)));
    return {
      ...{ stage, val, bestEpoch, quantizer, config, match, matchActive, gradientRatio, cost },
      machine: machineOf(folder),
      // Use the folder's current location: it may have been moved.
      weights: weightFiles(join(folder, stage)).best,
      images: images?.train ?? null,
      epochs: speeds.length,
      trainingSeconds: speeds.reduce((sum, speed) => sum + 1 / speed, 0),
      imagesPerSecond: speeds.reduce((sum, speed) => sum + speed, 0) / speeds.length,
    };
  } catch (error) {
    throw new InputError(`${path}: not from a finished run: ${(error as Error).message}`);
  }
}

function machineOf(folder: string): string {
  const path = recipeFile(folder);
  const { device, threads } = readSettings(readFileSync(path, "utf8"), path);
  return `device ${device} and ${threads} ${threads === 1 ? "thread" : "threads"}`;
}

function speedsOf(path: string): number[] {
  const speeds = parseResults(readFileSync(path, "utf8")).map(({ imagesPerSecond }) => imagesPerSecond);
  if (speeds.length > 0 && speeds.every(Number.isFinite)) return speeds;
  throw new Error(`${path} has no column imagesPerSecond, or no epoch`);
}
