// Fine-tunes a trained detector for int8 weights.
import { detectSamples, detectWith } from "../eval/detect.js";
import { bestThresholds, evaluate } from "../eval/evaluation.js";
import type { Detector } from "../models/index.js";
import { fineTuning, type Recipe } from "./recipe.js";
import { roundWeights, weightsOf } from "./roundedWeights.js";
import type { Splits } from "./splits.js";
import { meanAp, type TrainingReport, trainDetector } from "./trainer.js";
import { loadDetector, storeThresholds } from "./weights.js";

export interface FineTuneTask {
  /** The trained detector; has the last epoch's weights afterwards. */
  detector: Detector;
  /** The training recipe: data, augmentation, optimizer; `fineTuneLr` is the learning rate. */
  recipe: Recipe;
  epochs: number;
  splits: Splits;
  /** For results.csv and weights/. */
  folder: string;
  report: TrainingReport;
}

export interface FineTuned {
  /** The best epoch's weights, in full precision, with thresholds. */
  path: string;
  /** AP at IoU 0.5 on val with int8 weights: of the original weights, and of the best epoch. */
  before: number;
  after: number;
  epoch: number;
}

export async function fineTuneRounded({
  detector,
  recipe,
  epochs,
  splits,
  folder,
  report,
}: FineTuneTask): Promise<FineTuned> {
  const { device } = recipe;
  const before = await rounded(detector, () => meanAp(detector, splits.val, device));
  const { best, bestPath } = await trainDetector({
    detector,
    recipe: fineTuning(recipe),
    epochs,
    lr: recipe.fineTuneLr,
    lrSetting: "fine-tune-lr",
    rounding: true,
    ...splits,
    folder,
    report,
  });
  const tuned = loadDetector(bestPath, device);
  const { dataset, store } = splits.val;
  const found = await rounded(tuned, () => detectSamples(detectWith(tuned, device), dataset.samples, store));
  tuned.dispose();
  storeThresholds(bestPath, bestThresholds(evaluate(dataset, found)));
  return { path: bestPath, before, after: best.val, epoch: best.epoch };
}

async function rounded<T>(detector: Detector, body: () => Promise<T>): Promise<T> {
  const restore = roundWeights(weightsOf(detector));
  try {
    return await body();
  } finally {
    restore();
  }
}
