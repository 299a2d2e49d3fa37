// qmimic reproduce: a comparison by name. Trains what is missing, scores it once, writes the table.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, InvalidArgumentError, Option } from "commander";
import { didYouMean, InputError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import { kebab, MAX_SIDE, MAX_THREADS, MIN_SIDE } from "../models/index.js";
import { formatTable } from "../reproduce/page.js";
import { isDone, planRuns } from "../reproduce/plan.js";
import { type ScoredRun, tableResults } from "../reproduce/results.js";
import { readRun } from "../reproduce/runResult.js";
import { trainAll } from "../reproduce/schedule.js";
import { readScored, scoreRun } from "../reproduce/score.js";
import { TABLES, type Table } from "../reproduce/tables.js";
import { quoted } from "../text.js";
import { useEngine } from "../train/engine.js";
import { keyOf, SETTINGS } from "../train/recipe.js";
import { createCounter } from "./counter.js";
import { whenInterrupted } from "./interrupt.js";
import { wholeNumber } from "./numbers.js";
import { say } from "./output.js";
import { recipeFrom } from "./recipeFlags.js";

const MAX_SEEDS = 100;
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
    .description("train, score and compare the arms of a table; what is finished is not trained again")
    .addOption(new Option("--data <folder>", "folder of labelled photographs (default: the recipe's)"))
    .option("--recipe <file>", "settings that all arms share")
    .option(
      "--set <name=value>",
      "a setting that all arms share, over the recipe's; may be repeated",
      addSetting,
      {},
    )
    .option("--seeds <count>", "students of each arm", wholeNumber(1, MAX_SEEDS), 3)
    .option("--arms <names>", "these alone, and what they need, with commas", (text) => text.split(","))
    .option("--runs <folder>", "folder of the runs; several machines may share it", "runs/reproduce")
    .option("--out <file>", "where the table goes, without ending (default: the table's name in --runs)")
    .option("--split <name>", "split that is scored, once a run; val while something is being chosen", "test")
    .option(
      "--side <pixels>",
      "longest side of the inputs that are scored, instead of the training's",
      wholeNumber(MIN_SIDE, MAX_SIDE),
    )
    .option("--parallel <runs>", "runs that are trained side by side", wholeNumber(1, MAX_THREADS), 1)
    .option("--threads <count>", "processor threads of each run", wholeNumber(1, MAX_THREADS), 1)
    .option("--plan", "list the runs, and train nothing")
    .addHelpText(
      "after",
      `\nTables:\n${TABLES.map(({ name, question }) => `  ${name.padEnd(18)}${question}`).join("\n")}\n`,
    )
    .action((name: string, flags: ReproduceFlags) => reproduce(findTable(name, names), flags));
}

/** "lambda-head=2" -> { lambdaHead: "2" } with those before it. */
function addSetting(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf("=");
  const name = text.slice(0, at);
  const key = keyOf(name);
  if (at < 1 || key === undefined || OWN.includes(name)) {
    const known = [...SETTINGS.keys()].map(kebab).filter((one) => !OWN.includes(one));
    throw new InvalidArgumentError(
      `Expected NAME=VALUE with a setting of a recipe.${didYouMean(name, known)}`,
    );
  }
  return { ...before, [key]: text.slice(at + 1) };
}

/** Settings that the table, or a flag, says. */
const OWN = ["data", "runs", "name", "seed", "stage", "threads"];

function findTable(name: string, names: readonly string[]): Table {
  const found = TABLES.find((table) => table.name === name);
  if (found) return found;
  throw new InputError(
    `there is no table ${quoted(name)}; there are ${names.join(", ")}.${didYouMean(name, names)}`,
  );
}

async function reproduce(table: Table, flags: ReproduceFlags): Promise<void> {
  const { runs, seeds, split, parallel, threads, arms } = flags;
  const given = flags.data === undefined ? {} : { data: flags.data };
  const recipe = await recipeFrom(flags.recipe, { ...flags.set, ...given, threads });
  if (recipe.data === "") throw new InputError("data: which folder? Say --data DIR");
  const planned = planRuns(table, recipe, { runs, seeds, ...(arms ? { arms } : {}) });
  if (flags.plan) {
    for (const run of planned) say(`${run.name.padEnd(32)} ${isDone(run) ? "finished" : "to train"}`);
    return;
  }
  // What is wrong with the data is said before hours of training.
  const dataset = await readScored(recipe, split);
  useEngine(recipe);
  await trainAll(planned, { recipe, runs, parallel, program: PROGRAM, say }, (stop) =>
    whenInterrupted(() => {
      stop();
      return "what is trained is kept; the same command goes on from there";
    }),
  );
  const counter = createCounter("runs scored");
  const { side } = flags;
  const scoring = { device: recipe.device, ...(side === undefined ? {} : { side }) };
  const scored: ScoredRun[] = [];
  for (const run of planned) {
    counter.update(scored.length, planned.length);
    scored.push({
      run,
      result: readRun(run.folder),
      score: await scoreRun(run.folder, dataset, scoring),
    });
  }
  counter.end();
  const results = tableResults(table, recipe, scored);
  const out = flags.out ?? join(runs, side === undefined ? table.name : `${table.name}-${side}`);
  const { drawTable } = await import("../reproduce/plot.js");
  const page = formatTable(results, commandOf(table, flags));
  await writeFileAtomic(`${out}.json`, `${JSON.stringify(results, null, 1)}\n`);
  await writeFileAtomic(`${out}.svg`, drawTable(results));
  await writeFileAtomic(`${out}.md`, page);
  say(`${page}\nnumbers   ${out}.json\npage      ${out}.md\npicture   ${out}.svg`);
}

/** The command again, without what does not change the numbers. */
function commandOf(table: Table, { recipe, set, seeds, split, arms, threads, side }: ReproduceFlags): string {
  const parts = [
    `npx qmimic reproduce ${table.name} --data DIR`,
    ...(recipe === undefined ? [] : [`--recipe ${recipe}`]),
    ...Object.entries(set).map(([key, value]) => `--set ${kebab(key)}=${value}`),
    `--seeds ${seeds}`,
    ...(arms === undefined ? [] : [`--arms ${arms.join(",")}`]),
    ...(split === "test" ? [] : [`--split ${split}`]),
    ...(side === undefined ? [] : [`--side ${side}`]),
    ...(threads === 1 ? [] : [`--threads ${threads}`]),
  ];
  return parts.join(" ");
}
