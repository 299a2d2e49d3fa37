// qmimic prune: a trained detector with fewer channels, at a part of its multiply-adds.
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { InputError } from "../errors.js";
import { detectSamples, detectWith } from "../eval/detect.js";
import { evaluate } from "../eval/evaluation.js";
import { checkWritable } from "../files.js";
import type { Detector } from "../models/index.js";
import { PRUNING_METHODS, type PruningMethod, pruneDetector } from "../prune/prune.js";
import { summarize } from "../report/summary.js";
import { listed } from "../text.js";
import { useEngine } from "../train/engine.js";
import { parseRecipe, type Recipe } from "../train/recipe.js";
import { openRunFolder } from "../train/runFolder.js";
import { openSplits, type Split } from "../train/splits.js";
import { loadDetector, saveDetector, storeThresholds } from "../train/weights.js";
import { createCounter } from "./counter.js";
import { threadsOption } from "./engine.js";
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
        "lasso: what the layers behind can do without, weights fitted anew (He et al., 2017); taylor: what the loss hardly depends on (Molchanov et al., 2017); random",
      )
        .choices(PRUNING_METHODS)
        .makeOptionMandatory(),
    )
    .option("--budget <part>", "of the multiply-adds that is left", budgetOf, 0.5)
    .option("--data <folder>", "labelled photographs: train is looked at, val scored; default: the run's own")
    .option("--classes <names>", "of that data, leave other classes out")
    .option("--merge <class>", "count every class of that data as this one")
    .option("--out <file>", "weights to write; default: pruned-METHOD-BUDGET.safetensors, here")
    .option(
      "--seed <number>",
      "of the images that are looked at, and of method random",
      wholeNumber(0, 1e9),
      0,
    )
    .option("--teacher", "of a run folder, prune the (quantized) teacher");
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
    throw new InputError(`--out ${out}: expected a name that ends in .safetensors`);
  if (existsSync(out)) throw new InputError(`${out} is there already: name another file with --out`);
  await checkWritable(dirname(out));
  const detector = loadDetector(path);
  const { train, val } = await openSplits(await recipeFor(weights, path, detector, flags), complain);
  const { classes } = detector.config;
  if (classes.join("\n") !== train.dataset.classes.join("\n")) {
    throw new InputError(
      `${path} detects ${listed(classes)}, the data has ${listed(train.dataset.classes)}: say --classes or --merge`,
    );
  }
  say(`${path}\n${summarize(detector)}`);
  const before = await score(detector, val);
  const counter = createCounter(method === "lasso" ? "layers" : "rounds");
  const pruned = await pruneDetector(detector, train, { method, budget, seed, onProgress: counter.update });
  counter.end();
  const after = await score(pruned, val);
  saveDetector(out, pruned, { val: String(after.ap), pruned: `${method} ${budget} of ${basename(path)}` });
  storeThresholds(out, after.thresholds);
  const percent = (ap: number) => (100 * ap).toFixed(1);
  say(`\npruned by ${method} to ${budget} of its multiply-adds, not fine-tuned\n${summarize(pruned)}`);
  say(`\nAP50 on val ${percent(before.ap)} before, ${percent(after.ap)} after\nweights   ${out}`);
}

/** What data is looked at: the run's own, or the folder that is named. */
async function recipeFor(
  weights: string,
  path: string,
  { config }: Detector,
  { data, classes, merge, seed }: PruneFlags,
): Promise<Recipe> {
  const runs = [weights, dirname(dirname(dirname(path)))];
  const run = runs.find((folder) => existsSync(join(folder, "recipe.yaml")));
  const labels = {
    ...(merge === undefined ? {} : { merge }),
    ...(classes === undefined ? {} : { classes: classes.split(",").map((name) => name.trim()) }),
  };
  if (run !== undefined) {
    const recipe = await openRunFolder(run);
    const own = Object.keys(labels).length > 0 ? { merge: "", classes: [], ...labels } : {};
    return { ...recipe, ...own, data: data ?? recipe.data, scales: [1] };
  }
  if (data === undefined)
    throw new InputError(`${path}: not in a run folder, whose data is known: say --data DIR`);
  const { detector, side } = config;
  const own = Object.keys(labels).length > 0 ? labels : { classes: config.classes };
  return parseRecipe({ data, detector, side, seed, scales: [1], ...own }, "prune");
}

async function score(
  detector: Detector,
  { dataset, store }: Split,
): Promise<{ ap: number; thresholds: (number | null)[] }> {
  const found = await detectSamples(detectWith(detector), dataset.samples, store);
  const { mAP, classes } = evaluate(dataset, found);
  return { ap: mAP ?? 0, thresholds: classes.map(({ bestF1 }) => bestF1?.threshold ?? null) };
}
