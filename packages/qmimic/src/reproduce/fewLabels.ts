// The arms of table unlabelled: a few labelled images, the others unlabelled. All train for as many steps as
// the one with all labels.
import { basename, resolve } from "node:path";
import { InputError } from "../errors.js";
import type { Recipe } from "../train/recipe.js";
import {
  type Arm,
  QM,
  QM_SETTINGS,
  QUANTIZED,
  QUANTIZED_SETTINGS,
  SCRATCH,
  SCRATCH_SETTINGS,
  type Settings,
  TEACHER,
  TEACHER_SETTINGS,
} from "./arms.js";
import type { RunResult } from "./runResult.js";

/** Number of labelled images, unless the recipe sets train-images. */
const FEW = 150;

export const SCRATCH_OF_FEW = "scratch-few";

/** Also with the images in the recipe's folder `unlabelled`, if set. */
export function fewLabels({ trainImages, epochImages, unlabelled, data }: Recipe): Arm[] {
  const count = trainImages || FEW;
  const few = (
    arm: Arm,
    settings: Settings,
    changes: Partial<Arm> & { label: string },
    others = "",
  ): Arm => ({
    ...arm,
    name: `${arm.name}-few`,
    ...changes,
    settings: (finished) => ({
      ...settings,
      ...{ "train-images": count, "epoch-images": epochImages || imagesOf(finished(SCRATCH.name)) },
      ...{ unlabelled: others === "" ? "" : resolve(others) },
    }),
    after: epochImages ? [] : [SCRATCH.name],
  });
  const teacher = few(TEACHER, TEACHER_SETTINGS, { label: `teacher, ${count} labelled` });
  const quantized = few(QUANTIZED, QUANTIZED_SETTINGS, {
    label: "the same, quantized and fine-tuned",
    teacher: teacher.name,
  });
  return [
    {
      ...SCRATCH,
      label: "from scratch, all labelled",
      settings: { ...SCRATCH_SETTINGS, "train-images": 0 },
    },
    teacher,
    quantized,
    few(SCRATCH, SCRATCH_SETTINGS, { name: SCRATCH_OF_FEW, label: `from scratch, ${count} labelled` }),
    few(QM, QM_SETTINGS, { label: `Quantization Mimic, ${count} labelled`, teacher: quantized.name }),
    few(
      SCRATCH,
      SCRATCH_SETTINGS,
      {
        name: "scratch-unlabelled",
        label: "from scratch, others labelled by the teacher",
        teacher: teacher.name,
      },
      data,
    ),
    few(
      QM,
      QM_SETTINGS,
      {
        name: "quantization-mimic-unlabelled",
        label: "Quantization Mimic, others labelled by the teacher",
        teacher: quantized.name,
      },
      data,
    ),
    ...(unlabelled === ""
      ? []
      : [
          few(
            QM,
            QM_SETTINGS,
            {
              name: "quantization-mimic-elsewhere",
              label: `Quantization Mimic, plus ${basename(unlabelled)} labelled by the teacher`,
              teacher: quantized.name,
            },
            unlabelled,
          ),
        ]),
  ];
}

function imagesOf({ images, weights }: RunResult): number {
  if (images !== null) return images;
  throw new InputError(
    `${weights}: this run is from an earlier version, which did not record its number of images. Remove the run to train it again.`,
  );
}
