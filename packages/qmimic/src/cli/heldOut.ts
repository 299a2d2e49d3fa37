// How training held out the val images of a set without a val split: as the run's recipe says.
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { Recipe } from "../train/recipe.js";
import { recipeFile } from "../train/runFiles.js";
import { openRunFolder } from "../train/runFolder.js";

export type HeldOut = Pick<Recipe, "trainSplit" | "valShare">;

/** The recipe's defaults. */
export const USUAL_HOLD_OUT: HeldOut = { trainSplit: "train", valShare: 0.15 };

/** @param weights a run folder, or a weights file, usually <run>/<stage>/weights/best.safetensors */
export async function heldOutBy(weights: string): Promise<HeldOut> {
  const run = [weights, dirname(dirname(dirname(weights)))].find((folder) => existsSync(recipeFile(folder)));
  if (run === undefined) return USUAL_HOLD_OUT;
  const { trainSplit, valShare } = await openRunFolder(run);
  return { trainSplit, valShare };
}
