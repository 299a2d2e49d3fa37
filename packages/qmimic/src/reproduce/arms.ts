// Tables and their arms: what is trained, with which settings, and compared with what.
import { kebab, parseBackbone, widthOfCost } from "../models/index.js";
import type { PruningMethod } from "../prune/prune.js";
import { keyOf, type Recipe, settingOf } from "../train/recipe.js";
import type { RunResult } from "./runResult.js";

/** Settings by their kebab-case names, which override the given recipe. */
export type Settings = Record<string, unknown>;

/** One row of a table: a network trained with these settings, once per seed. */
export interface Arm {
  /** Part of the run's name: arms with the same name have the same settings in all tables. */
  name: string;
  /** Displayed label. */
  label: string;
  settings: Settings | ((finished: (arm: string) => RunResult) => Settings);
  /** The arm that trains its teacher. */
  teacher?: string;
  /** Other arms that must be finished first, because its settings depend on them. */
  after?: readonly string[];
  /** Starts from the weights of arm `of`, pruned to the multiply-adds of arm `like`. */
  pruned?: { method: PruningMethod; of: string; like: string };
  /** Trained only with seed 0: teachers. */
  once?: boolean;
}

export interface Table {
  name: string;
  /** The question it answers. */
  question: string;
  /** The arm with which the others are compared. */
  base: string;
  arms(recipe: Recipe): Arm[];
}

export const TEACHER_SETTINGS: Settings = { stage: "teacher" };
export const TEACHER: Arm = { name: "teacher", label: "teacher", settings: TEACHER_SETTINGS, once: true };
export const QUANTIZED_SETTINGS: Settings = { stage: "quantized-teacher", method: "quantization-mimic" };
export const QUANTIZED: Arm = {
  name: "quantized-teacher",
  label: "teacher, quantized and fine-tuned",
  settings: QUANTIZED_SETTINGS,
  teacher: "teacher",
  once: true,
};
/** If a recipe sets s, a student from scratch would be quantized. */
export const SCRATCH_SETTINGS: Settings = {
  ...{ stage: "student", method: "scratch", "quantizer-stride": "auto" },
  // Without a teacher, there is nothing to label the images.
  unlabelled: "",
};
export const SCRATCH: Arm = { name: "scratch", label: "student from scratch", settings: SCRATCH_SETTINGS };
export const MIMIC_SETTINGS: Settings = { stage: "student", method: "mimic" };
export const MIMIC: Arm = {
  name: "mimic",
  label: "plain mimic",
  settings: MIMIC_SETTINGS,
  teacher: "teacher",
};
export const QM_SETTINGS: Settings = { stage: "student", method: "quantization-mimic" };
export const QM: Arm = {
  name: "quantization-mimic",
  label: "Quantization Mimic",
  settings: QM_SETTINGS,
  teacher: "quantized-teacher",
};

/**
 * Quantization Mimic with these settings; if the recipe already has them, the run of the Quantization Mimic
 * arm.
 */
export function variant(recipe: Recipe, name: string, label: string, settings: Settings): Arm {
  const same = Object.entries(settings).every(([key, value]) => settingOf(recipe, keyOf(key)!) === value);
  return {
    ...QM,
    name: same ? QM.name : `${QM.name}-${name}`,
    label,
    settings: { ...QM_SETTINGS, ...settings },
  };
}

/**
 * From scratch, for as long as teacher, quantized teacher and student took together; computing the teacher's maps is not
 * counted.
 */
export const SCRATCH_LONG: Arm = {
  name: "scratch-long",
  label: "student from scratch, same total training time",
  settings: (finished) => {
    const student = finished(SCRATCH.name);
    const all = [TEACHER, QUANTIZED, QM].map(({ name }) => finished(name).trainingSeconds);
    const times = all.reduce((sum, seconds) => sum + seconds, 0) / student.trainingSeconds;
    return { ...SCRATCH_SETTINGS, epochs: Math.max(1, Math.round(times * student.epochs)) };
  },
  after: [TEACHER.name, QUANTIZED.name, SCRATCH.name, QM.name],
};

/**
 * From scratch, with another type of layers, as wide as the plain student's multiply-adds allow. Its heads are
 * the same.
 */
export const otherLayers = (recipe: Recipe, convolution: "separable" | "grouped"): Arm => ({
  name: convolution,
  label: `student with ${convolution} layers`,
  settings: (finished) => {
    const { config, cost } = finished(SCRATCH.name);
    const { convolutionGroups } = recipe;
    const { backbone } = widthOfCost(cost.multiplyAdds, config.backbone, (name) => ({
      ...config,
      backbone: name,
      convolution,
      convolutionGroups,
    }));
    const chosen = Object.entries(config).filter(([key]) => settingOf(recipe, key) === "auto");
    const heads = Object.fromEntries(chosen.map(([key, value]) => [kebab(key), value]));
    return { ...SCRATCH_SETTINGS, student: backbone, convolution, ...heads };
  },
  after: [SCRATCH.name],
});

export const pruned = (method: PruningMethod, label: string): Arm => ({
  name: `pruned-${method}`,
  label: `teacher pruned by ${label}, fine-tuned`,
  settings: SCRATCH_SETTINGS,
  pruned: { method, of: TEACHER.name, like: SCRATCH.name },
});

/** The quantized teacher's s, times a factor. */
export function strideOf(finished: (arm: string) => RunResult, times: number): Settings {
  const { quantizer } = finished(QUANTIZED.name);
  return { "quantizer-stride": quantizer.kind === "uniform" ? times * quantizer.stride : "auto" };
}

/** The network at half, the same and twice the width: "vgg-1-8" gives vgg-1-16, vgg-1-8, vgg-1-4. */
export function teachersAround(network: string): string[] {
  const { family, divisor } = parseBackbone(network);
  return [2, 1, 0.5]
    .map((times) => divisor * times)
    .filter((divisor) => divisor >= 1 && divisor <= 64)
    .map((divisor) => `${family}-1-${divisor}`);
}
