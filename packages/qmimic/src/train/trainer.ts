// Trains one network, a teacher or a student: epochs of steps, evaluation, checkpoints. Reads top to bottom.
// All random numbers come from generators seeded by (seed, purpose, epoch or step), and a checkpoint is written
// after each epoch: an interrupted run resumes from the last checkpoint and ends with the same weights, bit for
// bit.
import { existsSync, mkdirSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import type { Tensor } from "@qmimic/torch";
import { createRandom } from "../data/random.js";
import { detectSamples, detectWith, type SampleDetections, scoreDetections } from "../eval/detect.js";
import { removeTemporary, writeFileAtomic } from "../files.js";
import { OverflowError } from "../finite.js";
import { type GradientBalance, meanBalance } from "../mimic/gradients.js";
import { matchRatioOf, NO_MATCH } from "../mimic/match.js";
import type { Detector } from "../models/index.js";
import { STEP, timedAsync } from "../profile.js";
import { epochOrder, makeBatch } from "./batches.js";
import { augmentAt, rateAt } from "./cycles.js";
import { divergenceError, lossProblem, unusableTensor } from "./divergence.js";
import type { MimicTask } from "./mimicTask.js";
import type { Recipe } from "./recipe.js";
import { bestOf, type EpochRow, restore, storedRows, toCsv } from "./results.js";
import { roundWeights } from "./roundedWeights.js";
import { resultsFile, weightFiles, weightsFolder } from "./runFiles.js";
import type { Split } from "./splits.js";
import {
  addLosses,
  batchSettings,
  createTrainee,
  type StepLosses,
  trainingStep,
  zeroLosses,
} from "./step.js";
import { moduleTensors, saveDetector, saveState } from "./weights.js";

export interface TrainingTask {
  detector: Detector;
  recipe: Recipe;
  epochs: number;
  lr: number;
  /** The name of the setting of `lr`, for messages. */
  lrSetting: string;
  train: Split;
  val: Split;
  /** Absent: only detection losses. */
  mimic?: MimicTask;
  /** Whether to train and evaluate the detector with int8 weights; saved weights are not rounded. */
  rounding?: boolean;
  /** Folder for results.csv and weights/. */
  folder: string;
  report: TrainingReport;
}

/** Receives the progress of a stage. */
export interface TrainingReport {
  /** After each step. */
  step(state: { epoch: number; step: number; steps: number; losses: StepLosses; images: number }): void;
  /**
   * After each epoch, when its files are written; `row` goes to results.csv.
   * @param found detections in the val split, in sample order; null if not evaluated
   */
  epoch(row: EpochRow, found: readonly SampleDetections[] | null): void | Promise<void>;
}

export interface TrainingResult {
  rows: EpochRow[];
  /** The row of the best weights on val. */
  best: EpochRow;
  bestPath: string;
}

/** The result of a completed run in `folder`, else null. */
export function finishedTraining(folder: string, epochs: number): TrainingResult | null {
  const { best, state } = weightFiles(folder);
  if (!existsSync(state)) return null;
  const rows = storedRows(state);
  return rows.length < epochs ? null : { rows, best: bestOf(rows), bestPath: best };
}

/**
 * Trains a detector, resuming the run in `folder` if there is one. The detector ends with the last epoch's
 * weights.
 */
export async function trainDetector(task: TrainingTask): Promise<TrainingResult> {
  const { detector, recipe, epochs, train, val, mimic, rounding, folder, report } = task;
  const { samples } = train.dataset;
  const settings = batchSettings(recipe, detector.config.outputStride);
  const paths = weightFiles(folder);

  mkdirSync(weightsFolder(folder), { recursive: true });
  for (const place of [folder, weightsFolder(folder)]) await removeTemporary(place);

  const trainee = createTrainee(detector, recipe, mimic, rounding);
  const { optimizer, rounded } = trainee;
  const stateTensors = (): [string, Tensor][] => [
    ...moduleTensors(detector, "detector."),
    ...(mimic ? moduleTensors(mimic.regressor, "regressor.") : []),
    ...[...optimizer.state()].map(([name, tensor]): [string, Tensor] => [`optimizer.${name}`, tensor]),
  ];

  const stepsOfEpoch = epochOrder(samples, settings, 0).length;
  const length = { epochs, stepsOfEpoch };
  const rate = (step: number): number => rateAt(step, task.lr, recipe, length);

  const diverged = (what: string, epoch: number, step: number) =>
    divergenceError({
      what,
      epoch: epoch + 1,
      step: step + 1,
      done: rows.length,
      lr: rate(epoch * stepsOfEpoch + step),
      lrSetting: task.lrSetting,
      folder,
    });

  /** AP of the epoch's weights; NaN in epochs without evaluation. */
  const evaluation = async (wanted: boolean, asDivergence: (what: string) => Error) => {
    if (!wanted) return { valMatch: NO_MATCH, ap: Number.NaN, found: null };
    const restore = roundWeights(rounded);
    try {
      const valMatch = mimic ? await mimic.valMatch() : NO_MATCH;
      const found = await timedAsync("evaluation", "main", () => detectSplit(detector, val, recipe.device));
      return { valMatch, ap: scoreDetections(val.dataset, found).mAP, found };
    } catch (error) {
      throw error instanceof OverflowError ? asDivergence(error.seen) : error;
    } finally {
      restore();
    }
  };

  let rows: EpochRow[] = [];
  if (existsSync(paths.state)) rows = restore(paths.state, stateTensors());

  for (let epoch = rows.length; epoch < epochs; epoch++) {
    detector.train();
    const order = epochOrder(samples, settings, epoch);
    const drawn = { ...settings, augment: augmentAt(epoch, settings.augment, recipe, length) };
    const sums = zeroLosses();
    const balances: GradientBalance[] = [];
    const started = performance.now();
    for (const [i, indices] of order.entries()) {
      const step = epoch * stepsOfEpoch + i;
      train.store.prefetch(order[i + 1] ?? []);
      const lr = rate(step);
      const losses = await timedAsync(STEP, "main", async () => {
        const batch = await makeBatch(train, indices, drawn, step);
        const random = createRandom(`${recipe.seed}/sampling/${step}`);
        const result = trainingStep(trainee, batch, recipe, { lr, random, index: i });
        batch.images.dispose();
        return result;
      });
      const problem = lossProblem(losses);
      if (problem !== undefined) throw diverged(problem, epoch, i);
      addLosses(sums, losses, 1 / order.length);
      if (losses.balance !== null) balances.push(losses.balance);
      report.step({ epoch, step: i, steps: order.length, losses, images: indices.length });
      // With all images in memory nothing above waits: without this, finalizers and decoders would never run.
      await turn();
    }
    const seconds = (performance.now() - started) / 1000;
    // The last update may have diverged, and writing replaces good files.
    const bad = unusableTensor(stateTensors());
    if (bad !== undefined) throw diverged(`tensor ${bad}`, epoch, order.length - 1);

    const evaluated = (epoch + 1) % recipe.evalEvery === 0 || epoch + 1 === epochs;
    const { counts, ...losses } = sums;
    const match = matchRatioOf(counts);
    const balance = meanBalance(balances);
    const { valMatch, ap, found } = await evaluation(evaluated, (what) =>
      diverged(what, epoch, order.length - 1),
    );
    const row: EpochRow = {
      epoch: epoch + 1,
      lr: rate(epoch * stepsOfEpoch),
      ...losses,
      match: match.all,
      matchActive: match.active,
      gradientRatio: balance.ratio,
      gradientCosine: balance.cosine,
      imagesPerSecond: order.flat().length / seconds,
      val: ap,
      valMatch: valMatch.all,
      valMatchActive: valMatch.active,
    };
    if (evaluated && !rows.some((earlier) => earlier.val >= row.val)) {
      saveDetector(paths.best, detector, { epoch: String(row.epoch), val: String(row.val) });
    }
    rows.push(row);
    // The state comes last: if killed before it, the epoch is simply repeated.
    saveDetector(paths.last, detector, { epoch: String(row.epoch), val: String(row.val) });
    await writeFileAtomic(resultsFile(folder), toCsv(rows));
    saveState(paths.state, stateTensors(), { rows: JSON.stringify(rows) });
    await report.epoch(row, found);
  }
  for (const moment of optimizer.state().values()) moment.dispose();
  return { rows, best: bestOf(rows), bestPath: paths.best };
}

const detectSplit = (
  detector: Detector,
  { dataset, store }: Split,
  device: string,
): Promise<SampleDetections[]> => detectSamples(detectWith(detector, device), dataset.samples, store);

/** mAP at IoU 0.5 on a split. */
export async function meanAp(detector: Detector, split: Split, device: string): Promise<number> {
  return scoreDetections(split.dataset, await detectSplit(detector, split, device)).mAP;
}
