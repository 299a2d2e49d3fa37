// What is said of a run before and while it trains: its stages and how long they take, and a report that is written anew.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { SampleDetections } from "../eval/detect.js";
import { writeRunReport } from "../report/html.js";
import { writeRunPictures } from "../report/runPictures.js";
import { estimateTimes } from "../train/estimate.js";
import type { StageName } from "../train/plan.js";
import type { Recipe } from "../train/recipe.js";
import { storedRows } from "../train/results.js";
import type { Split, Splits } from "../train/splits.js";
import type { StageReport } from "../train/stages.js";
import { weightsOf } from "../train/trainer.js";
import { say } from "./output.js";
import { clock } from "./progress.js";

const PURPOSES: Record<StageName, string> = {
  teacher: "a larger detector, for the student to learn from",
  "quantized-teacher": "its last feature map rounded to few values, which a small student can reproduce",
  student: "the detector that is wanted",
};

/** Prints the stages, what each is for, and about how long it takes. */
export async function sayPlan(recipe: Recipe, splits: Splits, folder: string): Promise<void> {
  const done = (stage: StageName): number => {
    const { state } = weightsOf(join(folder, stage));
    return existsSync(state) ? storedRows(state).length : 0;
  };
  const times = await estimateTimes(recipe, splits, done);
  say("");
  for (const { stage, network, epochs, seconds } of times) {
    const what = `${network}, ${epochs} epochs`;
    say(`${stage.padEnd(18)} about ${clock(seconds).padStart(5)}  ${what.padEnd(24)} ${PURPOSES[stage]}`);
  }
  const all = times.reduce((sum, { seconds }) => sum + seconds, 0);
  if (times.length > 1) say(`${"in all".padEnd(18)} about ${clock(all).padStart(5)}`);
}

/** Between two reports of a run that is being trained: they take a second or so. */
const REPORT_MS = 20_000;

/** A report that also writes report.html and pictures anew when the detector was evaluated, but not all the time. */
export function withInterimReport(report: StageReport, folder: string, { dataset }: Split): StageReport {
  let written = performance.now();
  const write = async (found: readonly SampleDetections[]): Promise<void> => {
    if (performance.now() - written < REPORT_MS) return;
    await writeRunPictures(found, dataset, folder);
    await writeRunReport(folder);
    written = performance.now();
  };
  return {
    ...report,
    async epoch(row, found) {
      await report.epoch(row, found);
      if (found !== null) await write(found);
    },
  };
}
