// The images of a run: its splits, and unlabelled images.
import { existsSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { objectNotes } from "../data/checkObjects.js";
import {
  type DataFolder,
  findSplit,
  listClasses,
  notesOf,
  openData,
  type ReadOptions,
} from "../data/dataset.js";
import { createImageStore, type ImageStore } from "../data/imageStore.js";
import { createPixelFile } from "../data/pixelFile.js";
import { describeProblems } from "../data/problems.js";
import { createRandom, shuffled } from "../data/random.js";
import { type Division, holdsOut, readTrainVal } from "../data/trainVal.js";
import type { Dataset, Problem, Sample } from "../data/types.js";
import { imagesOfOtherSplits, readUnlabelled } from "../data/unlabelled.js";
import { didYouMean, InputError } from "../errors.js";
import { listed, quoted } from "../text.js";
import { type Recipe, settingOf, usesUnlabelled } from "./recipe.js";

/** Images of one split, ready for training or evaluation. */
export interface Split {
  dataset: Dataset;
  store: ImageStore;
  /** The images for the teacher, if its input is larger than the student's. */
  teacherStore?: ImageStore;
}

/** A split as the teacher sees it. */
export const forTeacher = ({ dataset, store, teacherStore }: Split): Split => ({
  dataset,
  store: teacherStore ?? store,
});

export interface Splits {
  train: Split;
  val: Split;
  /** Unlabelled images, for the student. */
  unlabelled?: Split;
}

/** The labelled splits as the teacher sees them. */
export const splitsForTeacher = ({ train, val }: Splits): Splits => ({
  train: forTeacher(train),
  val: forTeacher(val),
});

const MIB = 2 ** 20;

/**
 * Reads the splits for training, and the unlabelled images. All share one memory budget for decoded images.
 * @param say called with notes on the data, and if the image file is damaged
 * @param onProgress called while images are compared, if val has to be held out, or there are unlabelled images
 * @param division of an earlier run, if these are for its weights
 * @throws InputError for problems in the data, a missing class, or a split without objects
 */
export async function openSplits(
  recipe: Recipe,
  say: (text: string) => void = () => {},
  onProgress: (done: number, total: number) => void = () => {},
  division?: Division,
): Promise<Splits> {
  const { data, side, teacherScale, scales, memory, diskCache, cache } = recipe;
  if (data === "") throw new InputError("no data folder given; pass --data DIR");
  const folder = await openData(data, recipe);
  const options = await readOptions(folder, recipe);
  const {
    train: all,
    val,
    heldOut,
    divided,
  } = await readTrainVal(folder, { ...recipe, division, onProgress }, options);
  // An earlier division has the subset already.
  const train = divided ? all : { ...all, samples: subsetOf(all, recipe.trainImages) };
  const limits = {
    side,
    stride: recipe.outputStride,
    detections: settingOf(recipe, "boxDetections") as number,
  };
  for (const note of [...(await notesOf(folder)), ...objectNotes([train, val], limits)]) say(note);
  if (heldOut !== undefined) say(heldOut);
  for (const { split, samples } of [train, val]) {
    // Difficult objects are ignored in training and scoring.
    if (!samples.some(({ difficult }) => difficult.some((flag) => flag === 0))) {
      throw new InputError(`${data}: split "${split}" has no objects of ${listed(train.classes)}`);
    }
  }
  const unlabelled = usesUnlabelled(recipe)
    ? await openUnlabelled({ recipe, folder, train, val, say, onProgress })
    : undefined;
  const budget = { bytes: memory * MIB };
  const openStore = ({ samples }: Dataset, maxSide: number): ImageStore => {
    const file = diskCache ? { file: createPixelFile(cache, samples, maxSide, say) } : {};
    return createImageStore(samples, { maxSide, budget, ...file });
  };
  const open = (dataset: Dataset, scale: number): Split => ({
    dataset,
    store: openStore(dataset, Math.ceil(side * scale)),
    ...(teacherScale > 1 ? { teacherStore: openStore(dataset, Math.ceil(side * teacherScale * scale)) } : {}),
  });
  const largest = Math.max(...scales);
  return {
    train: open(train, largest),
    val: open(val, 1),
    ...(unlabelled ? { unlabelled: open(unlabelled, largest) } : {}),
  };
}

/** A subset of the requested size, in order; smaller subsets are contained in larger ones. */
function subsetOf({ root, split, samples }: Dataset, count: number): Sample[] {
  if (count === 0) return samples;
  if (count > samples.length) {
    throw new InputError(
      `train-images is ${count}, but split ${quoted(split)} of ${root} has only ${samples.length}`,
    );
  }
  const chosen = new Set(shuffled([...samples.keys()], createRandom("train-images")).slice(0, count));
  return samples.filter((_, i) => chosen.has(i));
}

/**
 * The images in the folder `unlabelled` that are not in the splits. Train images left out by train-images are
 * used. If it is the data folder, images in folders without labelled ones are not: they may be masks, as in Pascal VOC.
 */
async function openUnlabelled({
  recipe,
  folder,
  train,
  val,
  say,
  onProgress,
}: {
  recipe: Recipe;
  folder: DataFolder;
  train: Dataset;
  val: Dataset;
  say(text: string): void;
  onProgress(done: number, total: number): void;
}): Promise<Dataset> {
  const pathsOf = ({ samples }: Dataset) => samples.map(({ imagePath }) => imagePath);
  const unlike = [...pathsOf(val), ...(await imagesOfOtherSplits(folder, recipe.trainSplit))];
  const exclude = [...pathsOf(train), ...unlike];
  const isData =
    existsSync(recipe.unlabelled) && realpathSync(recipe.unlabelled) === realpathSync(recipe.data);
  const folders = isData ? { folders: new Set(exclude.map((path) => dirname(path))) } : {};
  const options = { exclude, unlike, ...folders, skipBad: recipe.skipBad, onProgress };
  const { samples, notes } = await readUnlabelled(recipe.unlabelled, options);
  for (const note of notes) say(note);
  return { root: recipe.unlabelled, split: "unlabelled", classes: train.classes, samples };
}

/** The recipe's options for reading labels. @throws InputError if the data lacks a requested class */
export async function readOptions(folder: DataFolder, recipe: Recipe): Promise<ReadOptions> {
  const { trainSplit, valSplit, classes, merge, ignore, skipBad } = recipe;
  const options = { ignore, skipBad };
  if (merge !== "") return { ...options, merge };
  if (classes.length === 0) return options;
  const splits = holdsOut(folder, valSplit) ? [trainSplit] : [trainSplit, valSplit];
  const known = await listClasses(
    folder,
    splits.map((split) => findSplit(folder, split)),
    options,
  );
  for (const name of classes) {
    if (!known.includes(name)) {
      throw new InputError(
        `classes: ${folder.root} has no objects of class ${quoted(name)}. Found: ${listed(known)}.${didYouMean(name, known)}`,
      );
    }
  }
  return { ...options, classes, ignoreOthers: true };
}

/** Decodes every image once. @throws InputError listing all that cannot be decoded */
export async function decodeAll(
  splits: readonly Split[],
  progress: (done: number, total: number) => void,
): Promise<void> {
  const problems: Problem[] = [];
  const total = splits.reduce((sum, { dataset }) => sum + dataset.samples.length, 0);
  let done = 0;
  for (const { dataset, store } of splits) {
    store.prefetch(dataset.samples.keys());
    for (const [i, { imagePath: file }] of dataset.samples.entries()) {
      await store.get(i).catch((error: unknown) => {
        if (!(error instanceof InputError)) throw error;
        problems.push({ file, message: error.message.replace(`${file}: `, "") });
      });
      progress(++done, total);
    }
  }
  if (problems.length > 0) throw new InputError(describeProblems(splits[0].dataset.root, problems));
}
