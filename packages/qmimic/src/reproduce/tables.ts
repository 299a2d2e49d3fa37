// The comparisons that can be run by name: which students are trained, and what each is compared with.
import { DETECTORS } from "../models/index.js";
import type { Recipe } from "../train/recipe.js";
import {
  type Arm,
  MIMIC,
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
  /** What it answers, for people. */
  question: string;
  /** The arm that the others are compared with. */
  base: string;
  arms(recipe: Recipe): Arm[];
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
    name: "match-ratio",
    question: "How often do teacher and student agree, with and without quantization?",
    base: MIMIC.name,
    arms: () => [TEACHER, QUANTIZED, MIMIC, QM],
  },
  {
    name: "unlabelled",
    question: "Where few photographs are labelled, what are others without labels worth?",
    base: SCRATCH_OF_FEW,
    arms: fewLabels,
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
