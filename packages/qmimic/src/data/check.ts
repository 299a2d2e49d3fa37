// Everything about a VOC folder before time is spent on training: what is in it, and what is wrong with it.
import { InputError } from "../errors.js";
import { listed } from "../text.js";
import { mapConcurrent } from "./concurrent.js";
import { decodeImage } from "./images.js";
import { type Quantiles, quantiles } from "./quantiles.js";
import type { Problem, Sample } from "./types.js";
import { readVoc } from "./voc.js";
import { listSplits, readSplit } from "./vocSplits.js";

export interface SplitReport {
  name: string;
  images: number;
  /** Images without objects. */
  emptyImages: number;
  boxes: number;
  difficult: number;
  /** Boxes of each class, by name; 0 for a class of the set that this split does not show. */
  classCounts: Record<string, number>;
  /** Square root of a box's area in pixels of the image. Null without boxes. */
  boxSize: Quantiles | null;
  /** The same as a fraction of the image's longest side: times `side` it is the size that the network sees. */
  boxSizeRelative: Quantiles | null;
  /** Width / height of the boxes. */
  boxAspect: Quantiles | null;
  /** Longest sides of the images in pixels, and width / height. Null without images. */
  imageSide: Quantiles | null;
  imageAspect: Quantiles | null;
}

export interface DatasetReport {
  root: string;
  /** Whether there is no problem. */
  ok: boolean;
  /** All classes found, sorted. */
  classes: string[];
  splits: SplitReport[];
  /** Everything that reading the data would refuse, each once. */
  problems: Problem[];
  /** Worth knowing, but nothing that is refused: images in two splits, lists left out, classes without examples. */
  notes: string[];
}

export interface CheckOptions {
  /** Called as images are decoded. */
  onProgress?: (done: number, total: number) => void;
}

/** Images are decoded as training decodes them, reduced on the way: whole ones of 100 million pixels took gigabytes. */
const CHECKED_SIDE = 1024;

/**
 * Reads every split of a VOC folder and decodes every image. Problems are collected, not thrown; what has one is left
 * out of the numbers. Throws InputError only when there is no list of images at all.
 */
export async function checkDataset(root: string, options: CheckOptions = {}): Promise<DatasetReport> {
  const problems = new Map<string, Problem>();
  // Splits overlap (trainval), so that the same file is met more than once.
  const onProblem = (problem: Problem): void => {
    problems.set(`${problem.file}\n${problem.message}`, problem);
  };
  const notes: string[] = [];
  const samplesOf = new Map<string, Sample[]>();
  const classesOf = new Map<string, string[]>();
  for (const split of await listSplits(root)) {
    if ((await readSplit(root, split, () => {})).ofOneClass) {
      notes.push(`ImageSets/Main/${split}.txt is a list of one class and was left out.`);
      continue;
    }
    const { classes, samples } = await readVoc(root, split, { onProblem });
    samplesOf.set(split, samples);
    classesOf.set(split, classes);
  }

  await decodeAll([...samplesOf.values()].flat(), onProblem, options);
  const classes = [...new Set([...classesOf.values()].flat())].sort();
  const splits = [...samplesOf].map(([name, samples]) =>
    describeSplit(name, samples, classesOf.get(name)!, classes),
  );
  notes.push(...overlaps(samplesOf), ...classesWithoutExamples(splits));
  return { root, ok: problems.size === 0, classes, splits, problems: [...problems.values()], notes };
}

async function decodeAll(
  samples: Sample[],
  onProblem: (problem: Problem) => void,
  { onProgress }: CheckOptions,
): Promise<void> {
  const paths = [...new Set(samples.map(({ imagePath }) => imagePath))];
  let done = 0;
  const failures = await mapConcurrent(paths, 4, async (path) => {
    try {
      await decodeImage(path, { maxSide: CHECKED_SIDE });
      return undefined;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return error.message.replace(`${path}: `, "");
    } finally {
      onProgress?.(++done, paths.length);
    }
  });
  failures.forEach((message, index) => {
    if (message !== undefined) onProblem({ file: paths[index], message });
  });
}

function describeSplit(
  name: string,
  samples: Sample[],
  labelNames: string[],
  classes: string[],
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
    name,
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

/** An image of the test split that was trained on makes every result too good. */
function overlaps(samplesOf: Map<string, Sample[]>): string[] {
  const PAIRS = [
    ["train", "val"],
    ["train", "test"],
    ["val", "test"],
    ["trainval", "test"],
  ];
  return PAIRS.flatMap(([first, second]) => {
    const ids = new Set(samplesOf.get(first)?.map(({ id }) => id));
    const shared = (samplesOf.get(second) ?? []).filter(({ id }) => ids.has(id));
    if (shared.length === 0) return [];
    return [
      `${shared.length} images are in ${first} and in ${second} (${shared[0].id}, ...): results would be too good.`,
    ];
  });
}

function classesWithoutExamples(splits: SplitReport[]): string[] {
  const NEEDED = ["train", "val", "test"];
  return splits.flatMap(({ name, images, classCounts }) => {
    const missing = Object.keys(classCounts).filter((className) => classCounts[className] === 0);
    if (images === 0 || missing.length === 0 || !NEEDED.includes(name)) return [];
    return [`${name} shows no ${listed(missing)}.`];
  });
}
