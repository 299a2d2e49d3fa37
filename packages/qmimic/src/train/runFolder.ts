// Run folders: new ones with unique names, or an existing one to resume.
import { constants, readFileSync } from "node:fs";
import { access, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { type FileLock, tryLock } from "../data/lock.js";
import { InputError } from "../errors.js";
import { checkWritable, readText, writeFileAtomic, writeFolderAtomic } from "../files.js";
import { quoted, shortened } from "../text.js";
import { threadsOf } from "./engine.js";
import { formatRecipe, isWeightsFile, parseRecipe, type Recipe, usesCache } from "./recipe.js";
import { storeData } from "./runData.js";
import { lockFile, recipeFile } from "./runFiles.js";
import { storeWeightsUsed } from "./runWeights.js";
import type { Splits } from "./splits.js";

/** A recipe is about a page of text. */
export const MAX_RECIPE_BYTES = 1e6;

/** The name of the run, unless the recipe gives one: method and network. */
const defaultName = (recipe: Recipe): string =>
  recipe.stage === "teacher" ? `teacher-${recipe.teacher}` : `${recipe.method}-${recipe.student}`;

/** The recipe with absolute paths and this machine's threads: folders, the teacher's file, threads. */
const resolved = (recipe: Recipe): Recipe => ({
  ...recipe,
  data: resolve(recipe.data),
  cache: resolve(recipe.cache),
  runs: resolve(recipe.runs),
  teacher: isWeightsFile(recipe.teacher) ? resolve(recipe.teacher) : recipe.teacher,
  teacherInit: recipe.teacherInit === "" ? "" : resolve(recipe.teacherInit),
  from: recipe.from === "" ? "" : resolve(recipe.from),
  unlabelled: recipe.unlabelled === "" ? "" : resolve(recipe.unlabelled),
  threads: threadsOf(recipe.threads),
});

/** The name of a new run's folder. @throws InputError if it cannot be created: before hours of work */
export async function requireRunFolder(recipe: Recipe): Promise<string> {
  const name = recipe.name === "" ? defaultName(recipe) : recipe.name;
  if (!/^[\w.-]+$/.test(name) || name.startsWith(".")) {
    throw new InputError(`name: ${quoted(name)} is not a folder name; use letters, digits, "-", "_" and "."`);
  }
  await checkWritable(recipe.runs);
  return name;
}

/**
 * Creates runs/<name>, or runs/<name>-2, ... if it is taken, with the recipe, and the fingerprints of its data and
 * of the weights that it uses.
 * @throws InputError if the folder cannot be written
 */
export async function createRunFolder(recipe: Recipe, splits: Splits): Promise<string> {
  const name = await requireRunFolder(recipe);
  // All from the start: a run interrupted at any moment can be resumed.
  return writeFolderAtomic(join(recipe.runs, name), async (folder) => {
    await writeFile(recipeFile(folder), formatRecipe(resolved(recipe)));
    await storeData(folder, splits, usesCache(recipe) ? recipe.cache : undefined);
    await storeWeightsUsed(folder, recipe);
  });
}

/** Records a new location of a run's data. */
export const moveData = (folder: string, recipe: Recipe): Promise<void> =>
  writeFileAtomic(recipeFile(folder), formatRecipe(resolved(recipe)));

/** The recipe of an existing run, to resume it. @throws InputError if the folder is not a run, or not writable */
export async function openRunFolder(folder: string): Promise<Recipe> {
  const recipe = await readRunRecipe(folder);
  await access(folder, constants.W_OK).catch(() => {
    throw new InputError(`${folder}: cannot write to the run folder: permission denied`);
  });
  return recipe;
}

/** The recipe of an existing run. @throws InputError if the folder is not a run */
export async function readRunRecipe(folder: string): Promise<Recipe> {
  const path = recipeFile(folder);
  const text = await readText(path, MAX_RECIPE_BYTES).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === "ENOENT" ? "it has no recipe.yaml" : `recipe.yaml: ${error.message}`;
    throw new InputError(`${folder}: not a run folder: ${why}`);
  });
  return parseRecipe(readSettings(text, path), path);
}

/**
 * Prevents other processes from training in a run folder, until release or the end of this process. Call before
 * reading or writing any file in it.
 * @throws InputError if another process trains there, or the file system has no locks
 */
export function lockRunFolder(folder: string): FileLock {
  const remedy = "Train in a folder on a local disk: --runs DIR, or move the run there before resuming";
  const lock = tryLock(lockFile(folder), remedy);
  if (lock === null) {
    throw new InputError(
      `${folder}: another process is training in this run folder. Wait for it to finish, or end it; it may also be stopped (Ctrl-Z)`,
    );
  }
  return lock;
}

/** The settings in a run's recipe, as they are there. @throws InputError if it is not flat YAML, and what node:fs throws */
export function settingsOfRun(folder: string): Record<string, unknown> {
  const path = recipeFile(folder);
  return readSettings(readFileSync(path, "utf8"), path);
}

/** Reads settings from a YAML file. @throws InputError if it is not flat YAML */
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
