// What a finished run of a table has come to.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../errors.js";
import type { DetectorConfig, Quantizer } from "../models/index.js";
import { parseResults } from "../report/htmlRun.js";
import type { DetectorCost } from "../report/summary.js";
import type { StageName } from "../train/plan.js";

/** The last file that a run writes. */
const METRICS = "metrics.json";

export interface RunResult {
  stage: StageName;
  /** The best weights of the last stage, by the val split. */
  weights: string;
  /** AP50 on val by the VOC protocol, 0..1. */
  val: number;
  bestEpoch: number;
  epochs: number;
  /** Images of the training split that it was trained on; null: the run does not say. */
  images: number | null;
  /** Wall time of its epochs, evaluation apart, a training image: of use in ratios. */
  trainingSeconds: number;
  /** Mean over the epochs. */
  imagesPerSecond: number;
  quantizer: Quantizer;
  config: DetectorConfig;
  /** Match ratio over the objects of val, and over entries where either map is not 0. */
  match: number | null;
  matchActive: number | null;
  /** Mimicry's gradient against the task's at the map, in the epoch of the weights. */
  gradientRatio: number | null;
  cost: DetectorCost;
}

export const isFinished = (folder: string): boolean => existsSync(join(folder, METRICS));

/** @throws InputError for a folder whose files are not those of a finished run */
export function readRun(folder: string): RunResult {
  const path = join(folder, METRICS);
  try {
    const { stages, cost, images } = JSON.parse(readFileSync(path, "utf8"));
    const { stage, val, bestEpoch, quantizer, config, match, matchActive, gradientRatio } = stages.at(-1);
    const speeds = speedsOf(join(folder, stage, "results.csv"));
    return {
      ...{ stage, val, bestEpoch, quantizer, config, match, matchActive, gradientRatio, cost },
      // Where the folder lies now: it may have been moved.
      weights: join(folder, stage, "weights", "best.safetensors"),
      images: images?.train ?? null,
      epochs: speeds.length,
      trainingSeconds: speeds.reduce((sum, speed) => sum + 1 / speed, 0),
      imagesPerSecond: speeds.reduce((sum, speed) => sum + speed, 0) / speeds.length,
    };
  } catch (error) {
    throw new InputError(`${path}: not what a finished run leaves: ${(error as Error).message}`);
  }
}

function speedsOf(path: string): number[] {
  const speeds = parseResults(readFileSync(path, "utf8")).map(({ imagesPerSecond }) => imagesPerSecond);
  if (speeds.length > 0 && speeds.every(Number.isFinite)) return speeds;
  throw new Error(`${path} has no column imagesPerSecond, or no epoch`);
}
