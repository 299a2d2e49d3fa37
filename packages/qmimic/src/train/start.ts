// Initial weights of a network: random, from an earlier run (--from), or from ImageNet (--teacher-init).
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { createRandom } from "../data/random.js";
import { InputError } from "../errors.js";
import {
  createDetector,
  type Detector,
  type DetectorConfig,
  kebab,
  layersOf,
  transferWeights,
} from "../models/index.js";
import { listed, quoted } from "../text.js";
import { plannedStages } from "./plan.js";
import { type Recipe, settingOf } from "./recipe.js";
import { weightFiles } from "./runFiles.js";
import { fillBackbone } from "./torchvision.js";
import { loadDetector, readConfig } from "./weights.js";

/** The stages that create networks, which may start from a file. */
type FreshStage = "teacher" | "student";

/**
 * The weights that a stage starts from: from a run folder, those of the same stage; a file is for the last
 * possible stage.
 * @throws InputError if there are none
 */
function startOf(recipe: Recipe, stage: FreshStage): string | undefined {
  const { from } = recipe;
  if (from === "") return undefined;
  if (!existsSync(from)) {
    throw new InputError(
      `from: ${from}: no such file or directory. Expected a weights file (.safetensors) or a run folder`,
    );
  }
  const fresh = plannedStages(recipe).map(({ stage }) => stage);
  if (!statSync(from).isDirectory()) {
    const last = fresh.includes("student") ? "student" : "teacher";
    return stage === last ? from : undefined;
  }
  const weights = (name: string) => weightFiles(join(from, name)).best;
  if (existsSync(weights(stage))) return weights(stage);
  if (fresh.some((other) => existsSync(weights(other)))) return undefined;
  throw new InputError(
    `from: ${from}: no ${stage} weights found: ${weights(stage)} does not exist. Use a weights file`,
  );
}

/** The files that the run's stages start from because of `from`. */
export function startsOf(recipe: Recipe): [stage: FreshStage, path: string][] {
  const stages = recipe.from === "" ? [] : plannedStages(recipe);
  return stages.flatMap(({ stage }): [FreshStage, string][] => {
    const file = stage === "quantized-teacher" ? undefined : startOf(recipe, stage);
    return file === undefined ? [] : [[stage as FreshStage, file]];
  });
}

/** The configuration of a stage's network, with the layers of the weights that it starts from. */
export function startConfig(recipe: Recipe, stage: FreshStage, fresh: DetectorConfig): DetectorConfig {
  const file = startOf(recipe, stage);
  return file === undefined ? fresh : { ...fresh, ...layersOf(readConfig(file)) };
}

/**
 * A stage's network with its initial weights.
 * @param say called with a description of the weights, unless they are random
 */
export function startDetector(
  recipe: Recipe,
  stage: FreshStage,
  config: DetectorConfig,
  say: (text: string) => void,
): Detector {
  const detector = createDetector(config, createRandom(`${recipe.seed}/weights/${stage}`));
  const file = startOf(recipe, stage);
  if (file !== undefined) {
    const earlier = loadDetector(file);
    const { kept, fresh, dropped } = transferWeights(detector, earlier);
    earlier.dispose();
    const classes = [
      ...(kept.length > 0 ? [`classes kept: ${listed(kept)}`] : []),
      ...(fresh.length > 0 ? [`new, trained from scratch: ${listed(fresh)}`] : []),
      ...(dropped.length > 0 ? [`left out: ${listed(dropped)}`] : []),
    ];
    say(`${stage} starts from ${file}: all layers kept; ${classes.join("; ")}`);
  }
  if (stage === "teacher" && recipe.teacherInit !== "") {
    const count = fillBackbone(detector, recipe.teacherInit);
    say(
      `${stage} starts from ${recipe.teacherInit}: ${count} tensors of its backbone; neck and heads start from scratch`,
    );
  }
  return detector;
}

/** @throws InputError if the recipe's initial weights are missing, damaged, or of another detector */
export function checkStarts(recipe: Recipe): void {
  adoptNetworks(recipe, () => {});
  for (const [, file] of startsOf(recipe)) loadDetector(file).dispose();
}

/**
 * The recipe with the settings of the networks that it starts from, so that it describes what is trained.
 * "auto" is kept, and then means the weights' value.
 * @param say called with the changed settings
 * @throws InputError if the weights are of another detector
 */
export function adoptNetworks(recipe: Recipe, say: (text: string) => void): Recipe {
  let adopted = recipe;
  for (const [stage, file] of startsOf(recipe)) {
    const config = readConfig(file);
    if (config.detector !== recipe.detector) {
      throw new InputError(
        `from: ${file} is a ${config.detector}, but the recipe's detector is ${recipe.detector}. Use --detector ${config.detector}`,
      );
    }
    const { backbone, convolution, convolutionGroups, shapes: _, ...shared } = layersOf(config);
    const ofStudent = stage === "student" ? { convolution, convolutionGroups } : {};
    const settings: Record<string, unknown> = { ...shared, ...ofStudent, [stage]: backbone };
    const differs = ([key, value]: [string, unknown]): boolean => {
      const now = settingOf(adopted, key);
      return now !== "auto" && JSON.stringify(now) !== JSON.stringify(value);
    };
    const changes = Object.entries(settings).filter(differs);
    if (changes.length === 0) continue;
    say(
      `using the network of ${file}: ${changes.map(([key, value]) => `${kebab(key)} ${typeof value === "string" ? value : quoted(value)}`).join(", ")}`,
    );
    adopted = { ...adopted, ...Object.fromEntries(changes) };
  }
  return adopted;
}
