// How training held out the val images of a set without a val split: as the run's recipe says.
import { readText } from "../files.js";
import { parseRecipe, type Recipe } from "../train/recipe.js";
import { recipeFile } from "../train/runFiles.js";
import { MAX_RECIPE_BYTES, readSettings } from "../train/runFolder.js";
import { runFolderOf } from "./weights.js";

export type HeldOut = Pick<Recipe, "trainSplit" | "valShare">;

/** @param path a weights file or an exported file; if it is not in a run folder, the recipe's defaults */
export async function heldOutBy(path: string): Promise<HeldOut> {
  const run = runFolderOf(path);
  const { trainSplit, valShare } = run === undefined ? parseRecipe({}, "defaults") : await readRecipe(run);
  return { trainSplit, valShare };
}

/** Not openRunFolder, which refuses runs that may only be read. */
async function readRecipe(run: string): Promise<Recipe> {
  const path = recipeFile(run);
  return parseRecipe(readSettings(await readText(path, MAX_RECIPE_BYTES), path), path);
}
