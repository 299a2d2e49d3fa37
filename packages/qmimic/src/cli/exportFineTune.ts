// qmimic export --finetune: fine-tunes weights for rounding, and keeps them next to the files exported from
// them.
import { basename, dirname, join } from "node:path";
import type { Comparison } from "../export/comparison.js";
import { writeFolderAtomic } from "../files.js";
import { type FineTuned, fineTuneRounded } from "../train/fineTune.js";
import { stageRecipe } from "../train/recipe.js";
import { divisionFor } from "../train/runData.js";
import { weightFiles } from "../train/runFiles.js";
import { readRunRecipe } from "../train/runFolder.js";
import { decodeAll, openSplits } from "../train/splits.js";
import { loadDetector, readThresholds } from "../train/weights.js";
import { createCounter } from "./counter.js";
import type { Source } from "./exportFormats.js";
import { say } from "./output.js";
import { createProgress } from "./progress.js";

export interface FineTuneSettings {
  /** The run folder, and which of its weights to export. */
  run: string;
  path: string;
  epochs: number;
  device: string;
  /** Parent of the folder `finetuned`; an existing one is never reused. */
  out: string;
}

/**
 * Trains on the run's labelled images with its recipe, at the input size of these weights.
 * @returns undefined if fine-tuning did not help
 */
export async function fineTune({
  run,
  path,
  epochs,
  device,
  out,
}: FineTuneSettings): Promise<Source | undefined> {
  const progress = createProgress({ "fine-tuning": epochs });
  // As in a run, so that other commands accept the folder.
  const stage = basename(dirname(dirname(path)));
  const recipe = { ...stageRecipe(await readRunRecipe(run), stage), device, unlabelled: "" };
  const counter = createCounter("images decoded");
  const splits = await openSplits(recipe, progress.say, counter.update, await divisionFor(path));
  await decodeAll([splits.train, splits.val], counter.update);
  counter.end();
  const detector = loadDetector(path, device);
  progress.stage("fine-tuning", detector);
  let result: FineTuned | undefined;
  const folder = await writeFolderAtomic(join(out, "finetuned"), async (temporary) => {
    const task = { detector, recipe, epochs, splits, report: progress };
    result = await fineTuneRounded({ ...task, folder: join(temporary, stage) });
  });
  detector.dispose();
  const { before, after, epoch } = result!;
  const tuned = weightFiles(join(folder, stage)).best;
  say(
    `\nwith int8 weights, on val: AP50 ${percent(before)} before, ${percent(after)} after (epoch ${epoch})  ${tuned}`,
  );
  if (after > before) return { detector: loadDetector(tuned), thresholds: readThresholds(tuned) };
  say("Fine-tuning did not help: the files use the run's weights.");
  return undefined;
}

/** AP that rounding may cost without a note. */
const WORTH_TUNING = 0.005;

/**
 * What to do about AP that rounding costs, for each comparison in turn.
 * @param possible whether --finetune can be used
 * @param calibrated whether int8 rounds maps too, if it can
 */
export function createAdvice(
  possible: boolean,
  calibrated: boolean,
): (name: string, result: Pick<Comparison, "trainedAp" | "exportedAp">) => string | undefined {
  let compared = !possible;
  return (name, { trainedAp, exportedAp }) => {
    if (compared || (name !== "int8" && name !== "c-int8")) return undefined;
    // What c-int8 costs more than int8 is due to its maps.
    compared = true;
    if (!(trainedAp - exportedAp > WORTH_TUNING)) return undefined;
    const text = "--finetune 2 trains two epochs with rounded weights, which may recover";
    if (name === "c-int8") return `${text} part of that: maps are not rounded in training`;
    return calibrated ? `${text} that; with --calibration 0, only weights are rounded` : `${text} that`;
  };
}

const percent = (ap: number): string => (100 * ap).toFixed(2);
