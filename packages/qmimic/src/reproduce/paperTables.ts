// The comparisons of the paper: Quantization Mimic with its rivals, and its parts.
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
  type Table,
  TEACHER,
  TEACHER_SETTINGS,
  teachersAround,
  variant,
} from "./arms.js";

const LAMBDAS = [0.25, 1, 4, 16, 64, 256];
const STRIDES = [0.25, 0.5, 1, 2];

/** Teachers may lose anything to their dictionary where that is the question. */
const ANY_COST = { "quantizer-max-cost": 100 };

const needsUniform = ({ quantizer }: Recipe): string | undefined =>
  quantizer === "uniform"
    ? undefined
    : `quantizer is ${quantizer}, but the table varies s of a uniform dictionary`;

/** A student and its teacher with this kind of dictionary; if the recipe has it, the runs of the common arms. */
function withQuantizer(recipe: Recipe, quantizer: string): Arm[] {
  const label = quantizer === "uniform" ? "uniform" : "powers of two";
  if (quantizer === recipe.quantizer) return [{ ...QM, label }];
  const settings = { quantizer, "quantizer-stride": "auto" };
  const teacher: Arm = {
    ...QUANTIZED,
    name: `${quantizer}-teacher`,
    label: `teacher, ${label}`,
    settings: { ...QUANTIZED_SETTINGS, ...settings, ...ANY_COST },
  };
  return [teacher, { ...variant(recipe, { name: quantizer, label, settings }), teacher: teacher.name }];
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

/** In the order of the paper. */
export const PAPER_TABLES: readonly Table[] = [
  {
    name: "main",
    question: "Does a student benefit from a teacher, and from quantization?",
    base: SCRATCH.name,
    note: "Plain mimic has the teacher before its fine-tuning with the quantizer, Quantization Mimic the one after, as in the paper.",
    arms: () => [TEACHER, QUANTIZED, SCRATCH, MIMIC, QM, SCRATCH_LONG],
  },
  {
    name: "rivals",
    question: "Are other ways to save multiply-adds as good as a narrow student?",
    base: SCRATCH.name,
    conflict: ({ teacherScale }) =>
      teacherScale === 1
        ? undefined
        : `teacher-scale is ${teacherScale}, but a pruned teacher has the student's input: remove it from the recipe`,
    note: "Taylor's criterion removes channels without training in between, unlike in its paper; both pruned teachers are fine-tuned for the student's epochs.",
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
    name: "quantize-both",
    question: "Should what the student predicts be quantized too, and its own map?",
    base: SCRATCH.name,
    arms: (recipe) => [
      TEACHER,
      QUANTIZED,
      SCRATCH,
      variant(recipe, {
        name: "both",
        label: "both maps quantized",
        settings: { "quantize-student": true, "quantize-prediction": true },
      }),
      variant(recipe, {
        name: "compared",
        label: "quantized only where they are compared",
        settings: { "quantize-student": false, "quantize-prediction": true },
      }),
      variant(recipe, {
        name: "teacher",
        label: "only the teacher's map quantized",
        settings: { "quantize-student": false, "quantize-prediction": false },
      }),
    ],
  },
  {
    name: "student-only",
    question: "Does quantizing the student's feature map help without a teacher?",
    base: SCRATCH.name,
    conflict: needsUniform,
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
    name: "uniform-vs-power",
    question: "Is a uniform dictionary better than powers of two?",
    base: QM.name,
    differentDictionaries: true,
    arms: (recipe) => [
      TEACHER,
      QUANTIZED,
      ...["uniform", "power-of-two"].flatMap((quantizer) => withQuantizer(recipe, quantizer)),
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
      ...LAMBDAS.map((lambda) =>
        variant(recipe, { name: `lambda-${lambda}`, label: `lambda ${lambda}`, settings: { lambda } }),
      ),
    ],
  },
  {
    name: "stride-of-q",
    question: "How fine should the dictionary be?",
    base: QM.name,
    conflict: needsUniform,
    differentDictionaries: true,
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
            settings: (finished) => ({ ...QUANTIZED_SETTINGS, ...strideOf(finished, times), ...ANY_COST }),
            after: [QUANTIZED.name],
          },
          {
            ...QM,
            name: `${QM.name}-s-${times}`,
            label: `s times ${times}`,
            // Their teacher's.
            settings: { ...QM_SETTINGS, "quantizer-stride": "auto" },
            teacher,
          },
        ];
      }),
    ],
  },
  {
    name: "teacher-size",
    question: "How large should the teacher be?",
    base: SCRATCH.name,
    differentDictionaries: true,
    conflict: ({ teacherInit }) =>
      teacherInit === ""
        ? undefined
        : "teacher-init is for one size of teacher only: remove it from the recipe",
    arms: ({ teacher: network }) => [
      SCRATCH,
      ...teachersAround(network).flatMap((other) => ofSize(other, other === network)),
    ],
  },
  {
    name: "match-ratio",
    question: "How often do teacher and student agree, with and without quantization?",
    base: MIMIC.name,
    arms: () => [TEACHER, QUANTIZED, MIMIC, QM],
  },
];
