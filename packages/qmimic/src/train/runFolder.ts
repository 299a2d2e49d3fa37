// The folder of a run: a new name each time, or an existing one to resume.
import { constants } from "node:fs";
import { access, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { type FileLock, tryLock } from "../data/lock.js";
import { InputError } from "../errors.js";
import { readText, writeFileAtomic, writeFolderAtomic } from "../files.js";
import { quoted, shortened } from "../text.js";
import { usesCache } from "./prepare.js";
import { formatRecipe, isWeightsFile, parseRecipe, type Recipe } from "./recipe.js";
import { storeData } from "./runData.js";
import type { Splits } from "./splits.js";

const RECIPE = "recipe.yaml";
const LOCK = ".lock";
/** A recipe is a page of text. */
export const MAX_RECIPE_BYTES = 1e6;

/** The name of the run, unless the recipe gives one: method and network. */
const defaultName = (recipe: Recipe): string =>
  recipe.stage === "teacher" ? `teacher-${recipe.teacher}` : `${recipe.method}-${recipe.student}`;

/** The recipe with what depends on the place or the machine as it is here: folders, the teacher's file, threads. */
const resolved = (recipe: Recipe): Recipe => ({
  ...recipe,
  data: resolve(recipe.data),
  cache: resolve(recipe.cache),
  runs: resolve(recipe.runs),
  teacher: isWeightsFile(recipe.teacher) ? resolve(recipe.teacher) : recipe.teacher,
  teacherInit: recipe.teacherInit === "" ? "" : resolve(recipe.teacherInit),
  from: recipe.from === "" ? "" : resolve(recipe.from),
  unlabelled: recipe.unlabelled === "" ? "" : resolve(recipe.unlabelled),
  threads: recipe.threads === "auto" ? availableParallelism() : recipe.threads,
});

/**
 * Makes runs/<name>, or runs/<name>-2, ... when it is taken, and writes the recipe there, and what the data is.
 * @throws InputError when the folder cannot be written
 */
export async function createRunFolder(recipe: Recipe, splits: Splits): Promise<string> {
  const name = recipe.name === "" ? defaultName(recipe) : recipe.name;
  if (!/^[\w.-]+$/.test(name) || name.startsWith(".")) {
    throw new InputError(`name: ${quoted(name)} is not a folder name; use letters, digits, "-", "_" and "."`);
  }
  // With both from the start: a run that is cut off at any moment can be resumed.
  return writeFolderAtomic(join(recipe.runs, name), async (folder) => {
    await writeFile(join(folder, RECIPE), formatRecipe(resolved(recipe)));
    await storeData(folder, splits, usesCache(recipe) ? recipe.cache : undefined);
  });
}

/** Notes that the data of a run lies elsewhere now. */
export const moveData = (folder: string, recipe: Recipe): Promise<void> =>
  writeFileAtomic(join(folder, RECIPE), formatRecipe(resolved(recipe)));

/** The recipe of an existing run. @throws InputError when the folder is not a run, or is not writable */
export async function openRunFolder(folder: string): Promise<Recipe> {
  const path = join(folder, RECIPE);
  const text = await readText(path, MAX_RECIPE_BYTES).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === "ENOENT" ? `there is no ${RECIPE} in it` : `${RECIPE}: ${error.message}`;
    throw new InputError(`${folder}: not a run that can be resumed: ${why}`);
  });
  await access(folder, constants.W_OK).catch(() => {
    throw new InputError(`${folder}: cannot write to the run folder: permission denied`);
  });
  return parseRecipe(readSettings(text, path), path);
}

/**
 * Keeps other processes from training in a run folder, from before the first file in it is read or written until release,
 * or until this process ends.
 * @throws InputError when another process trains there, or the file system has no locks
 */
export function lockRunFolder(folder: string): FileLock {
  const remedy = "Train in a folder on a local disk: --runs DIR, or move the run there before it is resumed";
  const lock = tryLock(join(folder, LOCK), remedy);
  if (lock === null) {
    throw new InputError(
      `${folder}: another process trains in this run folder. Wait until it has ended, or end it; one that was stopped (Ctrl-Z) counts too`,
    );
  }
  return lock;
}

/** Settings of a YAML file. @throws InputError when it is not flat YAML */
export function readSettings(text: string, path: string): Record<string, unknown> {
  let settings: unknown;
  try {
    settings = parse(text, { maxAliasCount: 0 }) ?? {};
  } catch (error) {
    throw new InputError(`${path}: not YAML: ${shortened((error as Error).message.split("\n")[0])}`);
  }
  if (typeof settings !== "object" || settings === null || Array.isArray(settings)) {
    throw new InputError(`${path}: expected settings as "name: value" lines`);
  }
  return settings as Record<string, unknown>;
}
