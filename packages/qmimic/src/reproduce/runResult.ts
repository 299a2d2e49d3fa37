// Reads the result of a finished run.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { InputError, reasonOf } from "../errors.js";
import { type DetectorConfig, parseConfig, type Quantizer } from "../models/index.js";
import { costSchema, parseResults, stageSchema } from "../report/htmlRun.js";
import type { DetectorCost } from "../report/summary.js";
import { metricsFile, resultsFile, weightFiles } from "../train/runFiles.js";
import { settingsOfRun } from "../train/runFolder.js";

export interface RunResult {
  /** The last stage's best weights on val. */
  weights: string;
  /** AP50 on val by the VOC protocol, 0..1. */
  val: number;
  epochs: number;
  /** Number of training images; null if the run does not say. */
  images: number | null;
  /** Wall time of all its epochs for one training image, without evaluation: for ratios. */
  secondsPerImage: number;
  /** Mean over the epochs. */
  imagesPerSecond: number;
  quantizer: Quantizer;
  config: DetectorConfig;
  /** The device, the number of threads, and the processor. */
  machine: string;
  /** Match ratio over the objects in val, and over entries where either map is nonzero. */
  match: number | null;
  matchActive: number | null;
  cost: DetectorCost;
}

/** What tables need of metrics.json. */
const metricsSchema = z.object({
  stages: z.array(stageSchema.extend({ val: z.number() })).min(1),
  cost: costSchema,
  images: z.object({ train: z.number() }).optional(),
  /** Missing in runs of older versions. */
  processor: z.string().default("an unknown processor"),
});

/** Pictures and report are written after the metrics; tables need neither. */
export const isFinished = (folder: string): boolean => existsSync(metricsFile(folder));

/** @throws InputError if the folder's files are not those of a finished run */
export function readResult(folder: string): RunResult {
  const path = metricsFile(folder);
  try {
    const metrics = metricsSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    const { stages, cost, images, processor } = metrics;
    const { stage, val, quantizer, config, match, matchActive } = stages[stages.length - 1];
    const speeds = speedsOf(resultsFile(join(folder, stage)));
    return {
      ...{ val, quantizer, config: parseConfig(config), match, matchActive, cost },
      machine: `${machineOf(folder)}, ${processor}`,
      // Use the folder's current location: it may have been moved.
      weights: weightFiles(join(folder, stage)).best,
      images: images?.train ?? null,
      epochs: speeds.length,
      secondsPerImage: speeds.reduce((sum, speed) => sum + 1 / speed, 0),
      imagesPerSecond: speeds.reduce((sum, speed) => sum + speed, 0) / speeds.length,
    };
  } catch (error) {
    throw new InputError(`${path}: not from a finished run of this version: ${reasonOf(error)}`);
  }
}

function machineOf(folder: string): string {
  const { device, threads } = settingsOfRun(folder);
  return `device ${device}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
}

function speedsOf(path: string): number[] {
  const speeds = parseResults(readFileSync(path, "utf8")).map(({ imagesPerSecond }) => imagesPerSecond);
  if (speeds.length > 0 && speeds.every(Number.isFinite)) return speeds;
  throw new Error(`${path} has no column imagesPerSecond, or no epoch`);
}
