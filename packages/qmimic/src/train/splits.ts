// The images that a run needs: its splits, and photographs without labels.
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
import { holdsOut, readTrainVal } from "../data/trainVal.js";
import type { Dataset, Problem, Sample } from "../data/types.js";
import { imagesOfOtherSplits, readUnlabelled } from "../data/unlabelled.js";
import { didYouMean, InputError } from "../errors.js";
import { listed, quoted } from "../text.js";
import { type Recipe, settingOf, usesUnlabelled } from "./recipe.js";

/** Images of one split, ready to be trained on or evaluated. */
export interface Split {
  dataset: Dataset;
  store: ImageStore;
}

export interface Splits {
  train: Split;
  val: Split;
  /** Photographs without labels, for the student. */
  unlabelled?: Split;
}

const MIB = 2 ** 20;

/**
 * Reads the splits that training needs, and the photographs without labels. All share one budget of memory for decoded images.
 * @param say is told what is worth knowing of the data, and when the file of images is damaged
 * @param onProgress is called as images are compared, where val has to be held out
 * @throws InputError for what is wrong with the data, a class that it does not have, or a split without objects
 */
export async function openSplits(
  recipe: Recipe,
  say: (text: string) => void = () => {},
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Splits> {
  const { data, side, scales, memory, diskCache, cache } = recipe;
  if (data === "") throw new InputError("data: which folder? Say --data DIR");
  const folder = await openData(data, recipe);
  const options = await readOptions(folder, recipe);
  const { train: all, val, heldOut } = await readTrainVal(folder, { ...recipe, onProgress }, options);
  const train = { ...all, samples: someOf(all, recipe.trainImages) };
  const limits = {
    side,
    stride: recipe.outputStride,
    detections: settingOf(recipe, "boxDetections") as number,
  };
  for (const note of [...(await notesOf(folder)), ...objectNotes([train, val], limits)]) say(note);
  if (heldOut !== undefined) say(heldOut);
  for (const { split, samples } of [train, val]) {
    // Difficult objects are neither learned nor scored.
    if (!samples.some(({ difficult }) => difficult.some((one) => one === 0))) {
      throw new InputError(`${data}: split "${split}" holds no object of ${listed(train.classes)}`);
    }
  }
  const unlabelled = usesUnlabelled(recipe)
    ? await openUnlabelled(recipe, folder, [train, val], say)
    : undefined;
  const budget = { bytes: memory * MIB };
  const open = (dataset: Dataset, scale: number): Split => {
    const maxSide = Math.ceil(side * scale);
    const file = diskCache ? { file: createPixelFile(cache, dataset.samples, maxSide, say) } : {};
    return { dataset, store: createImageStore(dataset.samples, { maxSide, budget, ...file }) };
  };
  const largest = Math.max(...scales);
  return {
    train: open(train, largest),
    val: open(val, 1),
    ...(unlabelled ? { unlabelled: open(unlabelled, largest) } : {}),
  };
}

/** As many images as are asked for, in their order: fewer of them are among more. */
function someOf({ root, split, samples }: Dataset, count: number): Sample[] {
  if (count === 0) return samples;
  if (count > samples.length) {
    throw new InputError(
      `train-images: ${count} images are asked for; split ${quoted(split)} of ${root} has ${samples.length}`,
    );
  }
  const chosen = new Set(shuffled([...samples.keys()], createRandom("train-images")).slice(0, count));
  return samples.filter((_, i) => chosen.has(i));
}

/** What the folder `unlabelled` holds besides the images of the splits; those of train that are left out are used. */
async function openUnlabelled(
  recipe: Recipe,
  folder: DataFolder,
  used: readonly Dataset[],
  say: (text: string) => void,
): Promise<Dataset> {
  const [{ classes }] = used;
  const exclude = [
    ...used.flatMap(({ samples }) => samples.map(({ imagePath }) => imagePath)),
    ...(await imagesOfOtherSplits(folder, recipe.trainSplit)),
  ];
  const { samples, notes } = await readUnlabelled(recipe.unlabelled, { exclude, skipBad: recipe.skipBad });
  for (const note of notes) say(note);
  return { root: recipe.unlabelled, split: "unlabelled", classes, samples };
}

/** How a recipe wants the labels read. @throws InputError when a class is asked for that the data does not have */
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
        `classes: no object of ${folder.root} is a ${quoted(name)}; there are ${listed(known)}.${didYouMean(name, known)}`,
      );
    }
  }
  return { ...options, classes, ignoreOthers: true };
}

/** Decodes every image once. @throws InputError with all that cannot be decoded */
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
