// Detections as VOC's development kit takes them: a text file for each class, "image score xmin ymin xmax ymax" lines.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../errors.js";
import type { ImageDetections } from "./types.js";

/**
 * @param folder with comp3_det_SPLIT_CLASS.txt, comp4_det_SPLIT_CLASS.txt or CLASS.txt of every class
 * @param ids of the images of the ground truth
 * @returns labels counted from 0 in the order of `classes`
 * @throws InputError with file and line, for a class without a file, and for an image that is unknown
 */
export async function readVocDetections(
  folder: string,
  classes: readonly string[],
  ids: readonly string[],
): Promise<ImageDetections[]> {
  const names = await readdir(folder).catch((error: Error) => {
    throw new InputError(`${folder}: cannot be read: ${error.message}`);
  });
  const known = new Set(ids);
  const found = new Map(
    ids.map((id) => [id, { boxes: [] as number[], scores: [] as number[], labels: [] as number[] }]),
  );
  for (const [label, name] of classes.entries()) {
    const path = join(folder, fileOf(names, name, folder));
    const lines = (await readFile(path, "utf8")).split(/\r\n|\r|\n/);
    lines.forEach((line, i) => {
      if (line.trim() === "") return;
      const [id, ...rest] = line.trim().split(/\s+/);
      const numbers = rest.map(Number);
      const where = `${path}: line ${i + 1}`;
      if (numbers.length !== 5 || !numbers.every(Number.isFinite))
        throw new InputError(
          `${where}: "image score xmin ymin xmax ymax" expected, not "${line.slice(0, 80)}"`,
        );
      if (!known.has(id))
        throw new InputError(`${where}: there is no image ${id} among the ${ids.length} of the ground truth`);
      const image = found.get(id)!;
      image.scores.push(numbers[0]);
      image.boxes.push(...numbers.slice(1));
      image.labels.push(label);
    });
  }
  return [...found].map(([id, { boxes, scores, labels }]) => ({
    id,
    boxes: Float32Array.from(boxes),
    scores: Float32Array.from(scores),
    labels: Int32Array.from(labels),
  }));
}

/** The one file of a class. */
function fileOf(names: readonly string[], name: string, folder: string): string {
  const matching = names.filter(
    (one) =>
      one === `${name}.txt` ||
      (/^comp[34]_det_[^_]+_/.test(one) && one.replace(/^comp[34]_det_[^_]+_/, "") === `${name}.txt`),
  );
  if (matching.length === 1) return matching[0];
  throw new InputError(
    matching.length === 0
      ? `${folder}: no file of class "${name}"; expected comp4_det_test_${name}.txt or ${name}.txt (an empty one where nothing was found)`
      : `${folder}: several files of class "${name}": ${matching.join(", ")}. Leave one.`,
  );
}
