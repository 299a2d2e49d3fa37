// What the user sees before and during a run: its stages with estimated times, and an interim report.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { releaseMemory } from "@qmimic/torch";
import { InputError } from "../errors.js";
import type { SampleDetections } from "../eval/detect.js";
import { createDetector, multiplyAdds, widthOfCost } from "../models/index.js";
import { writeRunReport } from "../report/html.js";
import { writeRunPictures } from "../report/runPictures.js";
import { estimateTimes } from "../train/estimate.js";
import { detectorConfig } from "../train/networks.js";
import type { StageName } from "../train/plan.js";
import { suitableStride } from "../train/quick.js";
import { isWeightsFile, type Recipe } from "../train/recipe.js";
import { storedRows } from "../train/results.js";
import { weightFiles } from "../train/runFiles.js";
import type { Split, Splits } from "../train/splits.js";
import type { StageReport } from "../train/stages.js";
import { say } from "./output.js";
import { clock } from "./progress.js";

const PURPOSES: Record<StageName, string> = {
  teacher: "a larger detector that the student learns from",
  "quantized-teacher":
    "the teacher with its feature map rounded to few values, which a small student can reproduce",
  student: "the small detector you want",
};

/** Prints the stages, the purpose of each, and its estimated time. */
export async function sayPlan(recipe: Recipe, splits: Splits, folder: string): Promise<void> {
  const done = (stage: StageName): number => {
    const { state } = weightFiles(join(folder, stage));
    return existsSync(state) ? storedRows(state).length : 0;
  };
  const times = await estimateTimes(recipe, splits, done);
  say("");
  for (const { stage, network, epochs, seconds } of times) {
    const what = `${network}, ${epochs} epochs`;
    say(`${stage.padEnd(18)} about ${clock(seconds).padStart(5)}  ${what.padEnd(24)} ${PURPOSES[stage]}`);
  }
  const all = times.reduce((sum, { seconds }) => sum + seconds, 0);
  if (times.length > 1) say(`${"total".padEnd(18)} about ${clock(all).padStart(5)}`);
  const stride = suitableStride(splits.train.dataset.samples, recipe.side);
  // Weights from elsewhere have a stride of their own.
  const free = recipe.from === "" && !isWeightsFile(recipe.teacher);
  if (free && recipe.outputStride < stride && times.every(({ stage }) => done(stage) === 0))
    say(
      `the objects are large enough for --output-stride ${stride}, which trains faster: compare both on val`,
    );
  const width = otherWidth(recipe, splits);
  if (width !== undefined && times.some(({ stage }) => stage === "student")) say(width);
}

/**
 * The width at which a student with other convolutions costs as much as a plain one; undefined if it already
 * does.
 */
function otherWidth(recipe: Recipe, { train }: Splits): string | undefined {
  const { convolution, student } = recipe;
  if (convolution === "plain") return;
  const configOf = (network: string) => detectorConfig(recipe, network, train);
  const [chosen, plain] = [recipe, { ...recipe, convolution: "plain" } as const].map((variant) => {
    const detector = createDetector(detectorConfig(variant, student, train), () => 0.5);
    const cost = multiplyAdds(detector);
    detector.dispose();
    return cost;
  });
  const cost = (adds: number) => `${(adds / 1e6).toFixed(0)} million multiply-adds`;
  try {
    const equal = widthOfCost(plain, student, configOf);
    return equal.backbone === student
      ? undefined
      : `${convolution} ${student} has ${cost(chosen)}, plain ${cost(plain)}; ${convolution} ${equal.backbone} has ${cost(equal.multiplyAdds)}`;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}

/** Minimum time between interim reports: each takes about a second. */
const REPORT_MS = 20_000;

/** A report that also updates report.html and pictures after an evaluation, but not too often. */
export function withInterimReport(report: StageReport, folder: string, { dataset }: Split): StageReport {
  let written = performance.now();
  const write = async (found: readonly SampleDetections[]): Promise<void> => {
    if (performance.now() - written < REPORT_MS) return;
    await writeRunPictures(found, dataset, folder);
    await writeRunReport(folder);
    releaseMemory(); // Each of the threads that drew has a heap of its own.
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
