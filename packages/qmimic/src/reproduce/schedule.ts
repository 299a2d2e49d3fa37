// Trains the runs of a table, several in parallel, skipping those that other processes are training.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type FileLock, tryLock } from "../data/lock.js";
import { InputError } from "../errors.js";
import { makeFolders } from "../files.js";
import { formatRecipe, type Recipe } from "../train/recipe.js";
import { lockFile } from "../train/runFiles.js";
import { isDone, type PlannedRun, pruneArguments, recipeOf } from "./plan.js";
import { requireSameRun } from "./sameRun.js";
import { LOCK_REMEDY } from "./score.js";

export interface ScheduleOptions {
  recipe: Recipe;
  /** Parent folder of the runs. */
  runs: string;
  /** Number of runs trained in parallel. */
  parallel: number;
  /** Node's arguments to start the command line, before the command. */
  program: readonly string[];
  say(text: string): void;
}

const POLL_MS = 2000;

interface Training {
  run: PlannedRun;
  /** Resolves to the exit code. */
  ended: Promise<number>;
  stop(): void;
}

/** Stops the training runs in progress; their logs say how to resume. */
export type StopTraining = () => void;

/**
 * Trains unfinished runs. Waits for runs that other processes are training. A failed run is not retried, and
 * runs that depend on it are skipped; all others continue.
 * @param onStart receives a function that stops the training runs in progress, for interrupts
 * @throws InputError for a run with settings that differ from the table's
 * @throws InputError listing failed runs and their logs
 */
export async function trainAll(
  planned: readonly PlannedRun[],
  options: ScheduleOptions,
  onStart: (stop: StopTraining) => void = () => {},
): Promise<void> {
  const { runs, parallel, say } = options;
  for (const folder of ["plans", "logs"]) await makeFolders(join(runs, folder));
  const training = new Map<string, Training>();
  /** By name: what was wrong, or the log that says so. */
  const failed = new Map<string, string>();
  onStart(() => {
    for (const { stop } of training.values()) stop();
  });
  const byName = new Map(planned.map((run) => [run.name, run]));
  const isReady = ({ needs }: PlannedRun): boolean => needs.every((need) => isDone(byName.get(need)!));
  /** Finished runs must be those of the table. Whether they are can depend on other runs, which may have to be trained. */
  const checkFinished = async (): Promise<void> => {
    const checked = new Set<string>();
    for (const run of planned) {
      if (!isDone(run) || !isReady(run)) continue;
      await requireSameRun(run.folder, recipeOf(run, options.recipe, runs), checked);
    }
  };
  await checkFinished();
  const blocked = ({ needs }: PlannedRun): boolean =>
    needs.some((name) => failed.has(name) || blocked(byName.get(name)!));
  let waiting = "";
  for (;;) {
    const open = planned.filter((run) => !isDone(run) && !failed.has(run.name) && !blocked(run));
    if (open.length === 0) break;
    const ready = open.filter((run) => !training.has(run.name) && isReady(run));
    const elsewhere: string[] = [];
    for (const run of ready) {
      if (training.size >= parallel) break;
      let begun: Training | null;
      try {
        begun = await begin(run, options);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        failed.set(run.name, error.message);
        continue;
      }
      if (begun === null) elsewhere.push(run.name);
      else {
        training.set(run.name, begun);
        say(`${planned.filter(isDone).length} of ${planned.length} runs finished; training ${run.name}`);
      }
    }
    if (training.size === 0 && elsewhere.length > 0 && waiting !== elsewhere.join(", ")) {
      waiting = elsewhere.join(", ");
      say(`waiting for other processes that are training ${waiting}`);
    }
    const ended = await Promise.race([
      ...[...training.values()].map(async ({ run, ended }) => ({ run, code: await ended })),
      sleep(POLL_MS).then(() => null),
    ]);
    if (ended === null) continue;
    training.delete(ended.run.name);
    if (ended.code !== 0) {
      failed.set(ended.run.name, logOf(runs, ended.run.name));
      say(`${ended.run.name} failed: see ${logOf(runs, ended.run.name)}`);
    }
  }
  if (failed.size > 0) {
    const reasons = [...failed.values()].map((reason) => `  ${reason}`).join("\n");
    throw new InputError(
      `these runs failed; the message or the log says why, and the same command retries them:\n${reasons}`,
    );
  }
  await checkFinished();
}

const logOf = (runs: string, name: string): string => join(runs, "logs", `${name}.log`);

/** Starts or resumes a run. @returns null if another process is training it */
async function begin(
  run: PlannedRun,
  { recipe: base, runs, program }: ScheduleOptions,
): Promise<Training | null> {
  const { name, folder } = run;
  // Otherwise two processes could both see that the folder does not exist yet.
  const claim = tryLock(join(runs, "plans", `${name}.lock`), LOCK_REMEDY);
  if (claim === null) return null;
  try {
    if (isDone(run) || isTraining(folder)) {
      claim.release();
      return null;
    }
    const recipe = recipeOf(run, base, runs);
    await requireSameRun(folder, recipe, new Set());
    const plan = join(runs, "plans", `${name}.yaml`);
    await writeFile(plan, formatRecipe(recipe));
    const what = existsSync(folder) ? ["--resume", folder] : [plan];
    const before = pruneArguments(run, recipe, runs);
    const commands = [...(before === null ? [] : [before]), ["train", ...what]];
    return start(
      run,
      commands.map((args) => [...program, ...args]),
      logOf(runs, name),
      claim,
    );
  } catch (error) {
    claim.release();
    throw error;
  }
}

/** Whether another process is using the run's folder, for instance one whose scheduler was killed. */
function isTraining(folder: string): boolean {
  if (!existsSync(folder)) return false;
  const lock = tryLock(lockFile(folder), LOCK_REMEDY);
  lock?.release();
  return lock === null;
}

/** Runs qmimic commands one after another, as long as they succeed. */
function start(
  run: PlannedRun,
  commands: readonly (readonly string[])[],
  log: string,
  claim: FileLock,
): Training {
  let child: ChildProcess | undefined;
  const runOne = (args: readonly string[]) =>
    new Promise<number>((resolve) => {
      const output = openSync(log, "a");
      child = spawn(process.execPath, args, { stdio: ["ignore", output, output] });
      closeSync(output);
      child.on("error", () => resolve(1));
      child.on("close", (code) => resolve(code ?? 1));
    });
  const runAll = async (): Promise<number> => {
    for (const args of commands) {
      const code = await runOne(args);
      if (code !== 0) return code;
    }
    return 0;
  };
  return { run, ended: runAll().finally(() => claim.release()), stop: () => void child?.kill("SIGTERM") };
}
