// Comparisons beyond the paper: where mimicry pays, what else helps, and which detector is best.
import { DETECTORS } from "../models/index.js";
import {
  MIMIC,
  MIMIC_SETTINGS,
  QM,
  QM_SETTINGS,
  QUANTIZED,
  QUANTIZED_SETTINGS,
  SCRATCH,
  SCRATCH_SETTINGS,
  type Table,
  TEACHER,
  TEACHER_SETTINGS,
  variant,
} from "./arms.js";
import { fewLabels, SCRATCH_OF_FEW } from "./fewLabels.js";

const BACKGROUNDS = [0, 0.25, 1, 4];
const RESTARTS = [1, 2, 3];

/** Where mimicry pays, and what else helps. */
export const OTHER_TABLES: readonly Table[] = [
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
    name: "mimic-loss",
    question: "Is correlation better than the squared difference?",
    base: SCRATCH.name,
    arms: (recipe) => {
      const correlation = { "mimic-loss": "correlation" };
      return [
        TEACHER,
        QUANTIZED,
        SCRATCH,
        MIMIC,
        {
          ...MIMIC,
          name: `${MIMIC.name}-correlation`,
          label: "plain mimic by correlation",
          settings: { ...MIMIC_SETTINGS, ...correlation },
        },
        QM,
        variant(recipe, "correlation", "Quantization Mimic by correlation", correlation),
      ];
    },
  },
  {
    name: "background",
    question: "Should the background be mimicked too?",
    base: SCRATCH.name,
    arms: (recipe) => [
      TEACHER,
      QUANTIZED,
      SCRATCH,
      ...BACKGROUNDS.map((weight) =>
        variant(recipe, `background-${weight}`, `background weighted ${weight}`, {
          "mimic-background": weight,
        }),
      ),
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
    name: "unlabelled",
    question: "If few images are labelled, how much do unlabelled ones help?",
    base: SCRATCH_OF_FEW,
    arms: fewLabels,
  },
];
