// Validates all input of a run before creating a folder and spending time.
import { join } from "node:path";
import { shapesOnly } from "@qmimic/torch";
import { withLock } from "../data/lock.js";
import { createRandom } from "../data/random.js";
import { InputError } from "../errors.js";
import { checkWritable } from "../files.js";
import { createDetector, type Detector, parseBackbone } from "../models/index.js";
import { listed } from "../text.js";
import { useEngine } from "./engine.js";
import { teacherConfig } from "./networks.js";
import {
  idleMimicry,
  isWeightsFile,
  needsTeacher,
  type Recipe,
  teacherRecipe,
  trainsStudent,
  usesCache,
} from "./recipe.js";
import { trainedOn } from "./runData.js";
import { isRun, runFolderOf } from "./runFiles.js";
import { decodeAll, openSplits, type Split, type Splits, splitsForTeacher } from "./splits.js";
import { checkStarts } from "./start.js";
import { readBackbone } from "./torchvision.js";
import { loadDetector } from "./weights.js";

/**
 * Validates all input before a folder is created and time is spent: incompatible settings, annotations, images
 * that cannot be decoded (all are decoded once, which fills the store), and an incompatible teacher.
 * @param say called when waiting for another run, and if an image file is damaged, also later when images are
 * read
 * @throws InputError
 */
export async function prepareRun(
  recipe: Recipe,
  progress: (done: number, total: number) => void = () => {},
  say: (text: string) => void = () => {},
): Promise<Splits> {
  useEngine(recipe);
  const idle = idleMimicry(recipe);
  if (idle !== undefined) throw new InputError(idle);
  const { teacher } = recipe;
  parseBackbone(recipe.student);
  if (!isWeightsFile(teacher)) parseBackbone(teacher);
  else if (recipe.stage === "teacher") {
    throw new InputError(`stage teacher trains a network, but --teacher ${teacher} is already trained`);
  }
  // A student from scratch does not use it, so it need not fit.
  const uses = needsTeacher(recipe) || recipe.stage === "quantized-teacher";
  const loaded = isWeightsFile(teacher) && uses ? loadDetector(teacher) : null;
  checkStage(recipe, loaded);
  checkStarts(recipe);
  // The teacher's maps are stored there, perhaps after hours of training.
  if (usesCache(recipe)) await checkWritable(recipe.cache);
  const splits = await openSplits(recipe, say, progress);
  for (const path of [recipe.from, loaded ? teacher : ""]) await noteTrained(path, splits.val, say);
  if (loaded) checkTeacher(loaded, teacher, recipe, splits.train);
  loaded?.dispose();
  checkTeacherInit(recipe, splits.train);
  // A teacher's run does not need the student's images, which may be smaller.
  const { train, val, unlabelled } = trainsStudent(recipe) ? splits : splitsForTeacher(splits);
  const decode = () => decodeAll([train, val, ...(unlabelled ? [unlabelled] : [])], progress);
  // Another run may be writing the same image file: images decoded by it are not decoded again.
  const waiting = () => say(`waiting for another run that is decoding images into ${recipe.cache}`);
  if (recipe.diskCache) await withLock(join(recipe.cache, "images.lock"), waiting, decode);
  else await decode();
  return splits;
}

/** @throws InputError if the requested stage has nothing to do, or lacks its teacher */
function checkStage(recipe: Recipe, loaded: Detector | null): void {
  const { method, stage, teacher } = recipe;
  if (stage === "all" || stage === "teacher") return;
  const quantized = loaded !== null && loaded.config.quantizer.kind !== "none";
  if (stage === "quantized-teacher") {
    if (method !== "quantization-mimic") {
      throw new InputError(`stage ${stage} belongs to method quantization-mimic, not ${method}`);
    }
    if (quantized) throw new InputError(`${teacher}: the teacher is already quantized: use --stage student`);
  }
  if (needsTeacher(recipe) && loaded === null) {
    const why = method === "scratch" ? "unlabelled images" : `method ${method}`;
    throw new InputError(`stage ${stage} with ${why} needs --teacher FILE.safetensors, not "${teacher}"`);
  }
  if (stage === "student" && method === "quantization-mimic" && !quantized) {
    throw new InputError(
      `${teacher}: the teacher is not quantized: run --stage quantized-teacher first, or use --stage all`,
    );
  }
}

/** If the run that weights are from was trained on images that are val now, their AP on val means nothing. */
async function noteTrained(weights: string, { dataset }: Split, say: (text: string) => void): Promise<void> {
  const run = weights === "" ? undefined : isRun(weights) ? weights : runFolderOf(weights);
  const count = run === undefined ? 0 : await trainedOn(run, dataset.samples);
  if (count > 0)
    say(
      `${weights} was trained on ${count} of the ${dataset.samples.length} images of val: AP on val is too high. If photographs were added, write the splits once, with qmimic data split`,
    );
}

/** @throws InputError if the teacher's initial weights do not fit its network */
function checkTeacherInit(recipe: Recipe, train: Split): void {
  if (recipe.teacherInit === "") return;
  const sketch = shapesOnly(() => createDetector(teacherConfig(recipe, train), createRandom(0)));
  readBackbone(sketch, recipe.teacherInit);
  sketch.dispose();
}

/** @throws InputError with both values if a teacher is incompatible with the student */
function checkTeacher({ config }: Detector, path: string, recipe: Recipe, train: Split): void {
  const differ = (what: string, has: string, wants: string) => {
    throw new InputError(`${path}: the teacher's ${what} is ${has}, but the student needs ${wants}`);
  };
  if (config.outputStride !== recipe.outputStride) {
    differ("output stride", String(config.outputStride), String(recipe.outputStride));
  }
  const [has, wants] = [config.classes, train.dataset.classes];
  if (has.join("\n") !== wants.join("\n")) {
    differ("list of classes", `[${listed(has)}]`, `[${listed(wants)}]`);
  }
  const { side } = teacherRecipe(recipe);
  if (config.side !== side) differ("longest side of the input", `${config.side} px`, `${side} px`);
  const { quantizer } = config;
  if (recipe.method !== "quantization-mimic" || quantizer.kind === "none") return;
  // The file's dictionary is used; one that the recipe asks for must not be ignored.
  const { quantizer: kind, quantizerStride: stride } = recipe;
  const stored = quantizer.kind === "uniform" ? `uniform with stride ${quantizer.stride}` : quantizer.kind;
  if (kind === "power-of-two" && quantizer.kind !== kind) differ("dictionary", stored, kind);
  if (stride !== "auto" && !(quantizer.kind === "uniform" && quantizer.stride === stride))
    differ("dictionary", stored, `uniform with stride ${stride} (quantizer-stride)`);
}
