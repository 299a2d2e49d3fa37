// qmimic export --finetune: weights that are trained to be rounded, beside the files that are made of them.
import { basename, dirname, join } from "node:path";
import { writeFolderAtomic } from "../files.js";
import { type FineTuned, fineTuneRounded } from "../train/fineTune.js";
import { openRunFolder } from "../train/runFolder.js";
import { decodeAll, openSplits } from "../train/splits.js";
import { loadDetector, readThresholds } from "../train/weights.js";
import { createCounter } from "./counter.js";
import type { Source } from "./exportFormats.js";
import { say } from "./output.js";
import { createProgress } from "./progress.js";

export interface FineTuneSettings {
  /** The run folder, and its weights that are exported. */
  run: string;
  path: string;
  epochs: number;
  device: string;
  /** Where the folder `finetuned` is made; never one that is there. */
  out: string;
}

/** Trains on the run's own data by its recipe. @returns undefined where the weights are better as they are */
export async function fineTune({
  run,
  path,
  epochs,
  device,
  out,
}: FineTuneSettings): Promise<Source | undefined> {
  const progress = createProgress({ "fine-tuning": epochs });
  const recipe = { ...(await openRunFolder(run)), device };
  const counter = createCounter("images decoded");
  const splits = await openSplits(recipe, progress.say, counter.update);
  await decodeAll([splits.train, splits.val], counter.update);
  counter.end();
  // As in a run, so that the folder can be given to other commands.
  const stage = basename(dirname(dirname(path)));
  const detector = loadDetector(path, device);
  progress.stage("fine-tuning", detector);
  let result: FineTuned | undefined;
  const folder = await writeFolderAtomic(join(out, "finetuned"), async (temporary) => {
    const task = { detector, recipe, epochs, splits, report: progress };
    result = await fineTuneRounded({ ...task, folder: join(temporary, stage) });
  });
  detector.dispose();
  const { before, after, epoch } = result!;
  const tuned = join(folder, stage, "weights", "best.safetensors");
  say(
    `\nwith weights of eight bits, on val: AP50 ${percent(before)} before, ${percent(after)} after (epoch ${epoch})  ${tuned}`,
  );
  if (after > before) return { detector: loadDetector(tuned, device), thresholds: readThresholds(tuned) };
  say("That is no gain: the files are made of the run's own weights.");
  return undefined;
}

const percent = (ap: number): string => (100 * ap).toFixed(2);
