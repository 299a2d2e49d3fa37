// Plans the runs of a table.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { InputError } from "../errors.js";
import { kebab } from "../models/index.js";
import { idleMimicry, keysOf, parseRecipe, type Recipe, settingOf } from "../train/recipe.js";
import { recipeFile } from "../train/runFiles.js";
import { settingsOfRun } from "../train/runFolder.js";
import { weightsHash } from "../train/runWeights.js";
import type { Arm, Settings, Table } from "./arms.js";
import { isFinished, type RunResult, readResult } from "./runResult.js";

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

/** The runs of a table, teachers first. @throws InputError for an unknown arm, and a recipe that does not suit the table */
export function planRuns(
  table: Table,
  recipe: Recipe,
  { runs, seeds, arms: wanted }: PlanOptions,
): PlannedRun[] {
  const conflict = table.conflict?.(recipe);
  if (conflict !== undefined) throw new InputError(`table ${table.name}: ${conflict}`);
  if (recipe.unlabelled !== "" && !table.ofUnlabelled)
    throw new InputError(
      `table ${table.name}: unlabelled is ${recipe.unlabelled}, but arms without a teacher cannot use unlabelled images, and would take fewer steps: remove it from the recipe, or use table unlabelled`,
    );
  const arms = table.arms(recipe);
  const twice = arms.find(({ name }, i) => arms.findIndex((arm) => arm.name === name) < i);
  if (twice !== undefined)
    throw new InputError(`table ${table.name}: with this recipe, two arms are both ${twice.name}`);
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
  for (const arm of arms) if (kept.has(arm.name)) checkArm(table, arm, recipe);
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

/** Before hours of training. @throws InputError if the recipe does not suit an arm, as far as its settings are known */
function checkArm(table: Table, { name, settings, teacher }: Arm, base: Recipe): void {
  if (typeof settings === "function") return;
  const file = teacher === undefined ? {} : { teacher: "teacher.safetensors" };
  combine(base, settings, file, `table ${table.name}, arm ${name}`);
}

/** Names of the arms that must be finished first. */
const needsOf = ({ after = [], teacher, pruned }: Arm): string[] => [
  ...after,
  ...(teacher === undefined ? [] : [teacher]),
  ...(pruned === undefined ? [] : [pruned.of, pruned.like]),
];

/** The recipe of a run whose dependencies are finished. */
export function recipeOf({ arm, seed, name }: PlannedRun, base: Recipe, runs: string): Recipe {
  const finished = (other: string): RunResult => readResult(join(runs, `${other}-0`));
  const settings = typeof arm.settings === "function" ? arm.settings(finished) : arm.settings;
  const teacher = arm.teacher === undefined ? {} : { teacher: finished(arm.teacher).weights };
  const from = arm.pruned === undefined ? {} : { from: prunedFile(arm.pruned, seed, runs) };
  const first = join(runs, `${arm.name}-0`);
  const epochs = arm.timed && existsSync(recipeFile(first)) ? { epochs: settingsOfRun(first).epochs } : {};
  return combine(base, { ...settings, ...epochs }, { ...teacher, ...from, seed, name, runs }, name);
}

/**
 * The given recipe with an arm's settings, and those of its run. Settings of other detectors in the given recipe are
 * left out.
 * @param source for messages
 */
function combine(base: Recipe, settings: Settings, own: Settings, source: string): Recipe {
  const detector = settings.detector ?? base.detector;
  const kept = detector === base.detector ? keysOf(base) : keysOf(parseRecipe({ detector }, source));
  const given: Settings = {};
  for (const key of keysOf(base)) if (kept.includes(key)) given[kebab(key)] = settingOf(base, key);
  // For arms that train a teacher; a run's recipe has the full path.
  const init = settings.stage === "teacher" ? base.teacherInit : "";
  given["teacher-init"] = init === "" ? "" : resolve(init);
  given.unlabelled = base.unlabelled === "" ? "" : resolve(base.unlabelled);
  const recipe = parseRecipe({ ...given, ...settings, ...own }, source);
  const idle = idleMimicry(recipe);
  if (idle !== undefined) throw new InputError(`${source}: ${idle}`);
  return recipe;
}

type Pruned = NonNullable<Arm["pruned"]>;

/** The fraction of the multiply-adds of arm `of` that arm `like` has. */
function budgetOf({ of, like }: Pruned, runs: string): number {
  const [whole, smaller] = [of, like].map((other) => readResult(join(runs, `${other}-0`)));
  return smaller.cost.multiplyAdds / whole.cost.multiplyAdds;
}

/**
 * The file that a run starts from if its arm is a pruned teacher. The name has all that determines its content: it is
 * created once, and another teacher's must not be taken for it.
 */
function prunedFile(pruned: Pruned, seed: number, runs: string): string {
  const { weights } = readResult(join(runs, `${pruned.of}-0`));
  const source = `${weightsHash(weights)} ${budgetOf(pruned, runs)}`;
  const key = createHash("sha256").update(source).digest("hex").slice(0, 12);
  return join(runs, "plans", `pruned-${pruned.method}-${seed}-${key}.safetensors`);
}

/**
 * The arguments of `qmimic prune` to create the file that a run starts from, once its dependencies are
 * finished; null if none is needed.
 */
export function pruneArguments(
  { arm, seed }: PlannedRun,
  { data, threads }: Recipe,
  runs: string,
): string[] | null {
  if (arm.pruned === undefined) return null;
  const file = prunedFile(arm.pruned, seed, runs);
  if (existsSync(file)) return null;
  const { method, of } = arm.pruned;
  const { weights } = readResult(join(runs, `${of}-0`));
  const budget = String(budgetOf(arm.pruned, runs));
  return [
    ...["prune", weights, "--method", method, "--budget", budget, "--out", file],
    ...["--seed", String(seed), "--data", data, "--threads", String(threads)],
  ];
}

export const isDone = ({ folder }: PlannedRun): boolean => isFinished(folder);
