// The named comparisons: which students are trained, and with what they are compared.
import { DETECTORS } from "../models/index.js";
import type { Recipe } from "../train/recipe.js";
import {
  type Arm,
  MIMIC,
  MIMIC_SETTINGS,
  otherLayers,
  pruned,
  QM,
  QM_SETTINGS,
  QUANTIZED,
  QUANTIZED_SETTINGS,
  SCRATCH,
  SCRATCH_LONG,
  SCRATCH_SETTINGS,
  strideOf,
  TEACHER,
  TEACHER_SETTINGS,
  teachersAround,
  variant,
} from "./arms.js";
import { fewLabels, SCRATCH_OF_FEW } from "./fewLabels.js";

export interface Table {
  name: string;
  /** The question it answers. */
  question: string;
  /** The arm with which the others are compared. */
  base: string;
  arms(recipe: Recipe): Arm[];
}

const LAMBDAS = [0.25, 1, 4, 16, 64];
const RESTARTS = [1, 2, 3];
const STRIDES = [0.25, 0.5, 1, 2];

/** A student and its teacher with this kind of dictionary; if the recipe has it, the runs of the common arms. */
function withQuantizer(recipe: Recipe, quantizer: string): Arm[] {
  const label = quantizer === "uniform" ? "uniform" : "powers of two";
  if (quantizer === recipe.quantizer) return [{ ...QM, label }];
  const settings = { quantizer, "quantizer-stride": "auto" };
  const teacher: Arm = {
    ...QUANTIZED,
    name: `${quantizer}-teacher`,
    label: `teacher, ${label}`,
    settings: { ...QUANTIZED_SETTINGS, ...settings },
  };
  return [teacher, { ...variant(recipe, quantizer, label, settings), teacher: teacher.name }];
}

/** A student with a teacher of this network; the runs of the common arms if it is the recipe's. */
function ofSize(network: string, isRecipes: boolean): Arm[] {
  const labels = [network, `${network}, quantized`, `taught by ${network}`];
  if (isRecipes) return [TEACHER, QUANTIZED, QM].map((arm, i) => ({ ...arm, label: labels[i] }));
  const [teacher, quantized] = [`teacher-${network}`, `quantized-${network}`];
  const settings = { ...TEACHER_SETTINGS, teacher: network };
  return [
    { ...TEACHER, name: teacher, label: labels[0], settings },
    { ...QUANTIZED, name: quantized, label: labels[1], teacher },
    { ...QM, name: `${QM.name}-from-${network}`, label: labels[2], teacher: quantized },
  ];
}

export const TABLES: readonly Table[] = [
  {
    name: "main",
    question: "Does a student benefit from a teacher, and from quantization?",
    base: SCRATCH.name,
    arms: () => [TEACHER, QUANTIZED, SCRATCH, MIMIC, QM, SCRATCH_LONG],
  },
  {
    name: "rivals",
    question: "Are other ways to save multiply-adds as good as a narrow student?",
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
    question: "Which detector is best from scratch at this size?",
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
    question: "Should the student's feature map be quantized too?",
    base: SCRATCH.name,
    arms: (recipe) => [
      TEACHER,
      QUANTIZED,
      SCRATCH,
      variant(recipe, "both", "both maps quantized", { "quantize-student": true }),
      variant(recipe, "teacher", "only the teacher's map", { "quantize-student": false }),
    ],
  },
  {
    name: "student-only",
    question: "Does quantizing the student's feature map help without a teacher?",
    base: SCRATCH.name,
    arms: () => [
      TEACHER,
      QUANTIZED,
      SCRATCH,
      {
        ...SCRATCH,
        name: `${SCRATCH.name}-rounded`,
        label: "from scratch, map quantized like the teacher's",
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
    arms: (recipe) => [
      TEACHER,
      QUANTIZED,
      ...["uniform", "power-of-two"].flatMap((quantizer) => withQuantizer(recipe, quantizer)),
    ],
  },
  {
    name: "map-or-heads",
    question: "What should the student mimic: the feature map, the heads, or both?",
    base: SCRATCH.name,
    arms: (recipe) => [
      TEACHER,
      QUANTIZED,
      SCRATCH,
      {
        ...MIMIC,
        name: `${MIMIC.name}-map`,
        label: "plain mimic, map only",
        settings: { ...MIMIC_SETTINGS, "lambda-head": 0 },
      },
      variant(recipe, "map", "map only, quantized", { "lambda-head": 0 }),
      variant(recipe, "heads", "heads only", { lambda: 0 }),
      variant(recipe, "both", "map and heads", { lambda: 1, "lambda-head": 1 }),
      variant(recipe, "cross-head", "map, and the teacher's head on it", { "cross-head": true }),
    ],
  },
  {
    name: "teacher-input",
    question: "Does a teacher with a larger input teach more?",
    base: SCRATCH.name,
    arms: () => {
      const large = { "teacher-scale": 2 };
      return [
        TEACHER,
        QUANTIZED,
        SCRATCH,
        QM,
        {
          ...TEACHER,
          name: "teacher-large-input",
          label: "teacher, twice the input",
          settings: { ...TEACHER_SETTINGS, ...large },
        },
        {
          ...QUANTIZED,
          name: "quantized-teacher-large-input",
          label: "the same, quantized and fine-tuned",
          settings: { ...QUANTIZED_SETTINGS, ...large },
          teacher: "teacher-large-input",
        },
        {
          ...QM,
          name: `${QM.name}-large-input`,
          label: "Quantization Mimic across scales",
          settings: { ...QM_SETTINGS, ...large },
          teacher: "quantized-teacher-large-input",
        },
      ];
    },
  },
  {
    name: "restarts",
    question: "Do restarts with falling augmentation help?",
    base: SCRATCH.name,
    arms: () => [
      SCRATCH,
      ...RESTARTS.map((restarts) => ({
        ...SCRATCH,
        name: `${SCRATCH.name}-restarts-${restarts}`,
        label: `from scratch, ${restarts === 1 ? "one restart" : `${restarts} restarts`}`,
        settings: { ...SCRATCH_SETTINGS, restarts },
      })),
    ],
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
    name: "match-ratio",
    question: "How often do teacher and student agree, with and without quantization?",
    base: MIMIC.name,
    arms: () => [TEACHER, QUANTIZED, MIMIC, QM],
  },
  {
    name: "unlabelled",
    question: "If few images are labelled, how much do unlabelled ones help?",
    base: SCRATCH_OF_FEW,
    arms: fewLabels,
  },
  {
    name: "teacher-size",
    question: "How large should the teacher be?",
    base: SCRATCH.name,
    arms: ({ teacher: network }) => [
      SCRATCH,
      ...teachersAround(network).flatMap((other) => ofSize(other, other === network)),
    ],
  },
];
