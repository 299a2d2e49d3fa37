// qmimic train: from labelled photographs to a detector, stage by stage.
import { join } from "node:path";
import type { Command } from "commander";
import { InputError } from "../errors.js";
import { detectSamples, detectWith } from "../eval/detect.js";
import { bestThresholds, evaluate } from "../eval/evaluation.js";
import { writeFileAtomic } from "../files.js";
import { chromeTrace, profiled, profileTable } from "../profile.js";
import { classMap } from "../report/classMap.js";
import { writeRunReport } from "../report/html.js";
import { writeRunPictures } from "../report/runPictures.js";
import { detectorCost } from "../report/summary.js";
import { teacherAdvice } from "../train/advice.js";
import type { Recipe } from "../train/recipe.js";
import { createRunFolder, lockRunFolder, openRunFolder } from "../train/runFolder.js";
import { prepareRun } from "../train/splits.js";
import { runStages, type StageResult } from "../train/stages.js";
import { loadDetector, storeThresholds } from "../train/weights.js";
import { createCounter } from "./counter.js";
import { createProgress } from "./progress.js";
import { addRecipeFlags, recipeFrom } from "./recipeFlags.js";

export function addTrain(program: Command): void {
  const command = program
    .command("train [recipe]")
    .description("train a detector: teacher, quantized teacher, student")
    .option("--resume <run>", "resume the run in this folder (its recipe is used, no other flag)")
    .option("--profile", "show where the time of a step goes, and write a Chrome trace to the run folder");
  addRecipeFlags(command);
  command.action(async (file: string | undefined, flags: Record<string, unknown>) => {
    const { resume, profile = false, ...settings } = flags as { resume?: string; profile?: boolean };
    if (
      resume !== undefined &&
      (file !== undefined || Object.values(settings).some((one) => one !== undefined))
    ) {
      throw new InputError(
        "--resume: the run's own recipe is used; no recipe file and no other flag but --profile go with it",
      );
    }
    const recipe = resume === undefined ? await recipeFrom(file, settings) : await openRunFolder(resume);
    await train(recipe, resume, profile);
  });
}

async function train(recipe: Recipe, resume: string | undefined, profile: boolean): Promise<void> {
  // Locked until this process ends.
  if (resume !== undefined) lockRunFolder(resume);
  const progress = createProgress({
    teacher: recipe.teacherEpochs,
    "quantized-teacher": recipe.quantizedEpochs,
    student: recipe.epochs,
  });
  // The data first: what is wrong with it is said before there is a run folder.
  const counter = createCounter("images decoded");
  const splits = await prepareRun(recipe, counter.update, (text) => {
    counter.end();
    progress.say(text);
  });
  counter.end();
  console.log(classMap([splits.train.dataset, splits.val.dataset]));
  const folder = resume ?? (await createRunFolder(recipe));
  if (resume === undefined) lockRunFolder(folder);
  console.log(`run folder: ${folder}`);
  const run = () => runStages(recipe, folder, progress, splits);
  const stages = profile ? await withProfile(run, folder) : await run();
  if (profile) for (const stage of stages) printBalance(stage);
  // prepareRun has refused recipes that leave nothing to do.
  const last = stages[stages.length - 1];
  const measured = stages.map((stage) => {
    const detector = loadDetector(stage.weights, recipe.device);
    const { config } = detector;
    const cost = detectorCost(detector);
    detector.dispose();
    return { ...stage, config, cost };
  });
  const detector = loadDetector(last.weights, recipe.device);
  const { dataset, store } = splits.val;
  const found = await detectSamples(detectWith(detector, recipe.device), dataset.samples, store);
  const evaluation = evaluate(dataset, found);
  storeThresholds(last.weights, bestThresholds(evaluation));
  const metrics = {
    stages: measured,
    weights: last.weights,
    valAp50: last.val,
    cost: measured[measured.length - 1].cost,
    evaluation,
  };
  await writeFileAtomic(join(folder, "metrics.json"), `${JSON.stringify(metrics, null, 2)}\n`);
  const { overview } = await writeRunPictures(found, dataset, folder);
  const report = await writeRunReport(folder);
  console.log("");
  for (const { stage, val, bestEpoch } of stages) {
    console.log(`${stage.padEnd(18)} val AP50 ${(100 * val).toFixed(1)} (epoch ${bestEpoch})`);
  }
  const advice = teacherAdvice(stages);
  if (advice !== undefined) console.log(`\n${advice}`);
  console.log(
    `\nweights   ${last.weights}\nmetrics   ${join(folder, "metrics.json")}\npictures  ${overview}\nreport    ${report}`,
  );
}

/** What lambda does, for choosing it. */
function printBalance({ gradientRatio, gradientCosine }: StageResult): void {
  if (gradientRatio === null || gradientCosine === null) return;
  const [ratio, cosine] = [gradientRatio, gradientCosine].map((value) => value.toFixed(2));
  console.log(
    `gradients at the feature map: mimicry's ${ratio} times the detection losses', cosine of the angle ${cosine}`,
  );
}

/** Runs `body`, prints where the time of its steps went, and writes the trace into `folder`. */
async function withProfile<T>(body: () => Promise<T>, folder: string): Promise<T> {
  const { result, profile } = await profiled(body);
  const path = join(folder, "trace.json");
  await writeFileAtomic(path, chromeTrace(profile));
  console.log(`\n${profileTable(profile)}\ntrace: ${path} (for chrome://tracing or ui.perfetto.dev)`);
  return result;
}
