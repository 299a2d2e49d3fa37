// How training held out the val images of a set without a val split: as the run's recipe says.
import { parseRecipe, type Recipe } from "../train/recipe.js";
import { openRunFolder } from "../train/runFolder.js";
import { runFolderOf } from "./weights.js";

export type HeldOut = Pick<Recipe, "trainSplit" | "valShare">;

/** @param path a weights file; if it is undefined or not in a run folder, the recipe's defaults */
export async function heldOutBy(path: string | undefined): Promise<HeldOut> {
  const run = path === undefined ? undefined : runFolderOf(path);
  const { trainSplit, valShare } = run === undefined ? parseRecipe({}, "defaults") : await openRunFolder(run);
  return { trainSplit, valShare };
}
