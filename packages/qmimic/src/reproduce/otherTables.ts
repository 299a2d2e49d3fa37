// Comparisons beyond the paper: where mimicry pays, what else helps, and which detector is best.
import { DETECTORS } from "../models/index.js";
import {
  MIMIC,
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
        variant(recipe, { name: regions, label: regions, settings: { regions } }),
      ),
    ],
  },
  {
    name: "map-or-heads",
    question: "What should the student mimic: the feature map, the heads, or both?",
    base: SCRATCH.name,
    arms: (recipe) => {
      // What the recipe leaves out has weight 1.
      const map = { lambda: recipe.lambda || 1 };
      const heads = { "lambda-head": recipe.lambdaHead || 1 };
      const no = { lambda: 0, "lambda-head": 0, "cross-head": false };
      const noMap = { "mimic-loss": "squared", "mimic-background": 0 };
      const onlyMap = { ...no, ...map };
      const both = { ...no, ...map, ...heads };
      return [
        TEACHER,
        QUANTIZED,
        SCRATCH,
        variant(recipe, { name: "map", label: "plain mimic, map only", settings: onlyMap }, MIMIC),
        variant(recipe, { name: "map", label: "map only, quantized", settings: onlyMap }),
        variant(recipe, { name: "heads", label: "heads only", settings: { ...no, ...heads, ...noMap } }),
        variant(recipe, { name: "map-and-heads", label: "map and heads", settings: both }),
        variant(recipe, {
          name: "cross-head",
          label: "map, and the teacher's head on it",
          settings: { ...both, "cross-head": true },
        }),
      ];
    },
  },
  {
    name: "mimic-loss",
    question: "Is correlation better than the squared difference?",
    base: SCRATCH.name,
    arms: (recipe) => [
      TEACHER,
      QUANTIZED,
      SCRATCH,
      ...[MIMIC, QM].flatMap((of) =>
        ["squared", "correlation"].map((loss) =>
          variant(
            recipe,
            { name: loss, label: `${of.label}, ${loss}`, settings: { "mimic-loss": loss } },
            of,
          ),
        ),
      ),
    ],
  },
  {
    name: "background",
    question: "Should the background be mimicked too?",
    base: SCRATCH.name,
    note: "The background is what the regions leave over: with regions proposals, all but the student's best proposals.",
    arms: (recipe) => [
      TEACHER,
      QUANTIZED,
      SCRATCH,
      ...BACKGROUNDS.map((weight) =>
        variant(recipe, {
          name: `background-${weight}`,
          label: `background weighted ${weight}`,
          settings: { "mimic-background": weight },
        }),
      ),
    ],
  },
  {
    name: "teacher-input",
    question: "Does a teacher with a larger input teach more?",
    base: SCRATCH.name,
    differentDictionaries: true,
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
    conflict: ({ restarts }) =>
      restarts === 0
        ? undefined
        : `restarts is ${restarts}, but the table varies it: remove it from the recipe`,
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
    ofUnlabelled: true,
    note: "All seeds have the same labelled images and the same teacher; intervals do not cover what others would change.",
    arms: fewLabels,
  },
];
