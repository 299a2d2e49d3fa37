// The comparisons that can be run by name: which students are trained, and what each is compared with.
import { DETECTORS, kebab, parseBackbone, widthOfCost } from "../models/index.js";
import type { PruningMethod } from "../prune/prune.js";
import { keyOf, type Recipe, settingOf } from "../train/recipe.js";
import type { RunResult } from "./runResult.js";

/** Settings of a recipe by their names in a file, laid over the recipe that is given. */
export type Settings = Record<string, unknown>;

/** One line of a table: a network that is trained with these settings, once a seed. */
export interface Arm {
  /** Part of the run's name: two arms of one name have the same settings, in whatever table. */
  name: string;
  /** What people read. */
  label: string;
  settings: Settings | ((finished: (arm: string) => RunResult) => Settings);
  /** The arm whose weights are its teacher's. */
  teacher?: string;
  /** Other arms that have to be finished first, because its settings depend on them. */
  after?: readonly string[];
  /** Starts from the weights of arm `of`, pruned to the multiply-adds of arm `like`. */
  pruned?: { method: PruningMethod; of: string; like: string };
  /** Trained with seed 0 alone: teachers. */
  once?: boolean;
}

export interface Table {
  name: string;
  /** What it answers, for people. */
  question: string;
  /** The arm that the others are compared with. */
  base: string;
  arms(recipe: Recipe): Arm[];
}

const TEACHER_SETTINGS: Settings = { stage: "teacher" };
const TEACHER: Arm = { name: "teacher", label: "teacher", settings: TEACHER_SETTINGS, once: true };
const QUANTIZED_SETTINGS: Settings = { stage: "quantized-teacher", method: "quantization-mimic" };
const QUANTIZED: Arm = {
  name: "quantized-teacher",
  label: "teacher, quantized and fine-tuned",
  settings: QUANTIZED_SETTINGS,
  teacher: "teacher",
  once: true,
};
/** Where a recipe names an s, a student from scratch would be rounded. */
const SCRATCH_SETTINGS: Settings = { stage: "student", method: "scratch", "quantizer-stride": "auto" };
const SCRATCH: Arm = { name: "scratch", label: "student from scratch", settings: SCRATCH_SETTINGS };
const MIMIC: Arm = {
  name: "mimic",
  label: "plain mimic",
  settings: { stage: "student", method: "mimic" },
  teacher: "teacher",
};
const QM_SETTINGS: Settings = { stage: "student", method: "quantization-mimic" };
const QM: Arm = {
  name: "quantization-mimic",
  label: "Quantization Mimic",
  settings: QM_SETTINGS,
  teacher: "quantized-teacher",
};

/** Quantization Mimic with these settings; where the recipe has them already, it is Quantization Mimic's own run. */
function variant(recipe: Recipe, name: string, label: string, settings: Settings): Arm {
  const same = Object.entries(settings).every(([key, value]) => settingOf(recipe, keyOf(key)!) === value);
  return {
    ...QM,
    name: same ? QM.name : `${QM.name}-${name}`,
    label,
    settings: { ...QM_SETTINGS, ...settings },
  };
}

/** From scratch for as long as teacher, quantized teacher and student take together, by the time that theirs took. */
const SCRATCH_LONG: Arm = {
  name: "scratch-long",
  label: "student from scratch, for the time of all three",
  settings: (finished) => {
    const student = finished(SCRATCH.name);
    const all = [TEACHER, QUANTIZED, SCRATCH].map(({ name }) => finished(name).trainingSeconds);
    const times = all.reduce((sum, seconds) => sum + seconds, 0) / student.trainingSeconds;
    return { ...SCRATCH_SETTINGS, epochs: Math.max(1, Math.round(times * student.epochs)) };
  },
  after: [TEACHER.name, QUANTIZED.name, SCRATCH.name],
};

/** From scratch, with layers of another kind, as wide as the plain student's multiply-adds allow. Its heads are the plain one's. */
const otherLayers = (recipe: Recipe, convolution: "separable" | "grouped"): Arm => ({
  name: convolution,
  label: `student of ${convolution} layers`,
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

const pruned = (method: PruningMethod, label: string): Arm => ({
  name: `pruned-${method}`,
  label: `teacher pruned by ${label}, fine-tuned`,
  settings: SCRATCH_SETTINGS,
  pruned: { method, of: TEACHER.name, like: SCRATCH.name },
});

/** The s of the quantized teacher, times a factor. */
function strideOf(finished: (arm: string) => RunResult, times: number): Settings {
  const { quantizer } = finished(QUANTIZED.name);
  return { "quantizer-stride": quantizer.kind === "uniform" ? times * quantizer.stride : "auto" };
}

const LAMBDAS = [0.25, 1, 4, 16];
const STRIDES = [0.25, 0.5, 1, 2];

export const TABLES: readonly Table[] = [
  {
    name: "main",
    question: "Does a student gain from a teacher, and from its quantization?",
    base: SCRATCH.name,
    arms: () => [TEACHER, QUANTIZED, SCRATCH, SCRATCH_LONG, MIMIC, QM],
  },
  {
    name: "rivals",
    question: "Are other ways to as few multiply-adds as good as a narrow student?",
    base: SCRATCH.name,
    arms: (recipe) => [
      TEACHER,
      QUANTIZED,
      SCRATCH,
      otherLayers(recipe, "separable"),
      otherLayers(recipe, "grouped"),
      pruned("lasso", "LASSO"),
      pruned("taylor", "Taylor's criterion"),
      MIMIC,
      QM,
    ],
  },
  {
    name: "detectors",
    question: "Which kind of detector is best from scratch at this size?",
    base: DETECTORS[0],
    arms: () =>
      DETECTORS.map((detector) => ({
        name: detector,
        label: detector,
        settings: { ...SCRATCH_SETTINGS, detector },
      })),
  },
  {
    name: "quantize-both",
    question: "Is it better to round the student's map too?",
    base: SCRATCH.name,
    arms: (recipe) => [
      TEACHER,
      QUANTIZED,
      SCRATCH,
      variant(recipe, "both", "both maps rounded", { "quantize-student": true }),
      variant(recipe, "teacher", "the teacher's alone", { "quantize-student": false }),
    ],
  },
  {
    name: "student-only",
    question: "Does rounding the student's map help without a teacher?",
    base: SCRATCH.name,
    arms: () => [
      TEACHER,
      QUANTIZED,
      SCRATCH,
      {
        ...SCRATCH,
        name: `${SCRATCH.name}-rounded`,
        label: "from scratch, its map rounded as the teacher's",
        settings: (finished) => ({ ...SCRATCH_SETTINGS, "quantize-student": true, ...strideOf(finished, 1) }),
        after: [QUANTIZED.name],
      },
      QM,
    ],
  },
  {
    name: "regions",
    question: "Where is it best to mimic?",
    base: SCRATCH.name,
    arms: (recipe) => [
      TEACHER,
      QUANTIZED,
      SCRATCH,
      ...["proposals", "ground-truth", "jittered"].map((regions) =>
        variant(recipe, regions, regions, { regions }),
      ),
    ],
  },
  {
    name: "uniform-vs-power",
    question: "Is a uniform dictionary better than powers of two?",
    base: QM.name,
    arms: () => {
      const power = { quantizer: "power-of-two" };
      const teacher = { ...QUANTIZED, name: "power-of-two-teacher", label: "teacher, powers of two" };
      return [
        TEACHER,
        QUANTIZED,
        { ...teacher, settings: { ...QUANTIZED_SETTINGS, ...power } },
        { ...QM, label: "uniform" },
        {
          ...QM,
          name: `${QM.name}-power-of-two`,
          label: "powers of two",
          settings: { ...QM_SETTINGS, ...power },
          teacher: teacher.name,
        },
      ];
    },
  },
  {
    name: "lambda",
    question: "How much should the mimic loss weigh?",
    base: SCRATCH.name,
    arms: (recipe) => [
      TEACHER,
      QUANTIZED,
      SCRATCH,
      ...LAMBDAS.map((lambda) => variant(recipe, `lambda-${lambda}`, `lambda ${lambda}`, { lambda })),
    ],
  },
  {
    name: "stride-of-q",
    question: "How fine should the dictionary be?",
    base: QM.name,
    arms: () => [
      TEACHER,
      QUANTIZED,
      QM,
      ...STRIDES.filter((times) => times !== 1).flatMap((times): Arm[] => {
        const teacher = `quantized-teacher-s-${times}`;
        return [
          {
            ...QUANTIZED,
            name: teacher,
            label: `teacher, s times ${times}`,
            settings: (finished) => ({ ...QUANTIZED_SETTINGS, ...strideOf(finished, times) }),
            after: [QUANTIZED.name],
          },
          { ...QM, name: `${QM.name}-s-${times}`, label: `s times ${times}`, teacher },
        ];
      }),
    ],
  },
  {
    name: "teacher-size",
    question: "How large should the teacher be?",
    base: SCRATCH.name,
    arms: ({ teacher: own }) => [
      SCRATCH,
      ...teachersAround(own).flatMap((network): Arm[] => [
        {
          ...TEACHER,
          name: `teacher-${network}`,
          label: network,
          settings: { ...TEACHER_SETTINGS, teacher: network },
        },
        {
          ...QUANTIZED,
          name: `quantized-${network}`,
          label: `${network}, quantized`,
          teacher: `teacher-${network}`,
        },
        {
          ...QM,
          name: `${QM.name}-from-${network}`,
          label: `taught by ${network}`,
          teacher: `quantized-${network}`,
        },
      ]),
    ],
  },
];

/** The network with half, the same and twice the width: "vgg-1-8" gives vgg-1-16, vgg-1-8, vgg-1-4. */
function teachersAround(network: string): string[] {
  const { family, divisor: own } = parseBackbone(network);
  return [2, 1, 0.5]
    .map((times) => own * times)
    .filter((divisor) => divisor >= 1 && divisor <= 64)
    .map((divisor) => `${family}-1-${divisor}`);
}
