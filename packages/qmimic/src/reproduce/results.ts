// Aggregates the scores of a table's runs: written as JSON, and shown on the page and in the chart.
import { basename } from "node:path";
import { resampleSeeds } from "../eval/compareSeeds.js";
import { deviation, mean } from "../eval/tally.js";
import { type Recipe, settingOf } from "../train/recipe.js";
import type { Table } from "./arms.js";
import {
  type ArmDifference,
  allPairs,
  type ComparedArm,
  differenceOf,
  type PairDifference,
} from "./differences.js";
import type { PlannedRun } from "./plan.js";
import type { RunResult } from "./runResult.js";
import type { Score } from "./score.js";

export interface ScoredRun {
  run: PlannedRun;
  result: RunResult;
  score: Score;
}

/** Mean and standard deviation over seeds. */
export interface Spread {
  mean: number;
  deviation: number;
}

export const NUMBERS = ["ap50", "ap75", "ap", "val"] as const;
export type NumberName = (typeof NUMBERS)[number];

export interface ArmResults extends ArmDifference {
  name: string;
  label: string;
  /** Trained with one seed for the students of all seeds. */
  isTeacher: boolean;
  seeds: number[];
  /** Longest side of the inputs in training, and when scoring. */
  trainingSide: number;
  side: number;
  parameters: number;
  bytesFp32: number;
  bytesInt8: number;
  multiplyAdds: number;
  epochs: number;
  trainingImagesPerSecond: Spread;
  imagesPerSecond: Spread;
  /** COCO's AP50, AP75 and AP50:95 on the split, and VOC's AP50 on val, at the best epoch; one per seed, 0..1. */
  values: Record<NumberName, number[]>;
  spread: Record<NumberName, Spread>;
  /** Over the objects in val; null for arms without mimicking, and where arms have different dictionaries. */
  match: Spread | null;
  matchActive: Spread | null;
}

export interface TableResults {
  table: string;
  question: string;
  note: string | null;
  base: string;
  split: string;
  images: number;
  objects: number;
  scored: { first: string; last: string };
  detector: string;
  recipe: Record<string, unknown>;
  arms: ArmResults[];
  /** Of arms with all seeds, except the base: each compared with those before it. */
  pairs: PairDifference[];
  runs: { name: string; scored: string; weights: string; evaluation: Score["evaluation"] }[];
}

export function tableResults(table: Table, recipe: Recipe, scored: readonly ScoredRun[]): TableResults {
  const names = [...new Set(scored.map(({ run }) => run.arm.name))];
  const arms = names.map((name): ComparedArm & { runs: ScoredRun[] } => {
    const runs = scored.filter(({ run }) => run.arm.name === name);
    const matches = runs.map(({ score }) => score.matches);
    return {
      name,
      runs,
      seeds: runs.map(({ run }) => run.seed),
      ap: resampleSeeds(matches, runs[0].score.images),
      match: runs.map(({ result }) => result.match),
    };
  });
  // Otherwise matches are counted with a dictionary of each teacher's own.
  const comparable = { matches: !table.differentDictionaries && recipe.quantizer === "uniform" };
  const base = arms.find(({ name }) => name === table.base);
  const days = scored.map(({ score }) => score.scored).sort();
  const { evaluation, images, split } = scored[0].score;
  return {
    table: table.name,
    question: table.question,
    note: table.note ?? null,
    base: table.base,
    split,
    images,
    objects: evaluation.objects,
    scored: { first: days[0], last: days.at(-1)! },
    detector: recipe.detector,
    recipe: settingsOf(recipe),
    arms: arms.map((arm) => ({
      ...armNumbers(arm.runs, comparable),
      ...differenceOf(arm, base, comparable),
    })),
    pairs: allPairs(
      arms.filter((arm) => arm !== base && !arm.runs[0].run.arm.once),
      comparable,
    ),
    runs: scored.map(({ run, score }) => ({
      name: run.name,
      scored: score.scored,
      weights: score.weights,
      evaluation: withoutCurves(score.evaluation),
    })),
  };
}

function armNumbers(
  runs: readonly ScoredRun[],
  { matches }: { matches: boolean },
): Omit<ArmResults, keyof ArmDifference> {
  const [{ run, result, score }] = runs;
  const { parameters, bytesFp32, bytesInt8, multiplyAdds } = result.cost;
  const values: Record<NumberName, number[]> = {
    ap50: runs.map(({ score }) => score.evaluation.coco.ap50 ?? 0),
    ap75: runs.map(({ score }) => score.evaluation.coco.ap75 ?? 0),
    ap: runs.map(({ score }) => score.evaluation.coco.ap ?? 0),
    val: runs.map(({ result }) => result.val),
  };
  return {
    name: run.arm.name,
    label: run.arm.label,
    isTeacher: run.arm.once === true,
    seeds: runs.map(({ run }) => run.seed),
    ...{ parameters, bytesFp32, bytesInt8, multiplyAdds },
    trainingSide: result.config.side,
    side: score.side,
    epochs: result.epochs,
    trainingImagesPerSecond: spread(runs.map(({ result }) => result.imagesPerSecond)),
    imagesPerSecond: spread(runs.map(({ score }) => score.imagesPerSecond)),
    values,
    spread: {
      ap50: spread(values.ap50),
      ap75: spread(values.ap75),
      ap: spread(values.ap),
      val: spread(values.val),
    },
    match: matches ? known(runs.map(({ result }) => result.match)) : null,
    matchActive: matches ? known(runs.map(({ result }) => result.matchActive)) : null,
  };
}

const spread = (values: readonly number[]): Spread => ({ mean: mean(values), deviation: deviation(values) });

const known = (values: readonly (number | null)[]): Spread | null => {
  const numbers = values.filter((value) => value !== null);
  return numbers.length < values.length ? null : spread(numbers);
};

/** Drops the curves: nobody reads a page of numbers per class. */
const withoutCurves = (evaluation: Score["evaluation"]): Score["evaluation"] => ({
  ...evaluation,
  classes: evaluation.classes.map((entry) => ({ ...entry, curve: null })),
});

/** All settings except locations: of files and folders that matter, the name. */
function settingsOf(recipe: Recipe): Record<string, unknown> {
  const places = ["data", "cache", "runs", "name"];
  const keys = Object.keys(recipe).filter((key) => !places.includes(key));
  const named = { unlabelled: basename(recipe.unlabelled), teacherInit: basename(recipe.teacherInit) };
  return { ...Object.fromEntries(keys.map((key) => [key, settingOf(recipe, key)])), ...named };
}
