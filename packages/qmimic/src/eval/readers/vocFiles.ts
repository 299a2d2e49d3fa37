// Reads VOC's result files, one per class (comp4_det_test_dog.txt), and the annotations to score them against.
// The format: Everingham et al., The PASCAL VOC 2012 Development Kit, section 8.2.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { openData, readLabels } from "../../data/dataset.js";
import { isLeftover } from "../../data/endings.js";
import { parseNumber } from "../../data/parseNumber.js";
import { describeProblems } from "../../data/problems.js";
import { didYouMean, InputError } from "../../errors.js";
import { listed, quoted } from "../../text.js";
import type { ImageGroundTruth } from "../types.js";
import { type DetectionList, type EvaluationInput, readLines, toDetections } from "./input.js";

export interface VocFiles extends EvaluationInput {
  /** Classes with objects but no file: they have no detections. */
  missing: string[];
}

/**
 * Reads Annotations and ImageSets of `root` (images are not needed) and every file in the folder `results`. A
 * file's name is its class, or ends with it: dog.txt, comp4_det_test_dog.txt.
 * @param classes score only these, in this order; default: all with objects in the split
 * @throws InputError for a requested class with neither objects nor a file; naming file and line for format
 * errors, images not in the split, files of unknown classes, two files of one class, and problems in
 * annotations and lists
 */
export async function readVocFiles(
  root: string,
  split: string,
  results: string,
  classes?: readonly string[],
): Promise<VocFiles> {
  const folder = await openData(root, { format: "voc" });
  const { images, findings } = await readLabels(folder, split, { images: false });
  const { problems } = findings;
  if (problems.length > 0) throw new InputError(describeProblems(`${root}, split "${split}"`, problems));
  const objects = images.flatMap((image) => image.objects);
  const present = [...new Set(objects.map(({ name }) => name))].sort();
  const names = classes ? [...classes] : present;

  const files = await filesOfClasses(results, names, present);
  const unknown = names.find((name) => !present.includes(name) && !files.has(name));
  if (unknown !== undefined) {
    throw new InputError(
      `--classes: the split has no objects of ${quoted(unknown)}, and there is no detection file for it.${didYouMean(unknown, present)}`,
    );
  }
  const groundTruths = images.map(({ id, objects }): ImageGroundTruth => {
    const kept = objects.filter(({ name }) => names.includes(name));
    return {
      id,
      boxes: Float64Array.from(kept.flatMap(({ box }) => box)),
      labels: Int32Array.from(kept, ({ name }) => names.indexOf(name)),
      difficult: Uint8Array.from(kept, ({ difficult }) => (difficult ? 1 : 0)),
    };
  });
  const found = new Map<string, DetectionList>(
    images.map(({ id }) => [id, { boxes: [], scores: [], labels: [] }]),
  );
  for (const [name, file] of files) await readResults(file, names.indexOf(name), found);
  return {
    classes: names,
    groundTruths,
    detections: [...found].map(([id, list]) => toDetections(id, list)),
    missing: names.filter((name) => present.includes(name) && !files.has(name)),
  };
}

/** Class -> file. Files of known classes that were not requested are left out. */
async function filesOfClasses(
  folder: string,
  names: readonly string[],
  present: readonly string[],
): Promise<Map<string, string>> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(
      error.code === "ENOENT"
        ? `${folder}: no such directory`
        : `${folder}: cannot be read: ${error.message}`,
    );
  });
  const known = [...new Set([...names, ...present])].sort((a, b) => b.length - a.length);
  const files = new Map<string, string>();
  if (known.length === 0)
    throw new InputError(
      "the ground truth has no objects, so its classes are unknown: name them with --classes",
    );
  for (const entry of entries.filter((name) => !isLeftover(name)).sort()) {
    const path = join(folder, entry);
    const stem = entry.replace(/\.txt$/, "");
    const name = known.find((candidate) => stem === candidate || stem.endsWith(`_${candidate}`));
    if (!entry.endsWith(".txt") || name === undefined) {
      const last = stem.slice(stem.lastIndexOf("_") + 1);
      throw new InputError(
        `${path}: not a detection file; expected a name like comp4_det_test_${known.at(-1)}.txt, for the classes ` +
          `${listed(names)}.${didYouMean(last, known)} Move it elsewhere, or list all classes with --classes.`,
      );
    }
    const other = files.get(name);
    if (other !== undefined)
      throw new InputError(`${path}: ${other} is also for class ${name}; move one of them elsewhere`);
    files.set(name, path);
  }
  const wanted = new Map([...files].filter(([name]) => names.includes(name)));
  if (wanted.size === 0) {
    throw new InputError(`${folder}: no detections; expected files like comp4_det_test_${known.at(-1)}.txt`);
  }
  return wanted;
}

/** Lines "image score xmin ymin xmax ymax". */
async function readResults(file: string, label: number, found: Map<string, DetectionList>): Promise<void> {
  for (const [i, line] of (await readLines(file)).entries()) {
    const words = line.trim().split(/\s+/);
    const numbers = words.slice(-5).map(parseNumber);
    const [score, ...box] = numbers.filter((value) => value !== undefined);
    if (words.length < 6 || box.length !== 4) {
      throw new InputError(
        `${file}: line ${i + 1}: ${quoted(line)}; expected image, score, xmin, ymin, xmax and ymax`,
      );
    }
    if (box[2] < box[0] || box[3] < box[1]) {
      throw new InputError(
        `${file}: line ${i + 1}: ${quoted(line)}: inverted box; expected xmin <= xmax and ymin <= ymax`,
      );
    }
    // Names may contain spaces.
    const id = words.slice(0, -5).join(" ");
    const list = found.get(id);
    if (!list) throw new InputError(`${file}: line ${i + 1}: the split has no image ${quoted(id)}`);
    list.boxes.push(...box);
    list.scores.push(score);
    list.labels.push(label);
  }
}
