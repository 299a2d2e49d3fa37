// The configurations of a recipe's networks.
import type { Dataset } from "../data/types.js";
import { configureDetector, type DetectorConfig } from "../models/index.js";
import { isWeightsFile, type Recipe, teacherRecipe } from "./recipe.js";
import { startConfig } from "./start.js";
import { readConfig } from "./weights.js";

/** The training split, on which configurations depend. */
interface TrainingData {
  dataset: Dataset;
}

/** The configuration of a student with the network `backbone`. */
export const detectorConfig = (recipe: Recipe, backbone: string, { dataset }: TrainingData): DetectorConfig =>
  configureDetector(recipe, { ...dataset, backbone, side: recipe.side });

/** The configuration of the recipe's student, without a quantizer. */
export const studentConfig = (recipe: Recipe, train: TrainingData): DetectorConfig =>
  startConfig(recipe, "student", detectorConfig(recipe, recipe.student, train));

/** The configuration of the recipe's teacher, trained by the run or from a file. Its convolutions are plain. */
export function teacherConfig(recipe: Recipe, train: TrainingData): DetectorConfig {
  const { teacher } = recipe;
  if (isWeightsFile(teacher)) return readConfig(teacher);
  const own = { ...teacherRecipe(recipe), convolution: "plain" } as const;
  return startConfig(recipe, "teacher", detectorConfig(own, teacher, train));
}
