// Entry point for labelled images: a folder in any format, its splits, and their samples.
import { didYouMean, InputError } from "../errors.js";
import { hasControls, listed, quoted } from "../text.js";
import { decodeEach } from "./decodeEach.js";
import { type FolderTree, readTree } from "./folderTree.js";
import { type CheckedLabels, checkLabels } from "./labels.js";
import { counted, describeProblems } from "./problems.js";
import { findLabels } from "./readers/formats.js";
import type { Format, LabelSource, Mark } from "./readers/types.js";
import { WHOLE } from "./splitNames.js";
import type { Dataset, Problem, Sample } from "./types.js";
import { withWrittenSplits } from "./writtenSplits.js";

export interface OpenOptions {
  /** Default "auto": detected. */
  format?: Format | "auto";
}

export interface ReadOptions {
  /**
   * The classes in label order (the first is label 1); any other in the data is a problem. Default: those that
   * the format declares, else all classes in the train split (or the split being read, if there is no train),
   * sorted.
   */
  classes?: readonly string[];
  /** With `classes`: leave out objects of other classes, instead of reporting problems. Default false. */
  ignoreOthers?: boolean;
  /** Maps every class to this single one, label 1: `merge: "face"`. */
  merge?: string;
  /**
   * Whether to read each image's header and compare its size with the labels' (about 1 ms per image). Default:
   * yes, unless one file states all sizes (COCO); decoding always compares them.
   */
  checkImages?: boolean;
  /**
   * Objects with one of these marks are ignored in training and evaluation, like difficult ones. Default: none.
   */
  ignore?: readonly Mark[];
  /**
   * Clip boxes to their images, and skip labels and images with a problem, including images that cannot be
   * decoded; notes report how many. Default false.
   */
  skipBad?: boolean;
  /**
   * Called for every problem; labels and images with problems are then left out. Default: all problems are
   * thrown in one InputError.
   */
  onProblem?: (problem: Problem) => void;
}

/** A folder of labelled images. Labels are read once for any number of splits and classes. */
export interface DataFolder {
  root: string;
  tree: FolderTree;
  source: LabelSource;
  /** Labels read so far, by split and settings. */
  cache: Map<string, Promise<CheckedLabels>>;
  /** From readSplit: what was left out. */
  notes: Set<string>;
}

/** @throws InputError if the folder does not exist, or has labels in no known format, or in two */
export async function openData(root: string, { format = "auto" }: OpenOptions = {}): Promise<DataFolder> {
  const tree = await readTree(root);
  const source = await withWrittenSplits(tree, await findLabels(tree, format));
  return { root, tree, source, cache: new Map(), notes: new Set() };
}

/**
 * Resolves a split's name: in a set without splits, "train" is the whole set.
 * @throws InputError if there is no such split; the message lists the existing ones
 */
export function findSplit({ root, source: { splits, hidden = [] } }: DataFolder, name: string): string {
  if (splits.includes(name) || hidden.includes(name)) return name;
  if (name === "train" && splits.length === 1 && splits[0] === WHOLE) return WHOLE;
  throw new InputError(
    `${root}: there is no split ${quoted(name)}. Found: ${listed(splits)}.${didYouMean(name, splits)}`,
  );
}

/**
 * The checked labels of a split, with problems in its findings.
 * @param images see LabelSettings; default true
 * @throws InputError if there is no such split
 */
export function readLabels(
  folder: DataFolder,
  name: string,
  options: Pick<ReadOptions, "checkImages" | "skipBad"> & { images?: boolean } = {},
): Promise<CheckedLabels> {
  const { tree, source, cache } = folder;
  const { images = true, checkImages = source.sizes !== "together", skipBad: clip = false } = options;
  const settings = { images, headers: images && checkImages, clip };
  const split = findSplit(folder, name);
  const key = JSON.stringify([split, settings]);
  const read = cache.get(key) ?? checkLabels(tree, source, split, settings);
  cache.set(key, read);
  return read;
}

/**
 * Reads one split of an opened folder, strictly: every problem names the file, the value and the remedy, and
 * all of them (20 shown, the rest counted) are in one InputError. Nothing is dropped silently. Samples come in
 * the order of the list or file, or of file names. An image without objects is a sample without boxes.
 */
export async function readSplit(
  folder: DataFolder,
  split: string,
  options: ReadOptions = {},
): Promise<Dataset> {
  const labels = await readLabels(folder, split, options);
  const problems = [...labels.findings.problems];
  const { merge } = options;
  const classes = await classesOf(folder, split, labels, options);
  const labelOf = new Map(classes.map((name, i) => [name, i + 1]));
  const all = labels.images.map((image): Sample => {
    const objects = image.objects.filter(({ name }) => {
      if (merge !== undefined ? !options.classes || labelOf.has(name) : labelOf.has(name)) return true;
      if (!(options.ignoreOthers && options.classes)) {
        const file = folder.tree.absolute(image.labels);
        problems.push({ file, message: unknownClass(name, classes, options.classes !== undefined) });
      }
      return false;
    });
    return {
      id: image.id,
      imagePath: folder.tree.absolute(image.image ?? image.expected),
      ...image.size,
      boxes: Float32Array.from(objects.flatMap(({ box }) => box)),
      labels: Int32Array.from(objects, ({ name }) => (merge === undefined ? labelOf.get(name)! : 1)),
      difficult: Uint8Array.from(objects, ({ difficult, marks }) =>
        difficult || marks?.some((mark) => options.ignore?.includes(mark)) ? 1 : 0,
      ),
    };
  });
  const damaged = options.skipBad ? await decodeEach(all) : [];
  const damagedFiles = new Set(damaged.map(({ file }) => file));
  const samples = all.filter(({ imagePath }) => !damagedFiles.has(imagePath));
  problems.push(...damaged);
  const names = merge === undefined ? [...classes] : [merge];
  const dataset = { root: folder.root, split, classes: names, samples };
  report(folder, dataset, problems, options);
  return dataset;
}

/** Passes on problems. @throws InputError with all of them, unless there is a callback or they are skipped */
function report(
  folder: DataFolder,
  { root, split, samples }: Dataset,
  problems: readonly Problem[],
  { onProblem, skipBad }: ReadOptions,
): void {
  if (onProblem) problems.forEach(onProblem);
  else if (problems.length > 0) {
    const what = `${root}, split ${quoted(split)}`;
    if (!skipBad) {
      const remedy = "Correct them, or skip them with the setting skip-bad.";
      throw new InputError(describeProblems(what, problems, { remedy }));
    }
    const text = describeProblems(what, problems, { limit: 5 });
    if (samples.length === 0) throw new InputError(text);
    folder.notes.add(`Skipped (skip-bad): ${text}`);
  }
}

/** Opens a folder and reads one split of it. @throws InputError, see openData and readSplit */
export async function readDataset(
  root: string,
  split: string,
  { format = "auto", ...options }: ReadOptions & OpenOptions = {},
): Promise<Dataset> {
  return readSplit(await openData(root, { format }), split, options);
}

/** Every class with an object in the splits, sorted. Does not report problems. */
export async function listClasses(
  folder: DataFolder,
  splits: readonly string[],
  options: Pick<ReadOptions, "checkImages" | "skipBad"> = {},
): Promise<string[]> {
  const read = await Promise.all(splits.map((split) => readLabels(folder, split, options)));
  return [...new Set(read.flatMap(({ names }) => names))].sort();
}

/** Notes on the folder and the splits read so far, each once. */
export async function notesOf({ source, tree, cache, notes }: DataFolder): Promise<string[]> {
  const found = (await Promise.all(cache.values())).flatMap(({ findings }) => findings.notes());
  const leftovers =
    tree.leftovers > 0 ? [`${counted(tree.leftovers, "leftover")} of operating systems ignored.`] : [];
  return [...new Set([...source.notes, ...leftovers, ...found, ...notes])];
}

async function classesOf(
  folder: DataFolder,
  split: string,
  labels: CheckedLabels,
  options: ReadOptions,
): Promise<readonly string[]> {
  if (options.classes) return options.classes;
  if (options.merge !== undefined) return [];
  const declared = await folder.source.classes();
  if (declared !== undefined) return printable(declared, folder.root);
  if (split === "train" || !folder.source.splits.includes("train")) return [...labels.names].sort();
  // Other problems of train are reported when train is read; here it only determines the classes. If train
  // cannot be read in full, its classes are incomplete: then no class counts as unknown.
  const { names, incomplete } = await readLabels(folder, "train", options);
  return [...new Set(incomplete ? [...names, ...labels.names] : names)].sort();
}

function printable(classes: readonly string[], root: string): readonly string[] {
  const odd = classes.find(hasControls);
  if (odd === undefined) return classes;
  throw new InputError(`${root}: the class ${quoted(odd)} has control characters in its name. Correct it.`);
}

function unknownClass(name: string, classes: readonly string[], given: boolean): string {
  const source = given ? "" : " (from train, or the list of classes)";
  const remedy = given ? "" : " Specify the classes, or add an example to train.";
  return `unknown class ${quoted(name)}; expected one of ${listed(classes)}${source}.${didYouMean(name, classes)}${remedy}`;
}
