// Pascal VOC folders: Annotations/<id>.xml, ImageSets/Main/<split>.txt, JPEGImages/<id>.<jpg|jpeg|png|webp>.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { didYouMean, InputError } from "../errors.js";
import { listed, quoted } from "../text.js";
import { mapConcurrent } from "./concurrent.js";
import { readImageSize, sizeMismatch, unusableSize } from "./images.js";
import type { Dataset, Problem, Sample } from "./types.js";
import { listSplits, readSplit, type SplitList, splitFolder } from "./vocSplits.js";
import { readVocAnnotation, type VocAnnotation } from "./vocXml.js";

export interface VocReadOptions {
  /**
   * The classes in the order of their labels (the first is label 1); any other in the data is a problem.
   * Default: all classes of the split "train" (of the split read, when there is no train), sorted.
   */
  classes?: readonly string[];
  /** With `classes`: objects of all other classes are left out, instead of being a problem. Default false. */
  ignoreOthers?: boolean;
  /** Maps every class to this single one, label 1: `merge: "face"`. */
  merge?: string;
  /** Whether each image's header is read and its size compared with the annotation's (about 1 ms an image). Default true. */
  checkImages?: boolean;
  /**
   * Called for every problem; what has a problem is then left out of the result instead of failing the whole.
   * Default: all problems are thrown in one InputError.
   */
  onProblem?: (problem: Problem) => void;
}

/** The endings looked for in JPEGImages, in this order; upper case works too. */
export const IMAGE_EXTENSIONS = ["jpg", "jpeg", "png", "webp"];

/** Problems printed before only their number is. */
const PROBLEMS_SHOWN = 20;
const FILES_IN_FLIGHT = 16;

/**
 * Reads one split of a VOC folder, strictly: every problem names the file, the value and what to do, and all of them
 * (20 shown, the rest counted) are in one InputError. Nothing is dropped without being reported.
 * Samples come in the list's order. An image without objects is a sample without boxes.
 *
 * Boxes are as written (see readVocAnnotation): xyxy in pixels, clipped to the image where they pass it by 1 px.
 * Lists of one class (`id 1`, `id -1` on every line) give the ids not marked -1.
 */
export async function readVoc(root: string, split: string, options: VocReadOptions = {}): Promise<Dataset> {
  const problems: Problem[] = [];
  const report = options.onProblem ?? ((problem: Problem) => problems.push(problem));

  const list = await readSplit(root, split, (message) => report({ file: splitPath(root, split), message }));
  const read = await readAnnotations(root, list.ids, report);
  const classes = options.classes
    ? [...options.classes]
    : options.merge !== undefined
      ? []
      : await deriveClasses(root, list, split, read, report);
  const samples = await toSamples(root, read, classes, options, report);

  if (problems.length > 0) throw new InputError(describeProblems(`${root}, split "${split}"`, problems));
  return { root, split, classes: options.merge === undefined ? classes : [options.merge], samples };
}

/** One text with the problems of a data set, `limit` of them in full. */
export function describeProblems(what: string, problems: readonly Problem[], limit = PROBLEMS_SHOWN): string {
  const lines = problems.slice(0, limit).map(({ file, message }) => `  ${file}: ${message}`);
  if (problems.length > limit) lines.push(`  and ${problems.length - limit} more`);
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return `${what}: ${count} in the data.\n${lines.join("\n")}`;
}

export type Report = (problem: Problem) => void;
export type Annotations = Map<string, VocAnnotation>;

function splitPath(root: string, split: string): string {
  return join(splitFolder(root), `${split}.txt`);
}

function annotationPath(root: string, id: string): string {
  return join(root, "Annotations", `${id}.xml`);
}

/** The annotations of `ids`, without a look at the images; those that cannot be used are reported and left out. */
export async function readAnnotations(
  root: string,
  ids: readonly string[],
  report: Report,
): Promise<Annotations> {
  const found = await mapConcurrent(ids, FILES_IN_FLIGHT, async (id) => {
    const file = annotationPath(root, id);
    const problems: Problem[] = [];
    const annotation = await readVocAnnotation(file, (message) => problems.push({ file, message }));
    return { id, annotation, problems };
  });
  const annotations: Annotations = new Map();
  // Reported here, not while reading, so that the order does not depend on the disk.
  for (const { id, annotation, problems } of found) {
    problems.forEach(report);
    if (annotation) annotations.set(id, annotation);
  }
  return annotations;
}

/** Every class that the splits have an object of, sorted. Other problems of the data are not reported here. */
export async function listClasses(root: string, splits: readonly string[]): Promise<string[]> {
  const names = new Set<string>();
  for (const split of new Set(splits)) {
    const { ids } = await readSplit(root, split, () => {});
    for (const { objects } of (await readAnnotations(root, ids, () => {})).values()) {
      for (const { name } of objects) names.add(name);
    }
  }
  return [...names].sort();
}

async function deriveClasses(
  root: string,
  list: SplitList,
  split: string,
  read: Annotations,
  report: Report,
): Promise<string[]> {
  let annotations = read;
  if (split !== "train" && (await listSplits(root)).includes("train")) {
    // What is wrong with the list of train is for whoever reads train; its annotations decide here what is a class.
    const { ids } = await readSplit(root, "train", () => {});
    if (ids.length > 0) {
      const tried = new Set(list.ids);
      annotations = await readAnnotations(
        root,
        ids.filter((id) => !tried.has(id)),
        report,
      );
      for (const id of ids) if (read.has(id)) annotations.set(id, read.get(id)!);
    }
  }
  const names = new Set<string>();
  for (const { objects } of annotations.values()) for (const { name } of objects) names.add(name);
  return [...names].sort();
}

async function toSamples(
  root: string,
  annotations: Annotations,
  classes: readonly string[],
  options: VocReadOptions,
  report: Report,
): Promise<Sample[]> {
  const images = await imageFiles(root, report);
  const entries = [...annotations];
  const sizeProblems = await mapConcurrent(entries, FILES_IN_FLIGHT, async ([id, annotation]) => {
    const image = images.get(id);
    if (options.checkImages === false || image === undefined) return undefined;
    try {
      const size = await readImageSize(image);
      return unusableSize(size) ?? sizeMismatch(annotation, size, annotationPath(root, id));
    } catch (error) {
      if (error instanceof InputError) return error.message.replace(`${image}: `, "");
      throw error;
    }
  });

  const samples: Sample[] = [];
  entries.forEach(([id, annotation], index) => {
    const file = annotationPath(root, id);
    const kept = annotation.objects.filter(({ name }) => {
      if (classes.includes(name) || (options.merge !== undefined && !options.classes)) return true;
      if (!(options.ignoreOthers && options.classes))
        report({ file, message: unknownClass(name, classes, options) });
      return false;
    });
    const imagePath = images.get(id);
    if (imagePath === undefined) {
      const expected = join(root, "JPEGImages", `${id}.{${IMAGE_EXTENSIONS.join(",")}}`);
      report({
        file: expected,
        message: `the image of ${file} is missing. Add it, or remove the id from the list.`,
      });
      return;
    }
    if (sizeProblems[index] !== undefined) {
      report({ file: imagePath, message: sizeProblems[index] });
      return;
    }
    samples.push({
      id,
      imagePath,
      width: annotation.width,
      height: annotation.height,
      boxes: Float32Array.from(kept.flatMap(({ box }) => box)),
      labels: Int32Array.from(kept, ({ name }) =>
        options.merge === undefined ? classes.indexOf(name) + 1 : 1,
      ),
      difficult: Uint8Array.from(kept, ({ difficult }) => (difficult ? 1 : 0)),
    });
  });
  return samples;
}

function unknownClass(name: string, classes: readonly string[], options: VocReadOptions): string {
  const source = options.classes ? "" : " (those of the split train)";
  const remedy = options.classes ? "" : " Name the classes yourself, or add an example to train.";
  return `unknown class ${quoted(name)}; expected one of ${listed(classes)}${source}.${didYouMean(name, classes)}${remedy}`;
}

/** Image id -> path, from one listing of the folder: thousands of single look-ups would be slow on network disks. */
async function imageFiles(root: string, report: Report): Promise<Map<string, string>> {
  const folder = join(root, "JPEGImages");
  let names: string[] = [];
  try {
    names = await readdir(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    report({
      file: folder,
      message:
        code === "ENOENT" || code === "ENOTDIR"
          ? "no such folder; expected the images in it, named <id>.jpg (or jpeg, png, webp)."
          : `cannot be read: ${message}.`,
    });
  }
  const files = new Map<string, string>();
  const rank = new Map<string, number>();
  for (const name of names.sort()) {
    const dot = name.lastIndexOf(".");
    const order = IMAGE_EXTENSIONS.indexOf(name.slice(dot + 1).toLowerCase());
    const id = name.slice(0, dot);
    if (dot < 1 || order < 0 || order >= (rank.get(id) ?? Number.POSITIVE_INFINITY)) continue;
    files.set(id, join(folder, name));
    rank.set(id, order);
  }
  return files;
}
