// Images for qmimic export: to compare exported files with the detector, and training images for calibration.
import { createImageStore } from "../data/imageStore.js";
import type { RawImage } from "../data/images.js";
import { createRandom, shuffled } from "../data/random.js";
import type { Dataset } from "../data/types.js";
import { InputError } from "../errors.js";
import { readRunRecipe } from "../train/runFolder.js";
import { type DatasetFlags, readDatasetFor, readTrainFor } from "./dataset.js";
import { heldOutBy } from "./heldOut.js";
import { say } from "./output.js";

export interface ImageFlags {
  data?: string;
  split?: string;
  classes?: string;
  merge?: string;
}

/** What is exported: the weights file, and its run folder if there is one. */
export interface Exported {
  path: string;
  classes: readonly string[];
  run: string | undefined;
}

/** The images: of --data, or of the run's data. @throws InputError if there is neither */
async function imagesOf(
  { path, run }: Exported,
  { data: named, split, classes: names, merge: into }: ImageFlags,
): Promise<DatasetFlags> {
  const labels = {
    ...(names === undefined ? {} : { classes: names }),
    ...(into === undefined ? {} : { merge: into }),
  };
  if (named !== undefined)
    return { data: named, split: split ?? "val", format: "auto", ...(await heldOutBy(path)), ...labels };
  if (run === undefined)
    throw new InputError("without a run folder, images must be given with --data FOLDER");
  const recipe = await readRunRecipe(run);
  const { data, trainSplit, valSplit, classes, merge, format, valShare, skipBad, ignore } = recipe;
  const own = merge !== "" ? { merge } : classes.length > 0 ? { classes: classes.join(",") } : {};
  return {
    ...{ data, trainSplit, split: split ?? valSplit, format, valShare, skipBad, ignore },
    ...(Object.keys(labels).length > 0 ? labels : own),
  };
}

/** Whether the command line says which images to use. */
export const namesImages = ({ data, split, classes, merge }: ImageFlags): boolean =>
  [data, split, classes, merge].some((flag) => flag !== undefined);

/**
 * Images to compare on; undefined, with a message, if there are none.
 * @throws InputError if those that the flags name cannot be used
 */
export async function comparedImages(exported: Exported, flags: ImageFlags): Promise<Dataset | undefined> {
  try {
    return await readDatasetFor(exported, await imagesOf(exported, flags));
  } catch (error) {
    if (!(error instanceof InputError) || namesImages(flags)) throw error;
    say(`not compared with the detector: ${error.message}\n`);
    return undefined;
  }
}

/** The training images, never those used for comparison. @throws InputError if there are none */
export async function trainingImages(exported: Exported, flags: ImageFlags): Promise<Dataset> {
  // Whichever images are compared on, what training held out is the val split.
  const images = await imagesOf(exported, flags.data === undefined ? {} : { ...flags, split: "val" });
  return readTrainFor(exported, images);
}

/** Decodes up to the requested number of images; always the same ones. */
export async function calibrationPictures(
  { samples }: Dataset,
  count: number,
  maxSide: number,
): Promise<RawImage[]> {
  const store = createImageStore(samples, { maxSide });
  const chosen = shuffled([...samples.keys()], createRandom("calibration")).slice(0, count);
  return Promise.all(chosen.map((i) => store.get(i)));
}
