// A recipe: a value for each setting of a training run (settings.ts), read from a file and flags, and saved
// with the run.
import type { z } from "zod";
import { didYouMean, InputError } from "../errors.js";
import { DETECTORS, inputSide, kebab, kindOf } from "../models/index.js";
import { listed, quoted } from "../text.js";
import { SETTINGS, schemaOf } from "./schema.js";
import { sharedSchema } from "./settings.js";

/** A complete recipe: the common settings, and those of the detector named by `detector`. */
export type Recipe = z.infer<typeof sharedSchema>;

/** The settings of a recipe with this detector. */
export const keysOf = ({ detector }: Recipe): string[] => Object.keys(schemaOf(detector).shape);

/** A setting's value, by name. */
export const settingOf = (recipe: Recipe, key: string): unknown => (recipe as Record<string, unknown>)[key];

/** A setting's default value, by name. */
export const defaultOf = (key: string): unknown => SETTINGS.get(key)?.schema.parse(undefined);

/** Whether the setting `teacher` is a file rather than a network name. */
export const isWeightsFile = (teacher: string): boolean => teacher.endsWith(".safetensors");

/** Whether the run trains a student. */
export const trainsStudent = ({ stage }: Recipe): boolean => stage === "all" || stage === "student";

/** Whether the run's student learns from unlabelled images. */
export const usesUnlabelled = (recipe: Recipe): boolean => recipe.unlabelled !== "" && trainsStudent(recipe);

/** Whether the run's student needs a teacher: to mimic, or to label unlabelled images. */
export const needsTeacher = (recipe: Recipe): boolean =>
  recipe.method !== "scratch" || usesUnlabelled(recipe);

/** Whether the run trains a teacher. */
export const trainsTeacher = (recipe: Recipe): boolean => {
  const { stage, teacher } = recipe;
  return stage === "teacher" || (stage === "all" && needsTeacher(recipe) && !isWeightsFile(teacher));
};

/** Whether the run writes to its cache folder. */
export const usesCache = ({ method, diskCache }: Recipe): boolean => method !== "scratch" || diskCache;

/** The recipe as the teacher's stages use it: its input is the teacher's. */
export const teacherRecipe = (recipe: Recipe): Recipe => ({
  ...recipe,
  side: recipe.side * recipe.teacherScale,
  teacherScale: 1,
});

/** The recipe as a stage uses it. */
export const stageRecipe = (recipe: Recipe, stage: string): Recipe =>
  stage === "student" ? recipe : teacherRecipe(recipe);

const byKebab = new Map([...SETTINGS.keys()].map((key) => [kebab(key), key]));

/** "lambda-head" -> "lambdaHead"; undefined if it is not a setting. */
export const keyOf = (name: string): string | undefined => byKebab.get(name);

/**
 * A recipe from kebab-case settings (from a file, overridden by flags).
 * @param source where they come from, for messages
 * @throws InputError for an unknown name (suggesting the nearest one), a setting of another detector, or a
 * value out of range
 */
export function parseRecipe(settings: Record<string, unknown>, source: string): Recipe {
  const known: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(settings)) {
    const key = byKebab.get(name);
    if (!key)
      throw new InputError(`${source}: unknown setting ${quoted(name)}.${didYouMean(name, byKebab.keys())}`);
    known[key] = value;
  }
  const detector = sharedSchema.shape.detector.safeParse(known.detector);
  const schema = schemaOf(detector.success ? detector.data : DETECTORS[0]);
  for (const key of detector.success ? Object.keys(known) : []) {
    if (key in schema.shape) continue;
    const { detectors } = SETTINGS.get(key)!;
    throw new InputError(
      `${source}: ${kebab(key)} is a setting of detector ${detectors.join(", ")}, but this recipe has ${detector.data}. Remove it, or use --detector ${detectors[0]}`,
    );
  }
  const parsed = schema.safeParse(known);
  if (parsed.success) {
    const recipe = parsed.data as Recipe;
    const conflict = conflictIn(recipe) ?? kindOf(recipe.detector).conflict(recipe);
    if (conflict !== undefined) throw new InputError(`${source}: ${conflict}`);
    return recipe;
  }
  const issues = parsed.error.issues.map((issue) => {
    const key = String(issue.path[0]);
    return `${kebab(key)}: ${quoted(known[key])} is invalid: ${issue.message} (${SETTINGS.get(key)?.schema.description})`;
  });
  throw new InputError(`${source}: ${issues.join("; ")}`);
}

/** A conflict between settings that are each in range; undefined if there is none. */
function conflictIn(recipe: Recipe): string | undefined {
  const { merge, classes, quantizer, quantizerStride, stage, from, teacherInit } = recipe;
  const { side, teacherScale, liveTeacher, restarts, epochs, teacherEpochs } = recipe;
  if (merge !== "" && classes.length > 0) {
    return `merge (${quoted(merge)}) and classes (${listed(classes)}) cannot be combined. Remove one of them`;
  }
  if (quantizer === "power-of-two" && quantizerStride !== "auto") {
    return `quantizer-stride only works with quantizer uniform, not power-of-two`;
  }
  if (from !== "" && stage === "quantized-teacher") {
    return `from: stage ${stage} starts from its teacher: use --teacher FILE.safetensors`;
  }
  if (liveTeacher && teacherScale > 1)
    return "live-teacher and teacher-scale 2 cannot be combined: a live teacher sees the student's input";
  const { regionForm, mimicLoss, mimicBackground } = recipe;
  if (regionForm === "rois" && (mimicLoss === "correlation" || mimicBackground > 0))
    return `${mimicBackground > 0 ? "mimic-background" : "mimic-loss correlation"} only works with region-form cells, not rois`;
  const trained = [
    ...(trainsStudent(recipe) ? [epochs] : []),
    ...(trainsTeacher(recipe) ? [teacherEpochs] : []),
  ];
  const shortest = Math.min(...trained);
  if (restarts > 0 && restarts >= shortest)
    return `restarts is ${restarts}, but a network is trained for only ${shortest} epochs. Use fewer restarts, or more epochs`;
  if (side * teacherScale > inputSide.maxValue!)
    return `teacher-scale ${teacherScale}: the teacher's input would have ${side * teacherScale} px, expected at most ${inputSide.maxValue}. Use a smaller side`;
  if (teacherInit !== "" && !trainsTeacher(recipe)) return `teacher-init: this run trains no teacher`;
  if (teacherInit !== "" && from !== "")
    return `teacher-init and from cannot be combined: a teacher starts from only one of them`;
  return undefined;
}

/**
 * Why a setting of mimicking would do nothing; undefined if all do something. Not a conflict: recipes of earlier runs can
 * still be read.
 */
export function idleMimicry(recipe: Recipe): string | undefined {
  const { method, lambda, lambdaHead, crossHead, mimicLoss, mimicBackground } = recipe;
  if (method === "scratch" || !trainsStudent(recipe)) return undefined;
  if (lambda === 0 && lambdaHead === 0)
    return "lambda and lambda-head are both 0, so nothing would be mimicked. Use --method scratch to train without a teacher";
  if (lambda === 0 && (mimicBackground > 0 || mimicLoss === "correlation"))
    return `${mimicBackground > 0 ? "mimic-background" : "mimic-loss correlation"} applies to the feature map, whose weight lambda is 0`;
  if (crossHead && lambdaHead === 0) return "cross-head applies to the heads, whose weight lambda-head is 0";
  return undefined;
}

/** The recipe as commented YAML, sufficient to repeat the run. */
export function formatRecipe(recipe: Recipe): string {
  const lines = keysOf(recipe).map((key) => {
    const value = JSON.stringify(settingOf(recipe, key));
    return `# ${SETTINGS.get(key)?.schema.description}\n${kebab(key)}: ${value}`;
  });
  return `${lines.join("\n")}\n`;
}

/** The recipe as fine-tuning uses it: any of its few epochs can be the best, so it is evaluated after each. */
export const fineTuning = (recipe: Recipe): Recipe => ({ ...recipe, evalEvery: 1, restarts: 0 });
