// Fingerprints of the weights files that a run uses, stored in its folder: resuming it with another teacher would
// silently spoil it.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { settledState } from "../data/contentHashes.js";
import { InputError, reasonOf } from "../errors.js";
import { readText, writeFileAtomic } from "../files.js";
import { quoted } from "../text.js";
import { isWeightsFile, needsTeacher, type Recipe, trainsTeacher } from "./recipe.js";
import { startsOf } from "./start.js";
import { readWeights } from "./weights.js";

const FILE = "weights.json";

/** Hashes of weights, by the name of what they are for. */
const KNOWN = z.record(z.string(), z.string());

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
  const known: z.infer<typeof KNOWN> = {};
  for (const [name, path] of weightsUsed(recipe)) known[name] = weightsHash(path);
  await writeFileAtomic(join(folder, FILE), JSON.stringify(known));
}

/**
 * Compares the weights files that a run uses with those it was started with; their location does not matter.
 * @returns false for a run from an earlier version, which did not record them
 * @throws InputError naming the file if it has other weights
 */
export async function compareWeightsUsed(folder: string, recipe: Recipe): Promise<boolean> {
  const path = join(folder, FILE);
  if (!existsSync(path)) return weightsUsed(recipe).size === 0;
  let known: z.infer<typeof KNOWN>;
  try {
    known = KNOWN.parse(JSON.parse(await readText(path)));
  } catch (error) {
    throw new InputError(`${path}: cannot be read: ${reasonOf(error)}`);
  }
  for (const [name, file] of weightsUsed(recipe)) {
    if (known[name] === undefined) throw new InputError(`${path}: has no entry ${quoted(name)}, for ${file}`);
    if (known[name] === weightsHash(file)) continue;
    throw new InputError(
      `${folder}: ${file} (${name}) has other weights than when this run was started. Restore the file, or remove the folder and train again.`,
    );
  }
  return true;
}

/** Hashes by path, with the state of the file that they are of. */
const hashes = new Map<string, { state: string; hash: string }>();

/** SHA-256 of a file's tensors and of its detector's configuration; thresholds and other notes do not count. */
export function weightsHash(path: string): string {
  const state = existsSync(path) ? settledState(path) : "missing";
  const known = hashes.get(path);
  if (known?.state === state) return known.hash;
  const hash = hashOf(path);
  if (state !== "changing") hashes.set(path, { state, hash });
  return hash;
}

function hashOf(path: string): string {
  const { metadata, tensors } = readWeights(path);
  const hash = createHash("sha256").update(metadata.config ?? "");
  for (const [name, { dtype, shape, data }] of tensors) {
    hash.update(`${name} ${dtype} ${shape.join(" ")}\n`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
