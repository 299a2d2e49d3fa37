// A training that has left the numbers: found before good files are replaced, and said with what to do.
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Tensor } from "@qmimic/torch";
import { InputError } from "../errors.js";
import { firstNonFinite } from "../finite.js";
import type { StepLosses } from "./step.js";

/** Detection losses beyond this: they are means over samples, and a detector that knows nothing has a few units. */
const EXPLODED = 1e6;

/** What is wrong with a step's losses, as text; undefined when nothing is. Mimicry is large where the teacher's map is. */
export function lossProblem({ detection, mimic, head }: StepLosses): string | undefined {
  const own = Object.values(detection).reduce((sum, one) => sum + one, 0);
  const total = own + mimic + head;
  return Number.isFinite(total) && Math.abs(own) < EXPLODED ? undefined : `the loss became ${total}`;
}

/** The first tensor with a number that is not finite, as text; undefined when there is none. */
export function nonFiniteTensor(tensors: Iterable<[string, Tensor]>): string | undefined {
  for (const [name, tensor] of tensors) {
    const values = tensor.toFloat32();
    const at = firstNonFinite(values);
    if (at >= 0) return `"${name}" holds ${values[at]} at ${at}`;
  }
  return undefined;
}

export interface Divergence {
  /** What was seen, for instance "the loss became NaN". */
  what: string;
  epoch: number;
  step: number;
  /** Epochs whose files are complete. */
  done: number;
  /** The learning rate of the step, and the setting that it comes from. */
  lr: number;
  lrSetting: string;
  /** Of the stage. */
  folder: string;
}

export function divergenceError(divergence: Divergence): InputError {
  const { what, epoch, step, done, lr, lrSetting, folder } = divergence;
  const run = dirname(folder);
  const recipe = join(run, "recipe.yaml");
  const where = `${basename(folder)}: training diverged in epoch ${epoch}, step ${step}: ${what}`;
  const lower = `${lrSetting} (it was ${lr.toPrecision(3)} in this step)`;
  if (done === 0 || !existsSync(recipe)) return new InputError(`${where}. Start anew with a lower ${lower}.`);
  return new InputError(
    `${where}. The files of epoch ${done} are as they were: lower ${lower} in ${recipe}, then: qmimic train --resume ${run}`,
  );
}
