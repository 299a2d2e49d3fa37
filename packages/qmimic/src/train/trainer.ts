// One training run, of a teacher or of a student: epochs of steps, evaluation, checkpoints. Reads top to bottom.
//
// Everything random is drawn from generators seeded by (seed, purpose, epoch or step), and a checkpoint is written
// after each epoch: a run that was cut off goes on from the last one and ends with the same weights, bit for bit.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import {
  adamW,
  add,
  backward,
  type Conv2d,
  clipGradNorm,
  learningRate,
  mul,
  type Optimizer,
  scope,
  sgd,
  type Tensor,
} from "@qmimic/torch";
import { TRAINING_AUGMENTATION } from "../data/augment.js";
import type { ImageStore } from "../data/imageStore.js";
import { createRandom } from "../data/random.js";
import type { Dataset } from "../data/types.js";
import { InputError } from "../errors.js";
import { detectSamples, scoreDetections } from "../eval/detect.js";
import { writeFileAtomic } from "../files.js";
import { type MimicSettings, mimicLoss } from "../mimic/mimic.js";
import type { TeacherMaps } from "../mimic/teacherMaps.js";
import type { FasterRcnn } from "../models/fasterRcnn.js";
import { timed } from "../profile.js";
import { type Batch, type BatchSettings, epochOrder, makeBatch } from "./batches.js";
import type { Recipe } from "./recipe.js";
import { fillTensors, moduleTensors, readWeights, saveDetector, saveState } from "./weights.js";

/** Images of one split, ready to be trained on or evaluated. */
export interface Split {
  dataset: Dataset;
  store: ImageStore;
}

/** What a student mimics. */
export interface MimicTask {
  maps: TeacherMaps;
  regressor: Conv2d;
  settings: MimicSettings;
  lambda: number;
  /** The match ratio over the objects of the val split, 0..1. */
  valMatch(): Promise<number>;
}

export interface TrainingTask {
  detector: FasterRcnn;
  recipe: Recipe;
  epochs: number;
  lr: number;
  train: Split;
  val: Split;
  /** Absent: detection losses alone. */
  mimic?: MimicTask;
  /** Folder for results.csv and weights/. */
  folder: string;
  report: TrainingReport;
}

export interface TrainingReport {
  /** After each step. */
  step(state: { epoch: number; step: number; steps: number; losses: StepLosses; images: number }): void;
  /** After each epoch; `row` is what results.csv gets. */
  epoch(row: EpochRow): void;
}

export interface StepLosses {
  rpnClass: number;
  rpnBox: number;
  boxClass: number;
  boxBox: number;
  mimic: number;
  /** Share of feature entries inside regions that equal the teacher's; NaN without a quantizer. */
  match: number;
}

/** Means over the epoch; NaN where not evaluated. */
export interface EpochRow extends StepLosses {
  epoch: number;
  lr: number;
  imagesPerSecond: number;
  /** mAP at IoU 0.5 on the val split. */
  val: number;
  /** Match ratio over the objects of the val split. */
  valMatch: number;
}

export interface TrainingResult {
  rows: EpochRow[];
  best: number;
  bestEpoch: number;
  /** The best weights by val. */
  bestPath: string;
  lastPath: string;
}

const COLUMNS = [
  "epoch",
  "lr",
  "rpnClass",
  "rpnBox",
  "boxClass",
  "boxBox",
  "mimic",
  "match",
  "imagesPerSecond",
  "val",
  "valMatch",
] as const;

export async function trainDetector(task: TrainingTask): Promise<TrainingResult> {
  const { detector, recipe, epochs, train, val, mimic, folder, report } = task;
  const { samples } = train.dataset;
  const settings = batchSettings(recipe, detector.config.outputStride);
  const paths = {
    best: join(folder, "weights", "best.safetensors"),
    last: join(folder, "weights", "last.safetensors"),
    state: join(folder, "weights", "state.safetensors"),
  };

  mkdirSync(join(folder, "weights"), { recursive: true });

  const trainee = createTrainee(detector, recipe, mimic);
  const { optimizer } = trainee;
  const stateTensors = (): [string, Tensor][] => [
    ...moduleTensors(detector, "detector."),
    ...(mimic ? moduleTensors(mimic.regressor, "regressor.") : []),
    ...[...optimizer.state()].map(([name, one]): [string, Tensor] => [`optimizer.${name}`, one]),
  ];

  const stepsOfEpoch = epochOrder(samples, settings, 0).length;
  const schedule = {
    lr: task.lr,
    warmupSteps: Math.min(Math.round(recipe.warmup * stepsOfEpoch), Math.floor((epochs * stepsOfEpoch) / 4)),
    totalSteps: epochs * stepsOfEpoch,
    kind: recipe.schedule,
    milestones: recipe.milestones,
  };

  let rows: EpochRow[] = [];
  if (existsSync(paths.state)) rows = restore(paths.state, stateTensors());

  for (let epoch = rows.length; epoch < epochs; epoch++) {
    detector.train();
    const order = epochOrder(samples, settings, epoch);
    const sums: StepLosses = { rpnClass: 0, rpnBox: 0, boxClass: 0, boxBox: 0, mimic: 0, match: 0 };
    const started = performance.now();
    for (const [i, indices] of order.entries()) {
      const step = epoch * stepsOfEpoch + i;
      train.store.prefetch(order[i + 1] ?? []);
      const lr = learningRate(step, schedule);
      const batch = await makeBatch(samples, train.store, indices, settings, step);
      const random = createRandom(`${recipe.seed}/sampling/${step}`);
      const losses = trainingStep(trainee, batch, recipe, lr, random);
      batch.images.dispose();
      if (
        !Number.isFinite(losses.rpnClass + losses.rpnBox + losses.boxClass + losses.boxBox + losses.mimic)
      ) {
        throw new InputError(
          `the loss is no longer a number in epoch ${epoch + 1}, step ${i + 1}: lower lr (now ${lr.toPrecision(3)}) or lambda`,
        );
      }
      for (const key of Object.keys(sums) as (keyof StepLosses)[]) sums[key] += losses[key] / order.length;
      report.step({ epoch, step: i, steps: order.length, losses, images: indices.length });
      // With all images in memory nothing above waits: without this neither finalizers nor decoders have their turn.
      await turn();
    }
    const seconds = (performance.now() - started) / 1000;

    const evaluated = (epoch + 1) % recipe.evalEvery === 0 || epoch + 1 === epochs;
    const row: EpochRow = {
      epoch: epoch + 1,
      lr: learningRate(epoch * stepsOfEpoch, schedule),
      ...sums,
      imagesPerSecond: samples.length / seconds,
      val: evaluated ? await meanAp(detector, val, recipe.device) : Number.NaN,
      valMatch: evaluated && mimic ? await mimic.valMatch() : Number.NaN,
    };
    if (evaluated && !rows.some((earlier) => earlier.val >= row.val)) {
      saveDetector(paths.best, detector, { epoch: String(row.epoch), val: String(row.val) });
    }
    rows.push(row);
    // The state comes last: after a kill before it, the epoch is simply done again.
    saveDetector(paths.last, detector, { epoch: String(row.epoch), val: String(row.val) });
    await writeFileAtomic(join(folder, "results.csv"), toCsv(rows));
    saveState(paths.state, stateTensors(), { rows: JSON.stringify(rows) });
    report.epoch(row);
  }
  const best = rows.reduce((top, row) => (row.val > top.val || Number.isNaN(top.val) ? row : top));
  return { rows, best: best.val, bestEpoch: best.epoch, bestPath: paths.best, lastPath: paths.last };
}

/** A detector under training, with what a step needs. */
export interface Trainee {
  detector: FasterRcnn;
  mimic: MimicTask | undefined;
  parameters: Tensor[];
  optimizer: Optimizer;
}

export function createTrainee(detector: FasterRcnn, recipe: Recipe, mimic: MimicTask | undefined): Trainee {
  const all = [...detector.named("detector."), ...(mimic?.regressor.named("regressor.") ?? [])];
  const parameters = all.filter((one) => one.trained).map((one) => one.tensor);
  return { detector, mimic, parameters, optimizer: createOptimizer(recipe, parameters) };
}

/** One step: forward, backward, clipping, update. */
export function trainingStep(
  { detector, mimic, parameters, optimizer }: Trainee,
  batch: Batch,
  recipe: Recipe,
  lr: number,
  random: () => number,
): StepLosses {
  return scope(() => {
    const losses = forwardBackward(detector, batch, recipe, mimic, random);
    timed("optimizer", () => {
      if (recipe.clip > 0) clipGradNorm(parameters, recipe.clip);
      optimizer.step(lr);
      optimizer.zeroGrad();
    });
    return losses;
  });
}

function forwardBackward(
  detector: FasterRcnn,
  batch: Batch,
  recipe: Recipe,
  mimic: MimicTask | undefined,
  random: () => number,
): StepLosses {
  const pass = detector.trainingPass(batch.images, batch.sizes, batch.targets, recipe, random);
  const { rpnClass, rpnBox, boxClass, boxBox } = pass.losses;
  let total = add(add(rpnClass, rpnBox), add(boxClass, boxBox));
  let mimicValue = 0;
  let match = Number.NaN;
  if (mimic) {
    const [, , height, width] = pass.features.shape;
    const { maps, regressor, settings, lambda } = mimic;
    const result = timed("mimic", () => {
      const stored = maps.batch(batch.indices, batch.augmentations, height, width);
      return mimicLoss(pass, stored, batch.targets, batch.placed, regressor, settings, random);
    });
    total = add(total, mul(result.loss, lambda));
    mimicValue = result.loss.item();
    if (settings.quantizer.kind !== "none") match = result.matched / Math.max(1, result.compared);
  }
  timed("backward", () => backward(total));
  return {
    rpnClass: rpnClass.item(),
    rpnBox: rpnBox.item(),
    boxClass: boxClass.item(),
    boxBox: boxBox.item(),
    mimic: mimicValue,
    match,
  };
}

export function batchSettings(recipe: Recipe, stride: number): BatchSettings {
  const { seed, batch, side, device, groupShapes, flip, scales, brightness, contrast, saturation } = recipe;
  const augment = { ...TRAINING_AUGMENTATION, flip, scales, brightness, contrast, saturation };
  return { seed, batch, side, stride, device, groupShapes, augment };
}

/** Weights of convolutions and linear layers decay; batch norm's and biases do not. */
function createOptimizer(recipe: Recipe, parameters: readonly Tensor[]): Optimizer {
  const decays = (one: Tensor) => one.shape.length > 1;
  const groups = [
    { parameters: parameters.filter(decays), weightDecay: recipe.weightDecay },
    { parameters: parameters.filter((one) => !decays(one)), weightDecay: 0 },
  ];
  return recipe.optimizer === "sgd" ? sgd(groups, { momentum: recipe.momentum }) : adamW(groups);
}

/** mAP at IoU 0.5 over a split. */
export async function meanAp(
  detector: FasterRcnn,
  { dataset, store }: Split,
  device: string,
): Promise<number> {
  return scoreDetections(dataset, await detectSamples(detector, dataset.samples, store, device)).mAP;
}

function restore(path: string, tensors: [string, Tensor][]): EpochRow[] {
  const { metadata, tensors: stored } = readWeights(path);
  fillTensors(tensors, stored, path);
  const rows = JSON.parse(metadata.rows ?? "[]") as EpochRow[];
  // JSON has no NaN: it was written as null.
  const number = (value: number | null) => value ?? Number.NaN;
  return rows.map((row) => ({
    ...row,
    val: number(row.val),
    valMatch: number(row.valMatch),
    match: number(row.match),
  }));
}

function toCsv(rows: readonly EpochRow[]): string {
  const cell = (value: number) => (Number.isNaN(value) ? "" : String(Number(value.toPrecision(6))));
  return `${[COLUMNS.join(","), ...rows.map((row) => COLUMNS.map((column) => cell(row[column])).join(","))].join("\n")}\n`;
}
