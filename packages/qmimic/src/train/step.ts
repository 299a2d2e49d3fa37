// One training step: losses forward and backward, clipping, update. The loss is the paper's (Quantization Mimic,
// section 3), plus the heads':
//
//   L = sum of the detection losses + lambda * Lm + lambda-head * Lh
//
// with Lm in mimic/mimic.ts and Lh in mimic/headLoss.ts.
import {
  adamW,
  add,
  backward,
  clipGradNorm,
  joinOptimizers,
  mul,
  muon,
  type NamedTensor,
  type Optimizer,
  scope,
  sgd,
  type Tensor,
} from "@qmimic/torch";
import { TRAINING_AUGMENTATION } from "../data/augment.js";
import { type GradientBalance, gradientBalance } from "../mimic/gradients.js";
import { headLoss } from "../mimic/headLoss.js";
import { addCounts, type MatchCounts, NO_COUNTS } from "../mimic/match.js";
import { mimicLoss } from "../mimic/mimic.js";
import type { Detector } from "../models/index.js";
import { timed } from "../profile.js";
import type { Batch, BatchSettings } from "./batches.js";
import type { MimicTask } from "./mimicTask.js";
import type { Recipe } from "./recipe.js";
import { roundWeights, weightsOf } from "./roundedWeights.js";

export interface StepLosses {
  /** The detector's losses, by name. */
  detection: Record<string, number>;
  mimic: number;
  /** Between the teacher's and the student's heads; 0 if the heads are not mimicked. */
  head: number;
  /** Counts of map entries that match the teacher's, inside regions; zeros without a quantizer. */
  counts: MatchCounts;
  /**
   * Mimic against detection gradients at the map; null in steps that do not measure it, and without mimicking.
   */
  balance: GradientBalance | null;
}

/** Per-step input. */
export interface StepSettings {
  lr: number;
  /** Generator for sampling in the step. */
  random: () => number;
  /** Index of the step in its epoch. */
  index: number;
}

/** Steps between measurements of the gradient balance: each needs two backward passes through the heads. */
const BALANCE_EVERY = 50;

export type LossSums = Omit<StepLosses, "balance">;

export const zeroLosses = (): LossSums => ({ detection: {}, mimic: 0, head: 0, counts: { ...NO_COUNTS } });

/** Adds a weighted step's losses, and all its counts, to `sums`, in place. */
export function addLosses(sums: LossSums, losses: StepLosses, part: number): void {
  for (const [name, value] of Object.entries(losses.detection)) {
    sums.detection[name] = (sums.detection[name] ?? 0) + part * value;
  }
  for (const key of ["mimic", "head"] as const) sums[key] += part * losses[key];
  addCounts(sums.counts, losses.counts);
}

/** A detector in training, with everything that a step needs. */
export interface Trainee {
  detector: Detector;
  mimic: MimicTask | undefined;
  pass: ReturnType<Detector["trainingPass"]>;
  parameters: Tensor[];
  /** Parameters rounded to int8 in forward and backward passes. */
  rounded: Tensor[];
  optimizer: Optimizer;
}

/** @param rounding whether forward and backward passes use int8 weights */
export function createTrainee(
  detector: Detector,
  recipe: Recipe,
  mimic: MimicTask | undefined,
  rounding = false,
): Trainee {
  const all = [...detector.named(), ...(mimic?.regressor.named() ?? [])];
  const trained = all.filter(({ trained }) => trained);
  const parameters = trained.map(({ tensor }) => tensor);
  const pass = detector.trainingPass(recipe);
  const rounded = rounding ? weightsOf(detector) : [];
  return { detector, mimic, pass, parameters, rounded, optimizer: createOptimizer(recipe, trained) };
}

/** One step: forward, backward, clipping, update. */
export function trainingStep(
  trainee: Trainee,
  batch: Batch,
  recipe: Recipe,
  settings: StepSettings,
): StepLosses {
  const { parameters, rounded, optimizer } = trainee;
  return scope(() => {
    const restore = roundWeights(rounded);
    const losses = forwardBackward(trainee, batch, recipe, settings);
    restore();
    timed("optimizer", () => {
      if (recipe.clip > 0) clipGradNorm(parameters, recipe.clip);
      optimizer.step(settings.lr);
      optimizer.zeroGrad();
    });
    return losses;
  });
}

function forwardBackward(
  { pass: runPass, mimic }: Trainee,
  batch: Batch,
  recipe: Recipe,
  { random, index }: StepSettings,
): StepLosses {
  const pass = runPass(batch, random);
  const detection = Object.values(pass.losses).reduce(add);
  let total = detection;
  let mimicValue = 0;
  let headValue = 0;
  let counts = NO_COUNTS;
  let balance: GradientBalance | null = null;
  if (mimic) {
    const [, , height, width] = pass.features.shape;
    const { maps, regressor, settings, teacher } = mimic;
    const { stored, result } = timed("mimic", () => {
      const stored = maps.batch(batch, height, width);
      const result = mimicLoss({ ...batch, pass, regressor, stored }, settings, random);
      return { stored, result };
    });
    let mimicry = mul(result.loss, recipe.lambda);
    mimicValue = result.loss.item();
    counts = result.counts;
    if (settings.heads) {
      const targets = { ...settings, stored, regions: result.regions };
      const crossed = recipe.crossHead ? regressor : undefined;
      const loss = timed("mimic head", () => headLoss(pass, targets, teacher, crossed));
      mimicry = add(mimicry, mul(loss, recipe.lambdaHead));
      headValue = loss.item();
    }
    total = add(detection, mimicry);
    if (index % BALANCE_EVERY === 0) {
      balance = timed("gradients", () => gradientBalance(detection, mimicry, pass.features));
    }
  }
  timed("backward", () => backward(total));
  return {
    detection: Object.fromEntries(Object.entries(pass.losses).map(([name, loss]) => [name, loss.item()])),
    mimic: mimicValue,
    head: headValue,
    counts,
    balance,
  };
}

export function batchSettings(recipe: Recipe, stride: number): BatchSettings {
  const { seed, batch, side, device, groupShapes, epochImages } = recipe;
  const { flip, scales, brightness, contrast, saturation } = recipe;
  const augment = { ...TRAINING_AUGMENTATION, flip, scales, brightness, contrast, saturation };
  return { seed, batch, side, stride, device, groupShapes, epochImages, augment };
}

/**
 * Weight decay applies to convolutions and linear layers, not to batch norm and biases. Muon updates the
 * weights of hidden layers, including the first convolution, and AdamW the rest. Grouped convolutions use
 * AdamW: Muon orthogonalizes the rows of a matrix, but rows of different groups have different inputs. Measured
 * for depthwise weights (results/log.md): 63.4 with AdamW, 59.7 with Muon.
 */
function createOptimizer(recipe: Recipe, trained: readonly NamedTensor[]): Optimizer {
  const { optimizer, momentum, weightDecay } = recipe;
  const groups = (some: readonly NamedTensor[]) => {
    const tensors = some.map(({ tensor }) => tensor);
    return [
      { parameters: tensors.filter(isWeight), weightDecay },
      { parameters: tensors.filter((tensor) => !isWeight(tensor)), weightDecay: 0 },
    ];
  };
  if (optimizer === "sgd") return sgd(groups(trained), { momentum });
  if (optimizer === "adamw") return adamW(groups(trained));
  const hidden = trained.filter(isHidden).map(({ tensor }) => tensor);
  const others = trained.filter((parameter) => !isHidden(parameter));
  return joinOptimizers(muon([{ parameters: hidden, weightDecay }]), adamW(groups(others)));
}

const isWeight = ({ shape }: Tensor): boolean => shape.length > 1;

const isHidden = ({ tensor, predicts, grouped }: NamedTensor): boolean =>
  isWeight(tensor) && !predicts && !grouped;
