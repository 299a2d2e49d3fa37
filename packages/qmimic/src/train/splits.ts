// The splits that a run needs, and everything that can be wrong with its input.
import { join } from "node:path";
import { shapesOnly } from "@qmimic/torch";
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
import { withLock } from "../data/lock.js";
import { createPixelFile } from "../data/pixelFile.js";
import { describeProblems } from "../data/problems.js";
import { createRandom } from "../data/random.js";
import { holdsOut, readTrainVal } from "../data/trainVal.js";
import type { Dataset, Problem } from "../data/types.js";
import { didYouMean, InputError } from "../errors.js";
import { checkWritable } from "../files.js";
import { createDetector, type Detector, parseBackbone } from "../models/index.js";
import { listed, quoted } from "../text.js";
import { useEngine } from "./engine.js";
import { teacherConfig } from "./networks.js";
import { isWeightsFile, type Recipe, settingOf } from "./recipe.js";
import { checkStarts } from "./start.js";
import { readBackbone } from "./torchvision.js";
import { loadDetector } from "./weights.js";

/** Images of one split, ready to be trained on or evaluated. */
export interface Split {
  dataset: Dataset;
  store: ImageStore;
}

export interface Splits {
  train: Split;
  val: Split;
}

const MIB = 2 ** 20;

/**
 * Reads the splits that training needs. Decoded images of both share one budget of memory.
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
  const { train, val, heldOut } = await readTrainVal(
    folder,
    { ...recipe, onProgress },
    await readOptions(folder, recipe),
  );
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
  const budget = { bytes: memory * MIB };
  const open = (dataset: Dataset, scale: number): Split => {
    const maxSide = Math.ceil(side * scale);
    const file = diskCache ? { file: createPixelFile(cache, dataset.samples, maxSide, say) } : {};
    return { dataset, store: createImageStore(dataset.samples, { maxSide, budget, ...file }) };
  };
  return { train: open(train, Math.max(...scales)), val: open(val, 1) };
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

/**
 * Everything that can be wrong with the input is found here, before a folder is made and time is spent: settings that
 * do not go together, annotations, images that cannot be decoded (they are all decoded once, which fills the store),
 * and a teacher that does not fit.
 * @param say is told of a wait for another run, and of a file of images that is damaged, also later, when images are read
 * @throws InputError
 */
export async function prepareRun(
  recipe: Recipe,
  progress: (done: number, total: number) => void = () => {},
  say: (text: string) => void = () => {},
): Promise<Splits> {
  useEngine(recipe);
  const { teacher } = recipe;
  parseBackbone(recipe.student);
  if (!isWeightsFile(teacher)) parseBackbone(teacher);
  else if (recipe.stage === "teacher") {
    throw new InputError(
      `stage teacher trains a network; --teacher ${teacher} is one that is trained already`,
    );
  }
  const loaded = isWeightsFile(teacher) ? loadDetector(teacher) : null;
  checkStage(recipe, loaded);
  checkStarts(recipe);
  // Maps of the teacher are kept there, after hours of training perhaps.
  if (usesCache(recipe)) await checkWritable(recipe.cache);
  const splits = await openSplits(recipe, say, progress);
  if (loaded) checkTeacher(loaded, teacher, recipe, splits.train);
  loaded?.dispose();
  checkTeacherInit(recipe, splits.train);
  const decode = () => decodeAll([splits.train, splits.val], progress);
  // Another run may be writing the same file of images: what it has decoded need not be decoded here.
  const waiting = () => say(`waiting for another run that decodes images into ${recipe.cache}`);
  if (recipe.diskCache) await withLock(join(recipe.cache, "images.lock"), waiting, decode);
  else await decode();
  return splits;
}

/** Whether a run writes to its cache folder. */
export const usesCache = ({ method, diskCache }: Recipe): boolean => method !== "scratch" || diskCache;

/** @throws InputError when the stage asked for has nothing to do, or not the teacher it needs */
function checkStage({ method, stage, teacher }: Recipe, loaded: Detector | null): void {
  if (stage === "all" || stage === "teacher") return;
  const quantized = loaded !== null && loaded.config.quantizer.kind !== "none";
  if (stage === "quantized-teacher") {
    if (method !== "quantization-mimic") {
      throw new InputError(`stage ${stage} is one of method quantization-mimic, not of ${method}`);
    }
    if (quantized) throw new InputError(`${teacher}: the teacher is quantized already: use --stage student`);
  }
  if (method !== "scratch" && loaded === null) {
    throw new InputError(
      `stage ${stage} with method ${method} needs --teacher FILE.safetensors, not "${teacher}"`,
    );
  }
  if (stage === "student" && method === "quantization-mimic" && !quantized) {
    throw new InputError(
      `${teacher}: the teacher is not quantized: run --stage quantized-teacher first, or --stage all`,
    );
  }
}

/** @throws InputError when the weights that the teacher starts from are not its network's */
function checkTeacherInit(recipe: Recipe, train: Split): void {
  if (recipe.teacherInit === "") return;
  const sketch = shapesOnly(() => createDetector(teacherConfig(recipe, train), createRandom(0)));
  readBackbone(sketch, recipe.teacherInit);
  sketch.dispose();
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

/** @throws InputError with both shapes when a teacher cannot teach this student */
export function checkTeacher({ config }: Detector, path: string, recipe: Recipe, train: Split): void {
  const differ = (what: string, has: string, wants: string) => {
    throw new InputError(`${path}: the teacher's ${what} is ${has}, the student needs ${wants}`);
  };
  if (config.outputStride !== recipe.outputStride) {
    differ("output stride", String(config.outputStride), String(recipe.outputStride));
  }
  const [has, wants] = [config.classes, train.dataset.classes];
  if (has.join("\n") !== wants.join("\n")) {
    differ("list of classes", `[${listed(has)}]`, `[${listed(wants)}]`);
  }
  if (config.side !== recipe.side)
    differ("longest side of the input", `${config.side} px`, `${recipe.side} px`);
}
