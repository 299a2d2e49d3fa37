// Trains the runs of a table, several in parallel, skipping those that other processes are training.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type FileLock, RUNS_LOCK_REMEDY, tryLock } from "../data/lock.js";
import { InputError } from "../errors.js";
import { makeFolders } from "../files.js";
import { formatRecipe, type Recipe, usesUnlabelled } from "../train/recipe.js";
import { lockFile, recipeFile } from "../train/runFiles.js";
import { settingsOfRun } from "../train/runFolder.js";
import { isDone, type PlannedRun, pruneArguments, recipeOf } from "./plan.js";
import { requireSameRecipe, requireSameRun } from "./sameRun.js";

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
 * @throws InputError listing runs that failed, with their logs, and finished runs that are not the table's: with other
 * settings, data or weights
 */
export async function trainAll(
  planned: readonly PlannedRun[],
  options: ScheduleOptions,
  onStart: (stop: StopTraining) => void = () => {},
): Promise<void> {
  const { recipe, runs, parallel, say } = options;
  for (const folder of ["plans", "logs"]) await makeFolders(join(runs, folder));
  const training = new Map<string, Training>();
  /** By name: what was wrong, or the log that says so. */
  const failed = new Map<string, string>();
  onStart(() => {
    for (const { stop } of training.values()) stop();
  });
  const fail = ({ name }: PlannedRun, reason: string): void => {
    failed.set(name, reason);
    say(`${name} failed: ${reason}`);
  };
  /** Throws what is not an InputError. */
  const failWith = (run: PlannedRun, error: unknown): void => {
    if (!(error instanceof InputError)) throw error;
    fail(run, error.message);
  };
  const byName = new Map(planned.map((run) => [run.name, run]));
  /** Finished runs that are those of the table, as far as they and all that they depend on can tell. */
  const verified = new Set<string>();
  const sameData = new Set<string>();
  const isReady = ({ needs }: PlannedRun): boolean => needs.every((need) => verified.has(need));
  const verify = async (): Promise<void> => {
    // In the order of the plan, a run comes after those that it needs.
    for (const run of planned) {
      if (verified.has(run.name) || failed.has(run.name) || !isDone(run) || !isReady(run)) continue;
      try {
        const unknown = await requireSameRun(run.folder, recipeOf(run, recipe, runs), sameData);
        if (unknown.length > 0)
          say(
            `${run.name}: from an earlier version, which did not record its ${unknown.join(" and ")}: not checked`,
          );
        verified.add(run.name);
      } catch (error) {
        failWith(run, error);
      }
    }
  };
  const throwFailures = (): void => {
    if (failed.size === 0) return;
    const reasons = [...failed.values()].map((reason) => `  ${reason}`).join("\n");
    throw new InputError(
      `these runs failed; the message or the log says why, and the same command retries them:\n${reasons}`,
    );
  };
  // Before anything is trained, a run that is not the table's is a reason to stop.
  await verify();
  throwFailures();
  const blocked = ({ needs }: PlannedRun): boolean =>
    needs.some((name) => failed.has(name) || blocked(byName.get(name)!));
  const ended: Training[] = [];
  let wake = (): void => {};
  let waiting = "";
  for (;;) {
    await verify();
    // Another process may have finished a run since it was looked at.
    const open = planned.filter((run) => !verified.has(run.name) && !failed.has(run.name) && !blocked(run));
    if (open.length === 0) break;
    const ready = open.filter((run) => !isDone(run) && !training.has(run.name) && isReady(run));
    const elsewhere: string[] = [];
    for (const run of ready) {
      if (training.size >= parallel) break;
      try {
        const begun = await begin(run, options);
        if (begun === null) {
          elsewhere.push(run.name);
          continue;
        }
        training.set(run.name, begun);
        const end = () => {
          ended.push(begun);
          wake();
        };
        begun.ended.then(end, end);
        say(`${planned.filter(isDone).length} of ${planned.length} runs finished; training ${run.name}`);
      } catch (error) {
        failWith(run, error);
      }
    }
    if (training.size === 0 && elsewhere.length > 0 && waiting !== elsewhere.join(", ")) {
      waiting = elsewhere.join(", ");
      say(`waiting for other processes that are training ${waiting}`);
    }
    if (ended.length === 0)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    for (const { run, ended: code } of ended.splice(0)) {
      training.delete(run.name);
      if ((await code) !== 0) fail(run, `see ${logOf(runs, run.name)}`);
    }
  }
  throwFailures();
}

const logOf = (runs: string, name: string): string => join(runs, "logs", `${name}.log`);

/** Starts or resumes a run. @returns null if another process is training it */
async function begin(
  run: PlannedRun,
  { recipe: base, runs, program }: ScheduleOptions,
): Promise<Training | null> {
  const { name, folder } = run;
  // Otherwise two processes could both see that the folder does not exist yet.
  const claim = tryLock(join(runs, "plans", `${name}.lock`), RUNS_LOCK_REMEDY);
  if (claim === null) return null;
  try {
    if (isDone(run) || isTraining(folder)) {
      claim.release();
      return null;
    }
    if (existsSync(folder) && !existsSync(recipeFile(folder)))
      throw new InputError(
        `${folder}: not a run folder: it has no recipe.yaml. Remove it to train this run.`,
      );
    const recipe = recipeOf(run, base, runs);
    // Data and weights are checked when it is resumed.
    requireSameRecipe(folder, recipe);
    const plan = join(runs, "plans", `${name}.yaml`);
    await writeFile(plan, formatRecipe(recipe));
    const what = existsSync(folder) ? ["--resume", folder, ...placesOf(folder, recipe)] : [plan];
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

/** Flags for the data of an interrupted run, if they are not where its recipe says: the table's data are meant. */
function placesOf(folder: string, recipe: Recipe): string[] {
  const found = settingsOfRun(folder);
  const keys = usesUnlabelled(recipe) ? (["data", "unlabelled"] as const) : (["data"] as const);
  return keys.flatMap((key) => (found[key] === resolve(recipe[key]) ? [] : [`--${key}`, recipe[key]]));
}

/** Whether another process is using the run's folder, for instance one whose scheduler was killed. */
function isTraining(folder: string): boolean {
  if (!existsSync(folder)) return false;
  const lock = tryLock(lockFile(folder), RUNS_LOCK_REMEDY);
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
      // With the claim, which thus lasts while either this process or the child does: until the run has a folder, nothing
      // else says that it is being trained.
      child = spawn(process.execPath, args, { stdio: ["ignore", output, output, claim.file] });
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
