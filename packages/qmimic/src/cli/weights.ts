// Resolves a weights argument: a weights file, or a run folder, which stands for its best weights.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { STAGES, type StageName } from "../train/plan.js";
import { weightFiles } from "../train/runFiles.js";

const LAST_FIRST = STAGES.toReversed();

export interface FoundWeights {
  path: string;
  /** The stage of the run; null for a file. */
  stage: StageName | null;
}

/**
 * A file is returned as is; for a run folder, the best weights of its student, else its quantized teacher, else
 * its teacher.
 * @param teacher skip the student
 * @throws InputError if no such file or directory, or no weights in the folder
 */
export function findWeights(path: string, { teacher = false } = {}): FoundWeights {
  if (!existsSync(path)) {
    throw new InputError(
      `${path}: no such file or directory. Expected a weights file (.safetensors) or a run folder.`,
    );
  }
  if (!statSync(path).isDirectory()) {
    if (teacher) throw new InputError(`${path}: --teacher needs a run folder, not a weights file`);
    return { path, stage: null };
  }
  const stages = teacher ? LAST_FIRST.slice(1) : LAST_FIRST;
  const tried = stages.map((stage) => ({ stage, path: weightFiles(join(path, stage)).best }));
  const found = tried.find(({ path }) => existsSync(path));
  if (!found) {
    throw new InputError(
      `${path}: no weights found; expected one of ${tried.map(({ path }) => path).join(", ")}`,
    );
  }
  return found;
}
