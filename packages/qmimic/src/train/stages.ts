// The stages of training: teacher -> quantized teacher -> student. Each has its own folder in the run folder.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { orNull } from "../eval/tally.js";
import { chooseQuantizer } from "../mimic/calibrate.js";
import type { Detector, DetectorConfig, Quantizer } from "../models/index.js";
import { dictionaryRefusal } from "./dictionaryCost.js";
import { useEngine } from "./engine.js";
import { createMimicTask } from "./mimicTask.js";
import { studentConfig, teacherConfig } from "./networks.js";
import { plannedStages, type StageName } from "./plan.js";
import { withPseudoLabels } from "./pseudoLabels.js";
import { fineTuning, isWeightsFile, type Recipe, teacherRecipe } from "./recipe.js";
import { weightFiles } from "./runFiles.js";
import { forTeacher, type Split, type Splits, splitsForTeacher } from "./splits.js";
import { startDetector } from "./start.js";
import {
  finishedTraining,
  meanAp,
  type TrainingReport,
  type TrainingResult,
  trainDetector,
} from "./trainer.js";
import { loadDetector, readConfig } from "./weights.js";

/** A stage's result; AP is at IoU 0.5 on the val split. */
export interface StageResult {
  stage: StageName;
  weights: string;
  val: number;
  bestEpoch: number;
  quantizer: Quantizer;
  /** Match ratio of these weights over the objects in the val split; null without mimicking. */
  match: number | null;
  /** The same over entries where either map is nonzero. */
  matchActive: number | null;
  /**
   * Mimic against detection gradients at the feature map, in the epoch of these weights; null without
   * mimicking.
   */
  gradientRatio: number | null;
  gradientCosine: number | null;
  /** Stage student: its teacher's AP. */
  teacherVal?: number;
  /** Stage quantized-teacher: AP in full precision, and quantized, before and after fine-tuning. */
  quantization?: { fullPrecision: number; before: number; after: number };
}

/** Receives the progress of a run. */
export interface StageReport extends TrainingReport {
  /** When a stage begins, with its untrained (or resumed) detector. */
  stage(name: StageName, detector: Detector): void;
  say(text: string): void;
  /** While the teacher's maps are computed. */
  maps(done: number, total: number): void;
}

/**
 * Runs the recipe's stages in `folder`. Completed stages are not run again.
 * @param splits from prepareRun, which has validated stage, method and teacher
 */
export async function runStages(
  recipe: Recipe,
  folder: string,
  report: StageReport,
  splits: Splits,
): Promise<StageResult[]> {
  useEngine(recipe);
  const results: StageResult[] = [];
  let teacher: Teacher = { path: isWeightsFile(recipe.teacher) ? recipe.teacher : "" };
  const add = (result: StageResult): Teacher => {
    results.push(result);
    return { path: result.weights, val: result.val };
  };
  for (const { stage } of plannedStages(recipe)) {
    const task = { recipe, splits, folder, report };
    const ofTeacher = { ...task, recipe: teacherRecipe(recipe), splits: splitsForTeacher(splits) };
    const result = await {
      teacher: () => trainTeacher(ofTeacher),
      "quantized-teacher": () => quantizeTeacher(ofTeacher, teacher),
      student: () => trainStudent(task, teacher),
    }[stage]();
    teacher = add(result);
  }
  return results;
}

interface StageTask {
  recipe: Recipe;
  splits: Splits;
  /** The run's. */
  folder: string;
  report: StageReport;
}

/** A trained teacher's weights, and its AP on val if this run has just measured it. */
interface Teacher {
  path: string;
  val?: number;
}

async function trainTeacher({ recipe, splits, folder, report }: StageTask): Promise<StageResult> {
  const stageFolder = join(folder, "teacher");
  const config = withBegunAnchors(teacherConfig(recipe, splits.train), stageFolder);
  const detector = startDetector(recipe, "teacher", config, report.say).to(recipe.device);
  report.stage("teacher", detector);
  const result = await trainDetector({
    detector,
    recipe,
    epochs: recipe.teacherEpochs,
    lr: recipe.teacherLr,
    lrSetting: "teacher-lr",
    ...splits,
    folder: stageFolder,
    report,
  });
  detector.dispose();
  return stageResult("teacher", result, config.quantizer);
}

async function quantizeTeacher(
  { recipe, splits, folder, report }: StageTask,
  { path, val }: Teacher,
): Promise<StageResult> {
  const { device } = recipe;
  const stageFolder = join(folder, "quantized-teacher");
  const plain = loadDetector(path, device);
  // A resumed stage keeps its dictionary.
  const quantizer =
    begunConfig(stageFolder)?.quantizer ??
    (await chooseQuantizer(plain, recipe, splits.train, (text) => report.say(text)));
  const fullPrecision = val ?? (await meanAp(plain, splits.val, device));
  plain.dispose();
  const detector = loadDetector(path, device, { quantizer });
  const before = await meanAp(detector, splits.val, device);
  report.stage("quantized-teacher", detector);
  report.say(
    `teacher on val: ${percent(fullPrecision)} in full precision, ${percent(before)} quantized, before fine-tuning`,
  );
  const result = await trainDetector({
    detector,
    recipe: fineTuning(recipe),
    epochs: recipe.quantizedEpochs,
    lr: recipe.fineTuneLr,
    lrSetting: "fine-tune-lr",
    ...splits,
    folder: stageFolder,
    report,
  });
  detector.dispose();
  const after = result.best.val;
  report.say(
    `quantized teacher after fine-tuning: ${percent(after)} (full precision ${percent(fullPrecision)})`,
  );
  const objects = countObjects(splits.val);
  const refusal = dictionaryRefusal({ fullPrecision, after, objects, allowed: recipe.quantizerMaxCost });
  if (refusal !== undefined) {
    const { quantizedEpochs } = recipe;
    throw new InputError(
      `${stageFolder}: ${refusal} Start a new run with --teacher ${path} and a smaller quantizer-stride or more quantized-epochs (${quantizedEpochs}), or allow it with a larger quantizer-max-cost.`,
    );
  }
  return {
    ...stageResult("quantized-teacher", result, quantizer),
    quantization: { fullPrecision, before, after },
  };
}

/** @param teacher quantized for Quantization Mimic, any for plain mimic and unlabelled images; else unused */
async function trainStudent(
  { recipe, splits, folder, report }: StageTask,
  { path: teacherPath, val: teacherVal }: Teacher,
): Promise<StageResult> {
  const { device, method, epochs } = recipe;
  const stageFolder = join(folder, "student");
  const { val, unlabelled } = splits;
  const finished = finishedTraining(stageFolder, epochs);
  if (finished) {
    report.say("student: already finished");
    const result = stageResult("student", finished, readConfig(finished.bestPath).quantizer);
    if (method === "scratch") return result;
    if (teacherVal !== undefined) return { ...result, teacherVal };
    const teacher = loadDetector(teacherPath, device);
    const measured = await meanAp(teacher, forTeacher(val), device);
    teacher.dispose();
    return { ...result, teacherVal: measured };
  }

  const train = unlabelled
    ? await withPseudoLabels({
        ...{ recipe, train: splits.train, val, unlabelled, teacher: teacherPath, say: report.say },
        file: join(stageFolder, "unlabelled.json"),
      })
    : splits.train;
  const teacher = method === "scratch" ? null : loadDetector(teacherPath, device);
  const config = withBegunAnchors(studentConfig(recipe, splits.train), stageFolder);
  if (teacher && method === "quantization-mimic" && recipe.quantizeStudent) {
    config.quantizer = teacher.config.quantizer;
  }
  // Only rounding, without mimicking: table 5 of the paper.
  if (method === "scratch" && recipe.quantizeStudent && recipe.quantizerStride !== "auto") {
    config.quantizer = { kind: "uniform", stride: recipe.quantizerStride };
  }
  const detector = startDetector(recipe, "student", config, report.say).to(device);
  report.stage("student", detector);
  const taught = teacher ? (teacherVal ?? (await meanAp(teacher, forTeacher(val), device))) : null;
  if (taught !== null) report.say(`teacher on val: ${percent(taught)}`);
  const mimic = teacher
    ? await createMimicTask(recipe, { student: detector, teacher }, { train, val }, report)
    : undefined;
  const result = await trainDetector({
    detector,
    recipe,
    epochs,
    lr: recipe.lr,
    lrSetting: "lr",
    ...{ train, val },
    ...(mimic ? { mimic } : {}),
    folder: stageFolder,
    report,
  });
  detector.dispose();
  mimic?.close();
  return {
    ...stageResult("student", result, config.quantizer),
    ...(taught === null ? {} : { teacherVal: taught }),
  };
}

/** The configuration of a stage that has begun. */
function begunConfig(stageFolder: string): DetectorConfig | undefined {
  const { last } = weightFiles(stageFolder);
  return existsSync(last) ? readConfig(last) : undefined;
}

/** A resumed stage keeps its anchors: another version may choose others for the same data. */
function withBegunAnchors(config: DetectorConfig, stageFolder: string): DetectorConfig {
  const begun = begunConfig(stageFolder) as Record<string, unknown> | undefined;
  if (begun === undefined) return config;
  const anchors = ["anchorSizes", "aspectRatios"].filter((key) => key in config && key in begun);
  return { ...config, ...Object.fromEntries(anchors.map((key) => [key, begun[key]])) };
}

/** Number of objects that are scored. */
const countObjects = ({ dataset }: Split): number =>
  dataset.samples.reduce((sum, { difficult }) => sum + difficult.filter((flag) => flag === 0).length, 0);

function stageResult(
  stage: StageName,
  { best, bestPath }: TrainingResult,
  quantizer: Quantizer,
): StageResult {
  const { val, epoch } = best;
  return {
    stage,
    weights: bestPath,
    val,
    bestEpoch: epoch,
    quantizer,
    match: orNull(best.valMatch),
    matchActive: orNull(best.valMatchActive),
    gradientRatio: orNull(best.gradientRatio),
    gradientCosine: orNull(best.gradientCosine),
  };
}

const percent = (ap: number): string => `AP ${(100 * ap).toFixed(1)}`;
