// qmimic train: from labelled images to a detector, stage by stage.
import { cpus } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { findSplit, openData, readSplit } from "../data/dataset.js";
import { counted } from "../data/problems.js";
import { explain, InputError } from "../errors.js";
import { detectSamples, detectWith } from "../eval/detect.js";
import { bestThresholds, evaluate } from "../eval/evaluation.js";
import { removeTemporary, writeFileAtomic } from "../files.js";
import { kebab } from "../models/index.js";
import { endAtSecondSignal } from "../native/signals.js";
import { chromeTrace, profiled, profileTable } from "../profile.js";
import { classMap } from "../report/classMap.js";
import { writeRunReport } from "../report/html.js";
import { writeRunPictures } from "../report/runPictures.js";
import { detectorCost } from "../report/summary.js";
import { resumeCommand, shellWord } from "../shell.js";
import { teacherAdvice } from "../train/advice.js";
import { prepareRun } from "../train/prepare.js";
import { quickSettings } from "../train/quick.js";
import type { Recipe } from "../train/recipe.js";
import { compareData } from "../train/runData.js";
import { foldersOf, metricsFile } from "../train/runFiles.js";
import {
  createRunFolder,
  lockRunFolder,
  moveData,
  openRunFolder,
  requireRunFolder,
} from "../train/runFolder.js";
import { compareWeightsUsed } from "../train/runWeights.js";
import { forTeacher, readOptions, type Splits } from "../train/splits.js";
import { runStages, type StageReport, type StageResult } from "../train/stages.js";
import { adoptNetworks } from "../train/start.js";
import { loadDetector, storeThresholds } from "../train/weights.js";
import { createCounter } from "./counter.js";
import { whenInterrupted } from "./interrupt.js";
import { complain, say } from "./output.js";
import { createProgress } from "./progress.js";
import { addRecipeFlags, recipeFrom } from "./recipeFlags.js";
import { sayPlan, withInterimReport } from "./trainPlan.js";

interface TrainFlags extends Record<string, unknown> {
  resume?: string;
  profile?: boolean;
  quick?: boolean;
  data?: string;
  unlabelled?: string;
}

export function addTrain(program: Command): void {
  const command = program
    .command("train [recipe]")
    .description("train a detector: teacher, quantized teacher, student")
    .option(
      "--resume <run>",
      "resume the run in this folder with its recipe and data; use --data and --unlabelled if its folders have moved",
    )
    .option(
      "--quick",
      "train a first detector in minutes: only a student, with settings chosen from the data; other flags override them",
    )
    .option(
      "--profile",
      "show the time spent in each part of a step, and write a Chrome trace to the run folder",
    );
  addRecipeFlags(command);
  command.action(async (file: string | undefined, flags: Record<string, unknown>) => {
    const { resume, profile = false, quick = false, ...settings } = flags as TrainFlags;
    if (resume === undefined) {
      const recipe = await (quick ? quickRecipe : recipeFrom)(file, settings);
      return train(adoptNetworks(recipe, say), { profile });
    }
    const { data, unlabelled, ...others } = settings;
    if (file !== undefined || quick || Object.values(others).some((flag) => flag !== undefined)) {
      throw new InputError(
        "--resume uses the run's recipe: it takes no recipe file, and no flags other than --data, --unlabelled (if folders have moved) and --profile",
      );
    }
    const recipe = await openRunFolder(resume);
    const places = defined({ data, unlabelled });
    const moved = Object.keys(places).length > 0;
    await train({ ...recipe, ...places }, { resume, profile, moved });
  });
}

/** The recipe with --quick's settings, chosen from the training split; flags override them. */
async function quickRecipe(file: string | undefined, flags: Record<string, unknown>): Promise<Recipe> {
  const recipe = await recipeFrom(file, flags);
  if (recipe.data === "") throw new InputError("no data folder given; pass --data DIR");
  const folder = await openData(recipe.data, recipe);
  const split = findSplit(folder, recipe.trainSplit);
  const { samples } = await readSplit(folder, split, await readOptions(folder, recipe));
  const chosen = quickSettings(samples, recipe.side);
  const listed = Object.entries(chosen).map(([key, value]) => `${kebab(key)} ${value}`);
  say(
    `quick, for ${counted(samples.length, "image")}: ${listed.join(", ")}. Without --quick, a teacher is trained too.`,
  );
  return recipeFrom(file, { ...chosen, ...defined(flags) });
}

const defined = (flags: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));

interface TrainOptions {
  /** The run's folder. */
  resume?: string;
  profile: boolean;
  /** Whether a flag says that the resumed run's data has moved. */
  moved?: boolean;
}

async function train(recipe: Recipe, { resume, profile, moved = false }: TrainOptions): Promise<void> {
  // Locked until this process ends.
  if (resume !== undefined) lockRunFolder(resume);
  whenInterrupted(() => (resume === undefined ? "nothing was written" : howToResume(resume)));
  const progress = createProgress({
    teacher: recipe.teacherEpochs,
    "quantized-teacher": recipe.quantizedEpochs,
    student: recipe.epochs,
  });
  if (resume !== undefined) await compareWeightsUsed(resume, recipe);
  else await requireRunFolder(recipe);
  // Data first: its problems are reported before a run folder is created.
  const counter = createCounter("images decoded");
  const splits = await prepareRun(recipe, counter.update, (text) => {
    counter.end();
    progress.say(text);
  });
  counter.end();
  // Until here nothing native ran for long: the first signal ended the process at once.
  endAtSecondSignal();
  say(classMap([splits.train.dataset, splits.val.dataset]));
  const folder = resume ?? (await createRunFolder(recipe, splits));
  if (resume === undefined) lockRunFolder(folder);
  else await checkData(resume, splits, moved);
  if (moved) await moveData(folder, recipe);
  whenInterrupted(() => howToResume(folder));
  say(`run folder: ${folder}`);
  try {
    await trainIn(folder, recipe, { progress, splits, profile });
  } catch (error) {
    // An InputError already says what to do.
    const message = error instanceof InputError ? undefined : explain(error);
    throw message === undefined ? error : new InputError(`${message}, then: ${resumeCommand(folder)}`);
  }
}

/** @throws InputError if this is not the data that the run was trained on */
async function checkData(folder: string, splits: Splits, moved: boolean): Promise<void> {
  if (await compareData(folder, splits)) return;
  const unknown = `${folder}: the run is from an earlier version, which did not record its data`;
  if (moved)
    throw new InputError(`--data, --unlabelled: ${unknown}; resume it with the data at its original path`);
  complain(`${unknown}: cannot check that it is unchanged`);
}

const howToResume = (folder: string): string =>
  `finished work is kept; resume with: ${resumeCommand(folder)}`;

interface Prepared {
  progress: StageReport;
  splits: Splits;
  profile: boolean;
}

async function trainIn(
  folder: string,
  recipe: Recipe,
  { progress, splits, profile }: Prepared,
): Promise<void> {
  // Leftovers of a run that was killed while writing. Finished stages can have them too: thresholds are written last.
  for (const place of foldersOf(folder)) await removeTemporary(place);
  await sayPlan(recipe, splits, folder);
  const run = () => runStages(recipe, folder, withInterimReport(progress, folder, splits.val), splits);
  const stages = profile ? await withProfile(run, folder) : await run();
  if (profile) for (const stage of stages) printBalance(stage);
  // prepareRun has rejected recipes that leave nothing to do.
  const last = stages[stages.length - 1];
  const measured = stages.map((stage) => {
    const detector = loadDetector(stage.weights, recipe.device);
    const { config } = detector;
    const cost = detectorCost(detector);
    detector.dispose();
    return { ...stage, config, cost };
  });
  const detector = loadDetector(last.weights, recipe.device);
  const { dataset, store } = last.stage === "student" ? splits.val : forTeacher(splits.val);
  const found = await detectSamples(detectWith(detector, recipe.device), dataset.samples, store);
  const evaluation = evaluate(dataset, found);
  storeThresholds(last.weights, bestThresholds(evaluation));
  const { train, unlabelled } = splits;
  const metrics = {
    processor: cpus()[0]?.model ?? "unknown",
    images: { train: train.dataset.samples.length, unlabelled: unlabelled?.dataset.samples.length ?? 0 },
    stages: measured,
    weights: last.weights,
    valAp50: last.val,
    cost: measured[measured.length - 1].cost,
    evaluation,
  };
  await writeFileAtomic(metricsFile(folder), `${JSON.stringify(metrics, null, 2)}\n`);
  const overview = await writeRunPictures(found, dataset, folder);
  const report = await writeRunReport(folder);
  say("");
  for (const { stage, val, bestEpoch } of stages) {
    say(`${stage.padEnd(18)} val AP50 ${(100 * val).toFixed(1)} (epoch ${bestEpoch})`);
  }
  const advice = teacherAdvice(stages);
  if (advice !== undefined) say(`\n${advice}`);
  say(
    `\nweights   ${last.weights}\nmetrics   ${metricsFile(folder)}\npictures  ${overview}\nreport    ${report}`,
  );
  say(`\nto try it in a browser: npx qmimic export ${shellWord(folder)} --format html`);
}

/** The effect of lambda, to help choose it. */
function printBalance({ gradientRatio, gradientCosine }: StageResult): void {
  if (gradientRatio === null || gradientCosine === null) return;
  const [ratio, cosine] = [gradientRatio, gradientCosine].map((value) => value.toFixed(2));
  say(
    `gradients at the feature map: mimic loss ${ratio} times the detection losses, cosine between them ${cosine}`,
  );
}

/** Runs `body`, prints where the time of its steps went, and writes the trace into `folder`. */
async function withProfile<T>(body: () => Promise<T>, folder: string): Promise<T> {
  const { result, profile } = await profiled(body);
  const path = join(folder, "trace.json");
  await writeFileAtomic(path, chromeTrace(profile));
  say(`\n${profileTable(profile)}\ntrace: ${path} (for chrome://tracing or ui.perfetto.dev)`);
  return result;
}
