// What a verb is pointed at: a weights file, or a run folder whose best weights are meant.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { STAGES, type StageName } from "../train/plan.js";

const LAST_FIRST = STAGES.toReversed();

export interface FoundWeights {
  path: string;
  /** The stage of the run that they are from; null for a file. */
  stage: StageName | null;
}

/**
 * A file as it is; of a run folder the best weights of its student, else of its quantized teacher, else of its teacher.
 * @param teacher leave the student out
 * @throws InputError when there is no such file or folder, or no weights in the folder
 */
export function findWeights(path: string, { teacher = false } = {}): FoundWeights {
  if (!existsSync(path)) {
    throw new InputError(
      `${path}: there is no such file or folder. Name a weights file (.safetensors) or a run folder.`,
    );
  }
  if (!statSync(path).isDirectory()) {
    if (teacher) throw new InputError(`${path}: --teacher goes with a run folder, not with a weights file`);
    return { path, stage: null };
  }
  const stages = teacher ? LAST_FIRST.slice(1) : LAST_FIRST;
  const tried = stages.map((stage) => ({ stage, path: join(path, stage, "weights", "best.safetensors") }));
  const found = tried.find((one) => existsSync(one.path));
  if (!found) {
    throw new InputError(
      `${path}: no run with weights; expected one of ${tried.map((one) => one.path).join(", ")}`,
    );
  }
  return found;
}
