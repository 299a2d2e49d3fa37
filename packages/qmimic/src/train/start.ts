// Where a network's weights start: at random, in those of an earlier run (--from), or in ImageNet's (--teacher-init).
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
import { fillBackbone } from "./torchvision.js";
import { loadDetector, readConfig } from "./weights.js";

/** The stages whose networks are made anew, and may start from a file. */
type FreshStage = "teacher" | "student";

/**
 * The weights that a stage starts from: of a run folder those of its own stage, a file for the last stage that it can be for.
 * @throws InputError when there are none
 */
function startOf(recipe: Recipe, stage: FreshStage): string | undefined {
  const { from } = recipe;
  if (from === "") return undefined;
  if (!existsSync(from)) {
    throw new InputError(
      `from: ${from}: no such file or directory. Name weights (.safetensors) or a run folder`,
    );
  }
  const fresh = plannedStages(recipe).map((one) => one.stage);
  if (!statSync(from).isDirectory()) {
    const last = fresh.includes("student") ? "student" : "teacher";
    return stage === last ? from : undefined;
  }
  const own = (name: string) => join(from, name, "weights", "best.safetensors");
  if (existsSync(own(stage))) return own(stage);
  if (fresh.some((one) => existsSync(own(one)))) return undefined;
  throw new InputError(
    `from: ${from}: no run with weights of a ${stage}: ${own(stage)} is not there. Name a file`,
  );
}

/** The configuration of a stage's network, whose layers are those of the weights that it starts from. */
export function startConfig(recipe: Recipe, stage: FreshStage, fresh: DetectorConfig): DetectorConfig {
  const file = startOf(recipe, stage);
  return file === undefined ? fresh : { ...fresh, ...layersOf(readConfig(file)) };
}

/**
 * A stage's network with the weights that it starts with.
 * @param say is told in a line which these are, where they are not random
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
      ...(fresh.length > 0 ? [`new, starting anew: ${listed(fresh)}`] : []),
      ...(dropped.length > 0 ? [`left out: ${listed(dropped)}`] : []),
    ];
    say(`${stage} starts from ${file}: all layers kept; ${classes.join("; ")}`);
  }
  if (stage === "teacher" && recipe.teacherInit !== "") {
    const count = fillBackbone(detector, recipe.teacherInit);
    say(
      `${stage} starts from ${recipe.teacherInit}: ${count} tensors of its backbone; neck and heads start anew`,
    );
  }
  return detector;
}

/** @throws InputError when what the recipe starts from is not there, is damaged, or is of another kind of detector */
export function checkStarts(recipe: Recipe): void {
  adoptNetworks(recipe, () => {});
  for (const stage of ["teacher", "student"] as const) {
    const file = startOf(recipe, stage);
    if (file !== undefined) loadDetector(file).dispose();
  }
}

/**
 * The recipe with the settings of the networks that it starts from, so that it says what is trained. "auto" stays, which is
 * "as the weights have it" then.
 * @param say is told what is another setting than before
 * @throws InputError when the weights are of another kind of detector
 */
export function adoptNetworks(recipe: Recipe, say: (text: string) => void): Recipe {
  let adopted = recipe;
  for (const { stage } of recipe.from === "" ? [] : plannedStages(recipe)) {
    if (stage === "quantized-teacher") continue;
    const file = startOf(recipe, stage);
    if (file === undefined) continue;
    const config = readConfig(file);
    if (config.detector !== recipe.detector) {
      throw new InputError(
        `from: ${file} is a ${config.detector}, the recipe's detector ${recipe.detector}. Say --detector ${config.detector}`,
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
      `the network of ${file} is taken: ${changes.map(([key, value]) => `${kebab(key)} ${typeof value === "string" ? value : quoted(value)}`).join(", ")}`,
    );
    adopted = { ...adopted, ...Object.fromEntries(changes) };
  }
  return adopted;
}
