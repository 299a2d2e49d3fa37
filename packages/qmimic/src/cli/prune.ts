// qmimic prune: removes channels of a trained detector to save multiply-adds.
import { existsSync } from "node:fs";
import { basename, dirname } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { InputError } from "../errors.js";
import { detectSamples, detectWith } from "../eval/detect.js";
import { evaluate } from "../eval/evaluation.js";
import { checkWritable, makeFolders } from "../files.js";
import type { Detector } from "../models/index.js";
import { PRUNING_METHODS, type PruningMethod, pruneDetector } from "../prune/prune.js";
import { summarize } from "../report/summary.js";
import { listed } from "../text.js";
import { useEngine } from "../train/engine.js";
import { parseRecipe, type Recipe } from "../train/recipe.js";
import { divisionFor } from "../train/runData.js";
import { runFolderOf } from "../train/runFiles.js";
import { readRunRecipe } from "../train/runFolder.js";
import { openSplits, type Split } from "../train/splits.js";
import { loadDetector, saveDetector, storeThresholds } from "../train/weights.js";
import { createCounter } from "./counter.js";
import { threadsOption } from "./engine.js";
import { namesOf } from "./names.js";
import { wholeNumber } from "./numbers.js";
import { complain, say } from "./output.js";
import { findWeights } from "./weights.js";

interface PruneFlags {
  method: PruningMethod;
  budget: number;
  data?: string;
  classes?: string;
  merge?: string;
  out?: string;
  seed: number;
  teacher?: boolean;
  threads: number | "auto";
}

export function addPrune(program: Command): void {
  const command = program
    .command("prune <weights>")
    .description(
      "remove channels of trained weights, or of a run folder's best student, to save multiply-adds",
    )
    .addOption(
      new Option(
        "--method <name>",
        "lasso: channels that the next layers can do without, refitting their weights (He et al., 2017); taylor: channels that hardly affect the loss (Molchanov et al., 2017); random",
      )
        .choices(PRUNING_METHODS)
        .makeOptionMandatory(),
    )
    .option("--budget <fraction>", "fraction of multiply-adds to keep", budgetOf, 0.5)
    .option(
      "--data <folder>",
      "labelled images: train selects the channels, val scores the result; default: the run's data",
    )
    .option("--classes <names>", "use only these classes of that data")
    .option("--merge <class>", "map every class of that data to this one")
    .option(
      "--out <file>",
      "weights file to write; default: pruned-METHOD-BUDGET.safetensors in the current directory",
    )
    .option(
      "--seed <number>",
      "random seed for picking images, and for method random",
      wholeNumber(0, 1e9),
      0,
    )
    .option("--teacher", "prune the run folder's (quantized) teacher");
  threadsOption(command).action(prune);
}

function budgetOf(text: string): number {
  const budget = Number(text);
  if (!(budget > 0 && budget < 1)) throw new InvalidArgumentError("Expected a number above 0 and below 1.");
  return budget;
}

async function prune(weights: string, flags: PruneFlags): Promise<void> {
  useEngine({ threads: flags.threads, device: "cpu" });
  const { method, budget, seed } = flags;
  const { path } = findWeights(weights, flags);
  const out = flags.out ?? `pruned-${method}-${budget}.safetensors`;
  if (!out.endsWith(".safetensors"))
    throw new InputError(`--out ${out}: expected a name ending in .safetensors`);
  if (existsSync(out)) throw new InputError(`${out} already exists: choose another file with --out`);
  await checkWritable(dirname(out));
  const detector = loadDetector(path);
  const recipe = await recipeFor(path, detector, flags);
  const { train, val } = await openSplits(recipe, complain, undefined, await divisionFor(path));
  const { classes } = detector.config;
  if (classes.join("\n") !== train.dataset.classes.join("\n")) {
    throw new InputError(
      `${path} detects ${listed(classes)}, the data has ${listed(train.dataset.classes)}: use --classes or --merge`,
    );
  }
  say(`${path}\n${summarize(detector)}`);
  const before = await score(detector, val);
  const counter = createCounter(method === "lasso" ? "layers" : "rounds");
  const pruned = await pruneDetector(detector, train, {
    method,
    budget,
    seed,
    onProgress: counter.update,
    say: complain,
  });
  counter.end();
  const after = await score(pruned, val);
  await makeFolders(dirname(out));
  saveDetector(out, pruned, { val: String(after.ap), pruned: `${method} ${budget} of ${basename(path)}` });
  storeThresholds(out, after.thresholds);
  const percent = (ap: number) => (100 * ap).toFixed(1);
  say(`\npruned by ${method} to ${budget} of its multiply-adds, not fine-tuned\n${summarize(pruned)}`);
  say(`\nAP50 on val ${percent(before.ap)} before, ${percent(after.ap)} after\nweights   ${out}`);
}

/** The data to use, in the size of the detector's input: the folder given, or the run's data. */
async function recipeFor(
  path: string,
  { config }: Detector,
  { data, classes, merge, seed }: PruneFlags,
): Promise<Recipe> {
  const run = runFolderOf(path);
  const labels = {
    ...(merge === undefined ? {} : { merge }),
    ...(classes === undefined ? {} : { classes: namesOf(classes) }),
  };
  if (run !== undefined) {
    const recipe = await readRunRecipe(run);
    const labelSettings = Object.keys(labels).length > 0 ? { merge: "", classes: [], ...labels } : {};
    const size = { side: config.side, teacherScale: 1 as const, scales: [1] };
    return { ...recipe, ...labelSettings, ...size, data: data ?? recipe.data, unlabelled: "" };
  }
  if (data === undefined)
    throw new InputError(`${path}: not in a run folder, so its data is unknown: pass --data DIR`);
  const { detector, side } = config;
  const labelSettings = Object.keys(labels).length > 0 ? labels : { classes: config.classes };
  return parseRecipe({ data, detector, side, seed, scales: [1], ...labelSettings }, "prune");
}

async function score(
  detector: Detector,
  { dataset, store }: Split,
): Promise<{ ap: number; thresholds: (number | null)[] }> {
  const found = await detectSamples(detectWith(detector), dataset.samples, store);
  const { mAP, classes } = evaluate(dataset, found);
  return { ap: mAP ?? 0, thresholds: classes.map(({ bestF1 }) => bestF1?.threshold ?? null) };
}
