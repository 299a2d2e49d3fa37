// Whether the run in a folder is the one that a table needs: its settings, its data, and the weights that it used.
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { InputError } from "../errors.js";
import { kebab, layerSettings } from "../models/index.js";
import { defaultOf, keysOf, type Recipe, settingOf, usesUnlabelled } from "../train/recipe.js";
import { compareData, fingerprintOf } from "../train/runData.js";
import { recipeFile } from "../train/runFiles.js";
import { settingsOfRun } from "../train/runFolder.js";
import { compareWeightsUsed } from "../train/runWeights.js";
import { openSplits } from "../train/splits.js";

/** Settings for where a run trains: a table's teacher may have been trained on a GPU, and its students on a CPU. */
const PLACES = ["data", "cache", "runs", "name", "threads", "device", "memory", "disk-cache"];

const OF_TEACHER = ["teacher-epochs", "teacher-lr", "teacher-init"];
const OF_QUANTIZING = [
  ...["quantized-epochs", "fine-tune-lr", "quantizer", "quantizer-stride", "quantizer-max-cost"],
];
const OF_STUDENT = ["student", "convolution", "convolution-groups", "epochs", "lr"];
const OF_MIMICRY = [
  ...["lambda", "lambda-head", "quantize-student", "quantize-prediction", "regions", "region-form"],
  ...["mimic-loss", "mimic-background", "mimic-regions", "mimic-roi-size", "live-teacher", "cross-head"],
];

const OF_PSEUDO_LABELS = ["pseudo-score", "pseudo-ignore"];

/** Settings that do not affect a run's training. */
function unused(recipe: Recipe): string[] {
  const { stage } = recipe;
  const others = stage === "student" ? [] : ["unlabelled"];
  return [...unusedOfStage(recipe), ...others, ...(usesUnlabelled(recipe) ? [] : OF_PSEUDO_LABELS)];
}

function unusedOfStage({ stage, method, from, detector }: Recipe): string[] {
  if (from !== "") {
    // The network comes from the weights, which come from a run of the table.
    const network = [...layerSettings(detector), "student", "from"].map(kebab);
    return [...network, "teacher", ...OF_TEACHER, ...OF_QUANTIZING, ...OF_MIMICRY];
  }
  if (stage === "teacher") return [...OF_STUDENT, ...OF_MIMICRY, ...OF_QUANTIZING, "method"];
  if (stage === "quantized-teacher")
    return ["teacher", "eval-every", "quantizer-max-cost", ...OF_STUDENT, ...OF_MIMICRY, ...OF_TEACHER];
  // Here `teacher` is a file from another run of the table, which is checked itself.
  const ofScratch = ["teacher-scale", ...OF_MIMICRY.filter((name) => name !== "quantize-student")];
  // From scratch it quantizes the student's map, and plain mimic counts matches with it.
  const usesStride = method !== "quantization-mimic";
  const quantizing = OF_QUANTIZING.filter((name) => !usesStride || name !== "quantizer-stride");
  return ["teacher", ...OF_TEACHER, ...quantizing, ...(method === "scratch" ? ofScratch : [])];
}

/**
 * @param checked the data of the runs that are already checked: reading it takes long, and most runs share it
 * @returns what a run from an earlier version did not record, so that it cannot be checked: "data", "weights"
 * @throws InputError if the folder has a run with different settings, other data, or other weights to start from
 */
export async function requireSameRun(
  folder: string,
  recipe: Recipe,
  checked: Set<string>,
): Promise<string[]> {
  requireSameRecipe(folder, recipe);
  // What a pruned run started from is a file that can be created again: requireSameRecipe compares its name.
  const weights = await compareWeightsUsed(folder, { ...recipe, from: "" });
  const data = fingerprintOf(folder);
  if (data !== "" && !checked.has(data)) {
    await compareData(folder, await openSplits(recipe));
    checked.add(data);
  }
  return [...(data === "" ? ["data"] : []), ...(weights ? [] : ["weights"])];
}

/** @throws InputError if the folder has a run with different settings, or pruned from other weights */
export function requireSameRecipe(folder: string, recipe: Recipe): void {
  if (!existsSync(recipeFile(folder))) return;
  const found = settingsOfRun(folder);
  const left = new Set([...PLACES, ...unused(recipe)]);
  // From scratch, the student is the only stage.
  if (recipe.method === "scratch" && found.stage === "all") found.stage = recipe.stage;
  const differences = keysOf(recipe).flatMap((key) => {
    const name = kebab(key);
    // A run from before a setting existed was trained with what is its default.
    const { [name]: value = defaultOf(key) } = found;
    const [before, now] = [value, settingOf(recipe, key)].map((one) => JSON.stringify(one));
    return left.has(name) || before === now ? [] : [`${name} ${before}, now ${now}`];
  });
  const [before, now] = [String(found.from ?? ""), recipe.from].map((path) => basename(path));
  if (before !== now) differences.push(`pruned from other weights: ${before}, now ${now}`);
  if (differences.length > 0) {
    throw new InputError(
      `${folder}: has a run with different settings (${differences.join("; ")}). Choose another folder with --runs, or remove this one.`,
    );
  }
}
