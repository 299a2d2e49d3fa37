// The files of a run folder, by name: the run's own, and in one folder per stage those of its training.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { STAGES } from "./plan.js";

export const recipeFile = (run: string): string => join(run, "recipe.yaml");
export const metricsFile = (run: string): string => join(run, "metrics.json");
/** Locked while a process trains the run. */
export const lockFile = (run: string): string => join(run, ".lock");

/** Locked while a process scores the run for a table. */
export const scoreLockFile = (run: string): string => join(run, ".score.lock");

export const picturesFolder = (run: string): string => join(run, "pictures");

/** The run's folder and all folders in it, whether or not they exist. */
export const foldersOf = (run: string): string[] => [
  run,
  picturesFolder(run),
  ...STAGES.flatMap((stage) => [join(run, stage), weightsFolder(join(run, stage))]),
];

/** One row per epoch. */
export const resultsFile = (stage: string): string => join(stage, "results.csv");

export const weightsFolder = (stage: string): string => join(stage, "weights");

/** The weights of the best and of the last epoch, and all that is needed to resume. */
export const weightFiles = (stage: string): { best: string; last: string; state: string } => {
  const file = (name: string): string => join(weightsFolder(stage), `${name}.safetensors`);
  return { best: file("best"), last: file("last"), state: file("state") };
};

/** The deepest files are those of export/finetuned/<stage>/weights. */
const DEPTH = 5;

/** The run folder of a weights file or an exported file; undefined if it is not in one. */
export function runFolderOf(path: string): string | undefined {
  // Not dirname, which never leaves the current directory.
  let folder = path;
  for (let i = 0; i < DEPTH; i++) {
    folder = join(folder, "..");
    if (isRun(folder)) return folder;
  }
  return undefined;
}

/** Recipes that people write may also be named recipe.yaml, but there are no stages next to them. */
export const isRun = (folder: string): boolean =>
  existsSync(recipeFile(folder)) && STAGES.some((stage) => existsSync(join(folder, stage)));
