// Fingerprints of the weights files that a run uses, stored in its folder: resuming it with another teacher would
// silently spoil it.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { readText, writeFileAtomic } from "../files.js";
import { isWeightsFile, needsTeacher, type Recipe, trainsTeacher } from "./recipe.js";
import { startsOf } from "./start.js";
import { readWeights } from "./weights.js";

const FILE = "weights.json";

/** Hashes of weights, by the name of what they are for. */
type KnownWeights = Record<string, string>;

/** The weights files that a run uses, by what they are for. */
function weightsUsed(recipe: Recipe): Map<string, string> {
  const { teacher, teacherInit, stage } = recipe;
  const used = new Map<string, string>();
  const teaches = stage === "quantized-teacher" || (stage !== "teacher" && needsTeacher(recipe));
  if (isWeightsFile(teacher) && teaches) used.set("teacher", teacher);
  for (const [name, path] of startsOf(recipe)) used.set(`from, ${name}`, path);
  if (teacherInit !== "" && trainsTeacher(recipe)) used.set("teacher-init", teacherInit);
  return used;
}

/** Writes the fingerprints of a new run's weights files to its folder. */
export async function storeWeightsUsed(folder: string, recipe: Recipe): Promise<void> {
  const known: KnownWeights = {};
  for (const [name, path] of weightsUsed(recipe)) known[name] = weightsHash(path);
  await writeFileAtomic(join(folder, FILE), JSON.stringify(known));
}

/**
 * Compares the weights files that a run uses with those it was started with; their location does not matter. Does
 * nothing for a run from an earlier version, which did not record them.
 * @throws InputError naming the file if it has other weights
 */
export async function compareWeightsUsed(folder: string, recipe: Recipe): Promise<void> {
  const path = join(folder, FILE);
  if (!existsSync(path)) return;
  let known: KnownWeights;
  try {
    known = JSON.parse(await readText(path)) as KnownWeights;
  } catch (error) {
    throw new InputError(`${path}: cannot be read: ${(error as Error).message}`);
  }
  for (const [name, file] of weightsUsed(recipe)) {
    if (known[name] === weightsHash(file)) continue;
    throw new InputError(
      `${folder}: ${file} (${name}) has other weights than when this run was started. Restore the file, or remove the folder and train again.`,
    );
  }
}

/** SHA-256 of a file's tensors and of its detector's configuration; thresholds and other notes do not count. */
export function weightsHash(path: string): string {
  const { metadata, tensors } = readWeights(path);
  const hash = createHash("sha256").update(metadata.config ?? "");
  for (const [name, { dtype, shape, data }] of tensors) {
    hash.update(`${name} ${dtype} ${shape.join(" ")}\n`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
