// Plans the runs of a table.
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { InputError } from "../errors.js";
import { kebab, layerSettings } from "../models/index.js";
import { keysOf, parseRecipe, type Recipe, settingOf, usesUnlabelled } from "../train/recipe.js";
import { recipeFile } from "../train/runFiles.js";
import { readSettings } from "../train/runFolder.js";
import type { Arm, Settings } from "./arms.js";
import { isFinished, type RunResult, readRun } from "./runResult.js";
import type { Table } from "./tables.js";

/** One training run. */
export interface PlannedRun {
  /** The folder's name. */
  name: string;
  arm: Arm;
  seed: number;
  folder: string;
  /** Names of runs that must be finished first. */
  needs: readonly string[];
}

export interface PlanOptions {
  /** Parent folder of the runs. */
  runs: string;
  /** 0 to seeds - 1. */
  seeds: number;
  /** Arms to run, with those that they need; default: all. */
  arms?: readonly string[];
}

/** The runs of a table, teachers first. @throws InputError for an unknown arm */
export function planRuns(
  table: Table,
  recipe: Recipe,
  { runs, seeds, arms: wanted }: PlanOptions,
): PlannedRun[] {
  const arms = table.arms(recipe);
  const armOf = (name: string): Arm => {
    const found = arms.find((arm) => arm.name === name);
    if (found) return found;
    throw new InputError(
      `table ${table.name} has no arm ${name}. Arms: ${arms.map((arm) => arm.name).join(", ")}`,
    );
  };
  const kept = new Set<string>();
  const keep = (name: string): void => {
    for (const other of needsOf(armOf(name))) keep(other);
    kept.add(name);
  };
  for (const name of wanted ?? arms.map((arm) => arm.name)) keep(name);
  return arms
    .filter(({ name }) => kept.has(name))
    .flatMap((arm) =>
      Array.from({ length: arm.once ? 1 : seeds }, (_, seed): PlannedRun => {
        const name = `${arm.name}-${seed}`;
        // Arms depend on other arms' run with seed 0.
        const needs = needsOf(arm).map((other) => `${other}-0`);
        return { name, arm, seed, folder: join(runs, name), needs };
      }),
    );
}

/** Names of the arms that must be finished first. */
const needsOf = ({ after = [], teacher, pruned }: Arm): string[] => [
  ...after,
  ...(teacher === undefined ? [] : [teacher]),
  ...(pruned === undefined ? [] : [pruned.of, pruned.like]),
];

/**
 * The recipe of a run whose dependencies are finished. Settings of other detectors in the given recipe are left
 * out.
 */
export function recipeOf({ arm, seed, name, folder }: PlannedRun, base: Recipe, runs: string): Recipe {
  const finished = (other: string): RunResult => readRun(join(runs, `${other}-0`));
  const settings = typeof arm.settings === "function" ? arm.settings(finished) : arm.settings;
  const detector = settings.detector ?? base.detector;
  const kept = detector === base.detector ? keysOf(base) : keysOf(parseRecipe({ detector }, folder));
  const given: Settings = {};
  for (const key of keysOf(base)) if (kept.includes(key)) given[kebab(key)] = settingOf(base, key);
  // For arms that train a teacher; a run's recipe has the full path.
  const init = settings.stage === "teacher" ? base.teacherInit : "";
  given["teacher-init"] = init === "" ? "" : resolve(init);
  given.unlabelled = base.unlabelled === "" ? "" : resolve(base.unlabelled);
  const teacher = arm.teacher === undefined ? {} : { teacher: finished(arm.teacher).weights };
  const from = arm.pruned === undefined ? {} : { from: prunedFile(name, runs) };
  return parseRecipe({ ...given, ...settings, ...teacher, ...from, seed, name, runs }, name);
}

/** The file that a run starts from if its arm is a pruned teacher. */
const prunedFile = (name: string, runs: string): string => join(runs, "plans", `${name}.safetensors`);

/**
 * The arguments of `qmimic prune` to create the file that a run starts from, once its dependencies are
 * finished; null if none is needed.
 */
export function pruneArguments(
  { arm, seed, name }: PlannedRun,
  { data, threads }: Recipe,
  runs: string,
): string[] | null {
  const file = prunedFile(name, runs);
  if (arm.pruned === undefined || existsSync(file)) return null;
  const { method, of, like } = arm.pruned;
  const [whole, smaller] = [of, like].map((other) => readRun(join(runs, `${other}-0`)));
  const budget = smaller.cost.multiplyAdds / whole.cost.multiplyAdds;
  return [
    ...["prune", whole.weights, "--method", method, "--budget", String(budget), "--out", file],
    ...["--seed", String(seed), "--data", data, "--threads", String(threads)],
  ];
}

/** Settings for where a run trains: a table's teacher may have been trained on a GPU, and its students on a CPU. */
const PLACES = ["data", "cache", "runs", "name", "threads", "device", "memory", "disk-cache"];

const OF_TEACHER = ["teacher-epochs", "teacher-lr", "teacher-init"];
const OF_QUANTIZING = [
  ...["quantized-epochs", "fine-tune-lr", "quantizer", "quantizer-stride", "quantizer-max-cost"],
];
const OF_STUDENT = ["student", "convolution", "convolution-groups", "epochs", "lr"];
const OF_MIMICRY = [
  ...["lambda", "lambda-head", "quantize-student", "regions", "region-form"],
  ...["mimic-regions", "mimic-roi-size", "live-teacher"],
];

const OF_PSEUDO_LABELS = ["pseudo-score", "pseudo-ignore"];

/** Settings that do not affect a run's training. */
function unused(recipe: Recipe): string[] {
  const { stage } = recipe;
  const others = stage === "student" ? [] : ["unlabelled"];
  return [...unusedOfStage(recipe), ...others, ...(usesUnlabelled(recipe) ? [] : OF_PSEUDO_LABELS)];
}

function unusedOfStage({ stage, method, from, detector }: Recipe): string[] {
  if (from !== "") {
    // The network comes from the weights, which come from a run of the table.
    const network = [...layerSettings(detector), "student", "from"].map(kebab);
    return [...network, "teacher", ...OF_TEACHER, ...OF_QUANTIZING, ...OF_MIMICRY];
  }
  if (stage === "teacher") return [...OF_STUDENT, ...OF_MIMICRY, ...OF_QUANTIZING, "method"];
  if (stage === "quantized-teacher")
    return ["teacher", "eval-every", ...OF_STUDENT, ...OF_MIMICRY, ...OF_TEACHER];
  // Here `teacher` is a file from another run of the table, which is checked itself.
  const ofScratch = OF_MIMICRY.filter((name) => name !== "quantize-student");
  const quantizing = OF_QUANTIZING.filter((name) => method !== "scratch" || name !== "quantizer-stride");
  return ["teacher", ...OF_TEACHER, ...quantizing, ...(method === "scratch" ? ofScratch : [])];
}

/** @throws InputError if the folder has a run with different settings */
export function requireSameRecipe(folder: string, recipe: Recipe): void {
  const path = recipeFile(folder);
  if (!existsSync(path)) return;
  const found = readSettings(readFileSync(path, "utf8"), path);
  const left = new Set([...PLACES, ...unused(recipe)]);
  // From scratch, the student is the only stage.
  if (recipe.method === "scratch" && found.stage === "all") found.stage = recipe.stage;
  const differences = keysOf(recipe).flatMap((key) => {
    const name = kebab(key);
    const [before, now] = [found[name], settingOf(recipe, key)].map((value) => JSON.stringify(value));
    return left.has(name) || found[name] === undefined || before === now
      ? []
      : [`${name} ${before}, now ${now}`];
  });
  if (differences.length > 0) {
    throw new InputError(
      `${folder}: has a run with different settings (${differences.join("; ")}). Choose another folder with --runs, or remove this one.`,
    );
  }
}

export const isDone = ({ folder }: PlannedRun): boolean => isFinished(folder);
