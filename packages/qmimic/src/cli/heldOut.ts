// How training held out the val images of a set without a val split: as the run's recipe says.
import { parseRecipe, type Recipe } from "../train/recipe.js";
import { runFolderOf } from "../train/runFiles.js";
import { readRunRecipe } from "../train/runFolder.js";

export type HeldOut = Pick<Recipe, "trainSplit" | "valShare">;

/** @param path a weights file or an exported file; if it is not in a run folder, the recipe's defaults */
export async function heldOutBy(path: string): Promise<HeldOut> {
  const run = runFolderOf(path);
  const { trainSplit, valShare } = run === undefined ? parseRecipe({}, "defaults") : await readRunRecipe(run);
  return { trainSplit, valShare };
}
