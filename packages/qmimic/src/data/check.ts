// Checks a data folder before training: statistics, notes and problems.
import { relative, sep } from "node:path";
import { listed } from "../text.js";
import { unusedFiles } from "./checkFiles.js";
import { objectNotes, SIZE_LIMITS, type SizeLimits } from "./checkObjects.js";
import { copyNotes, nameNotes, overlapNotes } from "./checkSplits.js";
import { type DataFolder, notesOf, type OpenOptions, openData, readLabels, readSplit } from "./dataset.js";
import { decodeEach } from "./decodeEach.js";
import { brightest, type Fingerprint, fingerprint, groupCopies } from "./nearCopies.js";
import { counted, someOf } from "./problems.js";
import { type Quantiles, quantiles } from "./quantiles.js";
import { findImage } from "./readers/findImage.js";
import type { Format } from "./readers/types.js";
import { WHOLE } from "./splitNames.js";
import type { Dataset, Problem } from "./types.js";

export interface SplitReport {
  name: string;
  images: number;
  /** Images without objects. */
  emptyImages: number;
  boxes: number;
  difficult: number;
  /** Boxes per class, by name; 0 for classes that this split lacks. */
  classCounts: Record<string, number>;
  /** Square root of the box area in image pixels. Null without boxes. */
  boxSize: Quantiles | null;
  /** The same as a fraction of the image's longest side: times `side`, it is the size that the network sees. */
  boxSizeRelative: Quantiles | null;
  /** Width / height of the boxes. */
  boxAspect: Quantiles | null;
  /** Longest sides of the images in pixels, and width / height. Null without images. */
  imageSide: Quantiles | null;
  imageAspect: Quantiles | null;
}

export interface DatasetReport {
  root: string;
  format: Format;
  /** The folder's layout, as text. */
  layout: string;
  /** True if there are no problems. */
  ok: boolean;
  /** All classes, in label order. */
  classes: string[];
  splits: SplitReport[];
  /** Everything that makes reading the data fail, each once. */
  problems: Problem[];
  /** Worth knowing, but not errors: images in two splits, skipped files, classes without examples. */
  notes: string[];
}

export interface CheckOptions extends OpenOptions, Partial<SizeLimits> {
  /** Called as images are decoded. */
  onProgress?: (done: number, total: number) => void;
}

/**
 * Reads every split of a folder and decodes every image. Problems are collected, not thrown; images with
 * problems are left out of the statistics. Throws InputError only if there is nothing to check: no folder, no
 * labels.
 */
export async function checkDataset(root: string, options: CheckOptions = {}): Promise<DatasetReport> {
  const folder = await openData(root, options);
  const problems = new Map<string, Problem>();
  // Splits can overlap (trainval), so the same file may appear more than once.
  const onProblem = (problem: Problem): void => {
    problems.set(`${problem.file}\n${problem.message}`, problem);
  };
  const datasets: Dataset[] = [];
  const used = new Set<string>();
  for (const split of folder.source.splits) {
    datasets.push(await readSplit(folder, split, { onProblem, checkImages: true }));
    for (const file of (await readLabels(folder, split, { checkImages: true })).files) used.add(file);
  }
  for (const path of filesOfProblems(folder, problems.values())) used.add(path);
  checkTrainable(folder, datasets, onProblem);

  const found = new Map<string, Fingerprint>();
  const samples = datasets.flatMap((dataset) => dataset.samples);
  const damaged = await decodeEach(samples, {
    ...options,
    onImage: (path, image) => found.set(path, fingerprint(image)),
  });
  damaged.forEach(onProblem);
  // Images finish in any order; the report must not depend on it.
  const prints = new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
  checkDividable(folder, datasets, prints, onProblem);
  const classes = allClasses(datasets);
  const limits = { ...SIZE_LIMITS, ...options };
  const splits = datasets.map((dataset) => describeSplit(dataset, classes));
  const notes = [
    ...(await notesOf(folder)),
    ...splitNotes(folder),
    ...unusedFiles(folder, used),
    ...overlapNotes(datasets),
    ...copyNotes(datasets, prints),
    ...nameNotes(classes),
    ...classesWithoutExamples(splits),
    ...darkNotes(root, prints),
    ...objectNotes(datasets, limits),
  ];
  const { format, layout } = folder.source;
  return {
    root,
    format,
    layout,
    ok: problems.size === 0,
    classes,
    splits,
    problems: [...problems.values()],
    notes,
  };
}

/** Label files that cannot be read, and their images: reported already, so not as unused. */
function filesOfProblems({ root, tree }: DataFolder, problems: Iterable<Problem>): string[] {
  return [...problems].flatMap(({ file }) => {
    const path = relative(root, file).replaceAll(sep, "/");
    return tree.has(path) ? [path, findImage(tree, path).image ?? path] : [];
  });
}

/** Problems of the whole set that would make training fail. */
function checkTrainable(
  { root, source: { splits } }: DataFolder,
  datasets: readonly Dataset[],
  onProblem: (problem: Problem) => void,
): void {
  if (!splits.includes("train") && !(splits.length === 1 && splits[0] === WHOLE)) {
    onProblem({
      file: root,
      message: `there is no split train; found: ${listed(splits)}. Choose the split to train on with --train-split, or create a list for train.`,
    });
  }
  for (const { split, samples } of datasets) {
    const learnable = samples.some(({ difficult }) => difficult.some((flag) => flag === 0));
    if (["train", "val", WHOLE].includes(split) && samples.length > 0 && !learnable) {
      onProblem({ file: root, message: `split "${split}" has no objects to train on or score.` });
    }
  }
}

/** Without a val split, training needs at least two images that are not near-duplicates. */
function checkDividable(
  { root, source: { splits } }: DataFolder,
  datasets: readonly Dataset[],
  prints: ReadonlyMap<string, Fingerprint>,
  onProblem: (problem: Problem) => void,
): void {
  const whole = datasets.find(({ split }) => split === "train") ?? datasets[0];
  if (splits.includes("val") || whole.samples.length === 0) return;
  const groups = groupCopies(whole.samples.flatMap(({ imagePath }) => prints.get(imagePath) ?? []));
  if (new Set(groups).size >= 2) return;
  onProblem({
    file: root,
    message:
      "there is no val split, and not enough images that are not near-duplicates to hold one out. Add images, or a val split.",
  });
}

function splitNotes({ source: { splits } }: DataFolder): string[] {
  if (splits.includes("val")) return [];
  const from = splits.includes("train") ? "train" : "the set";
  return [
    `There is no val split: qmimic train holds out a fraction of ${from} (--val-share); qmimic data split writes lists.`,
  ];
}

function allClasses(datasets: readonly Dataset[]): string[] {
  const train = datasets.find(({ split }) => split === "train");
  return [...new Set([...(train?.classes ?? []), ...datasets.flatMap(({ classes }) => classes)])];
}

function describeSplit(
  { split, samples, classes: labelNames }: Dataset,
  classes: readonly string[],
): SplitReport {
  const classCounts = Object.fromEntries(classes.map((className) => [className, 0]));
  const sizes: number[] = [];
  const relative: number[] = [];
  const aspects: number[] = [];
  let difficult = 0;
  for (const sample of samples) {
    for (let i = 0; i < sample.labels.length; i++) {
      const [x1, y1, x2, y2] = sample.boxes.subarray(i * 4, i * 4 + 4);
      const size = Math.sqrt((x2 - x1) * (y2 - y1));
      sizes.push(size);
      relative.push(size / Math.max(sample.width, sample.height));
      aspects.push((x2 - x1) / (y2 - y1));
      classCounts[labelNames[sample.labels[i] - 1]]++;
      difficult += sample.difficult[i];
    }
  }
  return {
    name: split,
    images: samples.length,
    emptyImages: samples.filter(({ labels }) => labels.length === 0).length,
    boxes: sizes.length,
    difficult,
    classCounts,
    boxSize: quantiles(sizes),
    boxSizeRelative: quantiles(relative),
    boxAspect: quantiles(aspects),
    imageSide: quantiles(samples.map(({ width, height }) => Math.max(width, height))),
    imageAspect: quantiles(samples.map(({ width, height }) => width / height)),
  };
}

/** Out of 255. Even a photograph at night is brighter somewhere. */
const DARK = 16;

function darkNotes(root: string, prints: ReadonlyMap<string, Fingerprint>): string[] {
  const dark = [...prints]
    .filter(([, print]) => brightest(print) < DARK)
    .map(([path]) => relative(root, path));
  return dark.length === 0 ? [] : [`${counted(dark.length, "nearly black image")} (${someOf(dark)}).`];
}

function classesWithoutExamples(splits: readonly SplitReport[]): string[] {
  const NEEDED = ["train", "val", "test"];
  return splits.flatMap(({ name, images, classCounts }) => {
    const missing = Object.keys(classCounts).filter((className) => classCounts[className] === 0);
    if (images === 0 || missing.length === 0 || !NEEDED.includes(name)) return [];
    return [`${name} has no objects of ${listed(missing)}.`];
  });
}
