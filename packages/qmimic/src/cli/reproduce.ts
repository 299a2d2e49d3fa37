// qmimic reproduce: a named comparison. Trains what is missing, scores each run once, writes the table.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, InvalidArgumentError, Option } from "commander";
import { didYouMean, InputError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import { kebab, MAX_SIDE, MAX_THREADS, MIN_SIDE } from "../models/index.js";
import type { Table } from "../reproduce/arms.js";
import { formatTable } from "../reproduce/page.js";
import { isDone, type PlannedRun, planRuns } from "../reproduce/plan.js";
import { type ScoredRun, tableResults } from "../reproduce/results.js";
import { type RunResult, readResult } from "../reproduce/runResult.js";
import { trainAll } from "../reproduce/schedule.js";
import { readScored, scoreRun } from "../reproduce/score.js";
import { TABLES } from "../reproduce/tables.js";
import { shellWord } from "../shell.js";
import { quoted } from "../text.js";
import { useEngine } from "../train/engine.js";
import { isWeightsFile, keyOf } from "../train/recipe.js";
import { SETTINGS } from "../train/schema.js";
import { createCounter } from "./counter.js";
import { whenInterrupted } from "./interrupt.js";
import { namesOf } from "./names.js";
import { wholeNumber } from "./numbers.js";
import { say } from "./output.js";
import { recipeFrom } from "./recipeFlags.js";

const MAX_SEEDS = 100;
const DEFAULT_RUNS = "runs/reproduce";
const PROGRAM = [fileURLToPath(new URL("../../bin/qmimic.mjs", import.meta.url))];

interface ReproduceFlags {
  data?: string;
  recipe?: string;
  set: Record<string, string>;
  seeds: number;
  arms?: string[];
  runs: string;
  out?: string;
  split: string;
  parallel: number;
  threads: number;
  side?: number;
  plan?: boolean;
}

export function addReproduce(program: Command): void {
  const names = TABLES.map(({ name }) => name);
  program
    .command("reproduce <table>")
    .description("train, score and compare the arms of a table; finished runs are not trained again")
    .addOption(new Option("--data <folder>", "folder of labelled images (default: the recipe's)"))
    .option("--recipe <file>", "settings that all arms share")
    .option(
      "--set <name=value>",
      "setting that all arms share, overrides the recipe; can be repeated",
      addSetting,
      {},
    )
    .option("--seeds <count>", "students (seeds) per arm", wholeNumber(1, MAX_SEEDS), 3)
    .option("--arms <names>", "only these arms, comma-separated, and what they need", namesOf)
    .option("--runs <folder>", "folder for the runs; several machines can share it", DEFAULT_RUNS)
    .option(
      "--out <file>",
      "output path without extension (default: in --runs, the name of the table, with split and side if given)",
    )
    .option("--split <name>", "split to score, once per run; use val while choosing settings", "test")
    .option(
      "--side <pixels>",
      "longest side of the input when scoring, instead of the trained value",
      wholeNumber(MIN_SIDE, MAX_SIDE),
    )
    .option("--parallel <runs>", "runs to train in parallel", wholeNumber(1, MAX_THREADS), 1)
    .option(
      "--threads <count>",
      "CPU threads per run, instead of the recipe's value",
      wholeNumber(1, MAX_THREADS),
      1,
    )
    .option("--plan", "list the runs without training")
    .addHelpText(
      "after",
      `\nTables:\n${TABLES.map(({ name, question }) => `  ${name.padEnd(18)}${question}`).join("\n")}\n`,
    )
    .action((name: string, flags: ReproduceFlags) => reproduce(findTable(name, names), flags));
}

/** "lambda-head=2" -> { lambdaHead: "2" }, merged with the earlier ones. */
function addSetting(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf("=");
  const name = text.slice(0, at);
  const key = keyOf(name);
  if (at < 1 || key === undefined || OWN.includes(name)) {
    const known = [...SETTINGS.keys()].map(kebab).filter((key) => !OWN.includes(key));
    throw new InvalidArgumentError(
      `Expected NAME=VALUE with the name of a recipe setting.${didYouMean(name, known)}`,
    );
  }
  return { ...before, [key]: text.slice(at + 1) };
}

/** Settings that the table or a flag determines. */
const OWN = ["data", "runs", "name", "seed", "stage", "threads"];

function findTable(name: string, names: readonly string[]): Table {
  const found = TABLES.find((table) => table.name === name.toLowerCase());
  if (found) return found;
  throw new InputError(
    `unknown table ${quoted(name)}. Tables: ${names.join(", ")}.${didYouMean(name, names)}`,
  );
}

async function reproduce(table: Table, flags: ReproduceFlags): Promise<void> {
  const { runs, seeds, split, parallel, threads, arms } = flags;
  const given = flags.data === undefined ? {} : { data: flags.data };
  const recipe = await recipeFrom(flags.recipe, { ...flags.set, ...given, threads });
  if (recipe.data === "") throw new InputError("no data folder given; pass --data DIR");
  if (recipe.from !== "") {
    throw new InputError(
      `from: ${recipe.from}: the runs of a table start from random weights, or from each other; remove it from the recipe`,
    );
  }
  if (isWeightsFile(recipe.teacher)) {
    throw new InputError(
      `teacher: ${recipe.teacher}: a table trains its own teachers; give a network instead, such as vgg-1-8`,
    );
  }
  const planned = planRuns(table, recipe, { runs, seeds, ...(arms ? { arms } : {}) });
  if (flags.plan) {
    for (const run of planned) say(`${run.name.padEnd(32)} ${isDone(run) ? "finished" : "to train"}`);
    return;
  }
  // Problems with the data are reported before hours of training.
  const scoredSplit = await readScored(recipe, split);
  useEngine(recipe);
  await trainAll(planned, { recipe, runs, parallel, program: PROGRAM, say }, (stop) =>
    whenInterrupted(() => {
      stop();
      return "finished training is kept; run the same command to resume";
    }),
  );
  const counter = createCounter("runs scored");
  // At the trained side, it is the same score.
  const side = flags.side === recipe.side ? undefined : flags.side;
  /** In proportion, if a teacher's input is larger than the students'. */
  const scoring = ({ config }: RunResult) => ({
    device: recipe.device,
    ...(side === undefined ? {} : { side: Math.round((side * config.side) / recipe.side) }),
  });
  const wait =
    ({ name }: PlannedRun) =>
    (): void => {
      counter.end();
      say(`waiting for another process that is scoring ${name}`);
    };
  const scored: ScoredRun[] = [];
  for (const run of planned) {
    counter.update(scored.length, planned.length);
    const result = readResult(run.folder);
    const score = await scoreRun(run.folder, scoredSplit, { ...scoring(result), waiting: wait(run) });
    scored.push({ run, result, score });
  }
  counter.end();
  const results = tableResults(table, recipe, scored);
  const name = [table.name, ...(split === "test" ? [] : [split]), ...(side === undefined ? [] : [side])];
  const out = flags.out ?? join(runs, name.join("-"));
  const { drawTable } = await import("../reproduce/plot.js");
  const page = formatTable(results, commandOf(table, flags));
  await writeFileAtomic(`${out}.json`, `${JSON.stringify(results, null, 1)}\n`);
  await writeFileAtomic(`${out}.svg`, drawTable(results));
  await writeFileAtomic(`${out}.md`, page);
  say(`${page}\nnumbers   ${out}.json\npage      ${out}.md\npicture   ${out}.svg`);
}

/** The command, without flags that do not affect the numbers. */
function commandOf(
  table: Table,
  { recipe, set, seeds, split, arms, runs, threads, side }: ReproduceFlags,
): string {
  const parts = [
    `npx qmimic reproduce ${table.name} --data DIR`,
    ...(recipe === undefined ? [] : [`--recipe ${shellWord(recipe)}`]),
    ...Object.entries(set).map(([key, value]) => `--set ${shellWord(`${kebab(key)}=${value}`)}`),
    `--seeds ${seeds}`,
    ...(arms === undefined ? [] : [`--arms ${arms.join(",")}`]),
    ...(split === "test" ? [] : [`--split ${split}`]),
    ...(side === undefined ? [] : [`--side ${side}`]),
    ...(threads === 1 ? [] : [`--threads ${threads}`]),
    // Tables with other settings need other folders.
    ...(runs === DEFAULT_RUNS ? [] : [`--runs ${shellWord(runs)}`]),
  ];
  return parts.join(" ");
}
