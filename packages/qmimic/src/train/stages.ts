// The stages of METHOD: teacher -> quantized teacher -> student. Each has a folder of its own in the run's.
import { join } from "node:path";
import { createImageStore } from "../data/imageStore.js";
import { createRandom } from "../data/random.js";
import type { Dataset, Problem } from "../data/types.js";
import { describeProblems, readVoc } from "../data/voc.js";
import { InputError } from "../errors.js";
import { chooseQuantizer } from "../mimic/calibrate.js";
import { type DetectorConfig, parseBackbone, type Quantizer } from "../models/config.js";
import { FasterRcnn } from "../models/fasterRcnn.js";
import { chooseAnchors } from "./anchors.js";
import { createMimicTask } from "./mimicTask.js";
import type { Recipe } from "./recipe.js";
import { meanAp, type Split, type TrainingReport, type TrainingResult, trainDetector } from "./trainer.js";
import { loadDetector } from "./weights.js";

export type StageName = "teacher" | "quantized-teacher" | "student";

/** What a stage ended with; AP is at IoU 0.5 on the val split. */
export interface StageResult {
  stage: StageName;
  weights: string;
  val: number;
  bestEpoch: number;
  quantizer: Quantizer;
  /** Match ratio over the objects of the val split after the last epoch; null where nothing is mimicked. */
  match: number | null;
}

export interface StageReport extends TrainingReport {
  stage(name: StageName, detector: FasterRcnn): void;
  say(text: string): void;
  /** Teacher's maps being computed. */
  maps(done: number, total: number): void;
}

const MIB = 2 ** 20;

/** Reads the splits that training needs. */
export async function openSplits(recipe: Recipe): Promise<{ train: Split; val: Split }> {
  const { data, trainSplit, valSplit, classes, merge, side, scales, memory } = recipe;
  if (data === "") throw new InputError("data: which folder? Say --data DIR (Pascal VOC layout)");
  const options = {
    ...(classes.length > 0 && merge === "" ? { classes } : {}),
    ...(merge === "" ? {} : { merge }),
  };
  const train = await readVoc(data, trainSplit, options);
  const val = await readVoc(data, valSplit, {
    ...options,
    ...(merge === "" ? { classes: train.classes } : {}),
  });
  if (!train.samples.some((sample) => sample.labels.length > 0)) {
    throw new InputError(`${data}: split "${trainSplit}" holds no object of ${train.classes.join(", ")}`);
  }
  const store = (dataset: Dataset, scale: number) => ({
    dataset,
    store: createImageStore(dataset.samples, {
      maxSide: Math.ceil(side * scale),
      memoryBudgetBytes: (memory / 2) * MIB,
    }),
  });
  return { train: store(train, Math.max(...scales)), val: store(val, 1) };
}

/** The configuration of a detector with the network `backbone`. */
export function detectorConfig(recipe: Recipe, backbone: string, { dataset }: Split): DetectorConfig {
  const { anchorSizes, aspectRatios, headWidth } = recipe;
  const chosen = chooseAnchors(dataset.samples, recipe.side, recipe.anchorCount);
  return {
    detector: recipe.detector,
    backbone,
    outputStride: recipe.outputStride,
    classes: dataset.classes,
    side: recipe.side,
    quantizer: { kind: "none" },
    anchorSizes: anchorSizes === "auto" ? chosen.sizes : anchorSizes,
    aspectRatios: aspectRatios === "auto" ? chosen.aspectRatios : aspectRatios,
    headWidth:
      headWidth === "auto" ? Math.max(32, Math.round(1024 / parseBackbone(backbone).divisor)) : headWidth,
    roiSize: recipe.roiSize,
    roiSamples: recipe.roiSamples,
    rpnPreNms: recipe.rpnPreNms,
    rpnPostNms: recipe.rpnPostNms,
    rpnNms: recipe.rpnNms,
    boxScore: recipe.boxScore,
    boxNms: recipe.boxNms,
    boxDetections: recipe.boxDetections,
  };
}

/** A detector like `source` behind another quantizer, with the same weights in the same memory. */
const withQuantizer = (path: string, quantizer: Quantizer, device: string): FasterRcnn => {
  const loaded = loadDetector(path, device);
  Object.assign(loaded.config, { quantizer });
  return loaded;
};

/** Whether `teacher` is a file rather than the name of a network. */
const isFile = (teacher: string): boolean => teacher.endsWith(".safetensors");

/**
 * Everything that can be wrong with the input is found here, before a folder is made and time is spent: settings that
 * do not go together, annotations, images that cannot be decoded (they are all decoded once, which fills the store),
 * and a teacher that does not fit.
 * @throws InputError
 */
export async function prepareRun(
  recipe: Recipe,
  progress: (done: number, total: number) => void = () => {},
): Promise<{ train: Split; val: Split }> {
  const { teacher } = recipe;
  parseBackbone(recipe.student);
  if (!isFile(teacher)) parseBackbone(teacher);
  const loaded = isFile(teacher) ? loadDetector(teacher) : null;
  checkStage(recipe, loaded);
  const splits = await openSplits(recipe);
  if (loaded) checkTeacher(loaded, teacher, recipe, splits.train);
  await decodeAll([splits.train, splits.val], progress);
  return splits;
}

/** @throws InputError when the stage asked for has nothing to do, or not the teacher it needs */
function checkStage({ method, stage, teacher }: Recipe, loaded: FasterRcnn | null): void {
  if (stage === "all" || stage === "teacher") return;
  const quantized = loaded !== null && loaded.config.quantizer.kind !== "none";
  if (stage === "quantized-teacher") {
    if (method !== "quantization-mimic") {
      throw new InputError(`stage ${stage} is one of method quantization-mimic, not of ${method}`);
    }
    if (quantized)
      throw new InputError(`${teacher}: the teacher is quantized already: go on with --stage student`);
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

/** Decodes every image once. @throws InputError with all that cannot be decoded */
async function decodeAll(
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

/**
 * Runs the stages that the recipe asks for, in `folder`. Stages that are complete there are not run again.
 * @param splits from prepareRun
 */
export async function runStages(
  recipe: Recipe,
  folder: string,
  report: StageReport,
  splits: { train: Split; val: Split },
): Promise<StageResult[]> {
  const results: StageResult[] = [];
  const wanted = (stage: StageName) => recipe.stage === "all" || recipe.stage === stage;
  const needsTeacher = recipe.stage !== "student" && recipe.method !== "scratch";

  let teacher: string | null = isFile(recipe.teacher) ? recipe.teacher : null;
  if (recipe.stage === "teacher" || (recipe.stage === "all" && needsTeacher && !teacher)) {
    const result = await trainTeacher(recipe, splits, folder, report);
    results.push(result);
    teacher = result.weights;
  }
  if (recipe.method === "quantization-mimic" && wanted("quantized-teacher")) {
    if (!teacher) throw new InputError("stage quantized-teacher needs --teacher FILE.safetensors");
    if (loadDetector(teacher).config.quantizer.kind === "none") {
      const result = await quantizeTeacher(recipe, teacher, splits, folder, report);
      results.push(result);
      teacher = result.weights;
    }
  }
  if (wanted("student")) {
    if (recipe.method !== "scratch" && !teacher) {
      throw new InputError(`stage student with method ${recipe.method} needs --teacher FILE.safetensors`);
    }
    results.push(
      await trainStudent(recipe, recipe.method === "scratch" ? null : teacher, splits, folder, report),
    );
  }
  return results;
}

async function trainTeacher(
  recipe: Recipe,
  splits: { train: Split; val: Split },
  folder: string,
  report: StageReport,
): Promise<StageResult> {
  const config = detectorConfig(recipe, recipe.teacher, splits.train);
  const detector = new FasterRcnn(config, createRandom(`${recipe.seed}/weights/teacher`)).to(recipe.device);
  report.stage("teacher", detector);
  const { epochs, lr } = { epochs: recipe.teacherEpochs, lr: recipe.teacherLr };
  const result = await trainDetector({
    detector,
    recipe,
    epochs,
    lr,
    ...splits,
    folder: join(folder, "teacher"),
    report,
  });
  return stageResult("teacher", result, config.quantizer);
}

async function quantizeTeacher(
  recipe: Recipe,
  path: string,
  splits: { train: Split; val: Split },
  folder: string,
  report: StageReport,
): Promise<StageResult> {
  const plain = loadDetector(path, recipe.device);
  const quantizer = await chooseQuantizer(plain, recipe, splits.train, (text) => report.say(text));
  const full = await meanAp(plain, splits.val, recipe.device);
  const detector = withQuantizer(path, quantizer, recipe.device);
  const rounded = await meanAp(detector, splits.val, recipe.device);
  report.stage("quantized-teacher", detector);
  report.say(
    `teacher on val: ${percent(full)} in full precision, ${percent(rounded)} quantized, before fine-tuning`,
  );
  const result = await trainDetector({
    detector,
    recipe,
    epochs: recipe.quantizedEpochs,
    lr: recipe.fineTuneLr,
    ...splits,
    folder: join(folder, "quantized-teacher"),
    report,
  });
  report.say(
    `quantized teacher after fine-tuning: ${percent(result.best)} (full precision ${percent(full)})`,
  );
  return stageResult("quantized-teacher", result, quantizer);
}

async function trainStudent(
  recipe: Recipe,
  teacherPath: string | null,
  splits: { train: Split; val: Split },
  folder: string,
  report: StageReport,
): Promise<StageResult> {
  const { device, seed } = recipe;
  const config = detectorConfig(recipe, recipe.student, splits.train);
  const teacher = teacherPath === null ? null : loadDetector(teacherPath, device);
  if (teacher && recipe.method === "quantization-mimic") {
    if (teacher.config.quantizer.kind === "none") {
      throw new InputError(
        `${teacherPath}: the teacher is not quantized: run --stage quantized-teacher first, or --stage all`,
      );
    }
    if (recipe.quantizeStudent) config.quantizer = teacher.config.quantizer;
  }
  const detector = new FasterRcnn(config, createRandom(`${seed}/weights/student`)).to(device);
  report.stage("student", detector);
  if (teacher) await evaluateTeacher(teacher, splits.val, report, device);
  const mimic = teacher ? await createMimicTask(recipe, detector, teacher, splits, report) : undefined;
  const result = await trainDetector({
    detector,
    recipe,
    epochs: recipe.epochs,
    lr: recipe.lr,
    ...splits,
    ...(mimic ? { mimic } : {}),
    folder: join(folder, "student"),
    report,
  });
  return stageResult("student", result, config.quantizer);
}

/** Says what the teacher is worth before the student starts: in full precision, and behind its quantizer. */
async function evaluateTeacher(
  teacher: FasterRcnn,
  val: Split,
  report: StageReport,
  device: string,
): Promise<void> {
  const { quantizer } = teacher.config;
  const scores: string[] = [];
  if (quantizer.kind !== "none") {
    scores.push(`${percent(await meanAp(teacher, val, device))} quantized`);
  }
  Object.assign(teacher.config, { quantizer: { kind: "none" } });
  scores.push(`${percent(await meanAp(teacher, val, device))} without quantizer`);
  Object.assign(teacher.config, { quantizer });
  report.say(`teacher on val: ${scores.join(", ")}`);
}

/** @throws InputError with both shapes when a teacher cannot teach this student */
export function checkTeacher({ config }: FasterRcnn, path: string, recipe: Recipe, train: Split): void {
  const differ = (what: string, has: string, wants: string) => {
    throw new InputError(`${path}: the teacher's ${what} is ${has}, the student needs ${wants}`);
  };
  if (config.outputStride !== recipe.outputStride) {
    differ("output stride", String(config.outputStride), String(recipe.outputStride));
  }
  const [has, wants] = [config.classes.join(", "), train.dataset.classes.join(", ")];
  if (has !== wants) differ("list of classes", `[${has}]`, `[${wants}]`);
  if (config.side !== recipe.side)
    differ("longest side of the input", `${config.side} px`, `${recipe.side} px`);
}

function stageResult(
  stage: StageName,
  { best, bestEpoch, bestPath, rows }: TrainingResult,
  quantizer: Quantizer,
): StageResult {
  const match = rows.at(-1)?.valMatch ?? Number.NaN;
  return {
    stage,
    weights: bestPath,
    val: best,
    bestEpoch,
    quantizer,
    match: Number.isNaN(match) ? null : match,
  };
}

const percent = (ap: number): string => `AP ${(100 * ap).toFixed(1)}`;
