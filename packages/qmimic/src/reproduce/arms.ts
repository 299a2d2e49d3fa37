// Tables and their arms: what is trained, with which settings, and compared with what.
import { InputError } from "../errors.js";
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
  /** Its epochs come from measured times: those of seed 0's run, once that has begun, are all seeds'. */
  timed?: boolean;
}

export interface Table {
  name: string;
  /** The question it answers. */
  question: string;
  /** The arm with which the others are compared. */
  base: string;
  arms(recipe: Recipe): Arm[];
  /** Why the table makes no sense with a recipe; undefined if it does. */
  conflict?(recipe: Recipe): string | undefined;
  /** Whether it is about unlabelled images; in other tables, all arms must have the same images. */
  ofUnlabelled?: boolean;
  /** What a reader must know to understand the numbers. */
  note?: string;
  /** Whether arms have different dictionaries, so that their match ratios cannot be compared. */
  differentDictionaries?: boolean;
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
const MIMIC_SETTINGS: Settings = { stage: "student", method: "mimic" };
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

/** Settings that make an arm another one. */
export interface Variation {
  /** Added to the arm's name. */
  name: string;
  label: string;
  settings: Settings;
}

/** An arm with other settings, by default of Quantization Mimic; if the recipe already has them, the arm's own runs. */
export function variant(recipe: Recipe, { name, label, settings }: Variation, of: Arm = QM): Arm {
  const same = Object.entries(settings).every(([key, value]) => settingOf(recipe, keyOf(key)!) === value);
  return {
    ...of,
    name: same ? of.name : `${of.name}-${name}`,
    label,
    settings: { ...of.settings, ...settings },
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
    const all = [TEACHER, QUANTIZED, QM].map(({ name }) => finished(name));
    const other = all.find(({ machine }) => machine !== student.machine);
    if (other)
      throw new InputError(
        `${other.weights} was trained with ${other.machine}, ${student.weights} with ${student.machine}: their times cannot be added. Leave out this arm with --arms, or train both on the same device with the same number of threads`,
      );
    const times =
      all.reduce((sum, { secondsPerImage }) => sum + secondsPerImage, 0) / student.secondsPerImage;
    return { ...SCRATCH_SETTINGS, epochs: Math.max(1, Math.round(times * student.epochs)) };
  },
  after: [TEACHER.name, QUANTIZED.name, SCRATCH.name, QM.name],
  timed: true,
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

/** The quantized teacher's s, times a factor. The recipe's dictionary must be uniform. */
export function strideOf(finished: (arm: string) => RunResult, times: number): Settings {
  const { quantizer } = finished(QUANTIZED.name);
  if (quantizer.kind !== "uniform") throw new InputError(`${QUANTIZED.name}: its dictionary is not uniform`);
  return { "quantizer-stride": times * quantizer.stride };
}

/** The network at half, the same and twice the width: "vgg-1-8" gives vgg-1-16, vgg-1-8, vgg-1-4. */
export function teachersAround(network: string): string[] {
  const { family, divisor } = parseBackbone(network);
  return [2, 1, 0.5]
    .map((times) => divisor * times)
    .filter((divisor) => divisor >= 1 && divisor <= 64)
    .map((divisor) => `${family}-1-${divisor}`);
}
