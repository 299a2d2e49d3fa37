// The two splits that training needs: from the data, or with val held out.
import { InputError } from "../errors.js";
import { type DataFolder, findSplit, type ReadOptions, readSplit } from "./dataset.js";
import { divideSamples } from "./holdOut.js";
import { counted } from "./problems.js";
import { WHOLE } from "./splitNames.js";
import type { Dataset, Sample } from "./types.js";

export interface TrainValOptions {
  trainSplit: string;
  valSplit: string;
  /** Fraction of the images to hold out if there is no val split. */
  valShare: number;
  /** How an earlier run divided the images, if one did. */
  division?: Division | undefined;
  /** Called while images are compared for holding out. */
  onProgress?: (done: number, total: number) => void;
}

/**
 * The split of each sample in an earlier division, "" for a sample that it did not have; undefined if the samples are of
 * another set.
 */
export type Division = (samples: readonly Sample[]) => ("train" | "val" | "")[] | undefined;

export interface TrainVal {
  train: Dataset;
  val: Dataset;
  /** A note on what was held out; undefined if the data has both splits. */
  heldOut: string | undefined;
  /** Whether train and val are those of an earlier division. */
  divided: boolean;
}

/** Not the run's seed: runs with different seeds are compared on the same images, and share a teacher. */
const HOLD_OUT_SEED = 0;

/** Whether val is held out: the name is the usual one, and no such split exists. */
export const holdsOut = ({ source: { splits } }: DataFolder, valSplit: string): boolean =>
  valSplit === "val" && !splits.includes("val");

/** Options to read another split with the classes of train. */
export const likeTrain = (options: ReadOptions, { classes }: Dataset): ReadOptions =>
  options.merge === undefined ? { ...options, classes } : options;

/** @throws InputError as readSplit does, and if there are too few images to hold out */
export async function readTrainVal(
  folder: DataFolder,
  { trainSplit, valSplit, valShare, division, onProgress }: TrainValOptions,
  options: ReadOptions,
): Promise<TrainVal> {
  const all = await readSplit(folder, trainSplit, options);
  if (!holdsOut(folder, valSplit)) {
    const val = await readSplit(folder, valSplit, likeTrain(options, all));
    return { train: all, val, heldOut: undefined, divided: false };
  }
  const before = division?.(all.samples);
  const splits =
    before ??
    (await divideSamples(all.samples, {
      shares: { train: 1 - valShare, val: valShare },
      seed: HOLD_OUT_SEED,
      ...(onProgress ? { onProgress } : {}),
    }));
  const part = (name: string): Dataset => ({
    ...all,
    split: name,
    samples: all.samples.filter((_, i) => splits[i] === name),
  });
  const [train, val] = [part("train"), part("val")];
  if (train.samples.length === 0 || val.samples.length === 0) {
    throw new InputError(
      `${folder.root}: there is no val split, and ${counted(all.samples.length, "image")} (keeping near-duplicates together) cannot be split with val-share ${valShare}. Add images, or a val split.`,
    );
  }
  const from = findSplit(folder, trainSplit) === WHOLE ? "the set" : `split ${trainSplit}`;
  const how = before
    ? "as in the run"
    : `val-share ${valShare}; the same ones for every seed, near-duplicates stay together`;
  const heldOut = `there is no val split: ${val.samples.length} of the ${all.samples.length} images of ${from} are held out as val (${how}). qmimic data split writes lists.`;
  return { train, val, heldOut, divided: before !== undefined };
}
