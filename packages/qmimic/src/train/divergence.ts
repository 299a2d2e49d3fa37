// Detects diverged training before good files are overwritten, and tells the user what to do.
import { existsSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { Tensor } from "@qmimic/torch";
import { InputError } from "../errors.js";
import { tensorFault } from "../finite.js";
import { resumeCommand } from "../shell.js";
import { recipeFile } from "./runFiles.js";
import type { StepLosses } from "./step.js";

/**
 * Detection losses above this have exploded: they are means over samples, and an untrained detector's is a few
 * units.
 */
const EXPLODED = 1e6;

/**
 * A message if a step's losses have diverged; undefined otherwise. The mimic loss is not limited: it scales
 * with the teacher's map.
 */
export function lossProblem({ detection, mimic, head }: StepLosses): string | undefined {
  const detectionLoss = Object.values(detection).reduce((sum, loss) => sum + loss, 0);
  const total = detectionLoss + mimic + head;
  return Number.isFinite(total) && Math.abs(detectionLoss) < EXPLODED
    ? undefined
    : `the loss became ${total}`;
}

/** A message on the first unusable tensor, see tensorFault; undefined if there is none. */
export function unusableTensor(tensors: Iterable<[string, Tensor]>): string | undefined {
  for (const [name, tensor] of tensors) {
    const fault = tensorFault(name, tensor.toFloat32());
    if (fault !== undefined) return `"${name}" ${fault}`;
  }
  return undefined;
}

export interface Divergence {
  /** What was observed, for instance "the loss became NaN". */
  what: string;
  epoch: number;
  step: number;
  /** Completed epochs. */
  done: number;
  /** The step's learning rate, and its setting. */
  lr: number;
  lrSetting: string;
  /** The stage's folder. */
  folder: string;
}

export function divergenceError(divergence: Divergence): InputError {
  const { what, epoch, step, done, lr, lrSetting, folder } = divergence;
  const run = dirname(folder);
  const recipe = recipeFile(run);
  const where = `${basename(folder)}: training diverged in epoch ${epoch}, step ${step}: ${what}`;
  const lower = `${lrSetting} (it was ${lr.toPrecision(3)} in this step)`;
  if (done === 0 || !existsSync(recipe))
    return new InputError(`${where}. Train again with a lower ${lower}.`);
  return new InputError(
    `${where}. The files of epoch ${done} are intact: lower ${lower} in ${recipe}, then: ${resumeCommand(run)}`,
  );
}
