// One training step: losses forward and backward, clipping, update.
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
import { headLoss } from "../mimic/headLoss.js";
import { mimicLoss } from "../mimic/mimic.js";
import type { Detector } from "../models/index.js";
import { timed } from "../profile.js";
import type { Batch, BatchSettings } from "./batches.js";
import type { MimicTask } from "./mimicTask.js";
import type { Recipe } from "./recipe.js";

export interface StepLosses {
  /** The detector's own, by name. */
  detection: Record<string, number>;
  mimic: number;
  /** Between the teacher's heads and the student's; 0 where they are not mimicked. */
  head: number;
  /** Share of feature entries inside regions that equal the teacher's; NaN without a quantizer. */
  match: number;
}

export const zeroLosses = (): StepLosses => ({ detection: {}, mimic: 0, head: 0, match: 0 });

/** Adds a part of a step's losses to `sums`, in place. */
export function addLosses(sums: StepLosses, losses: StepLosses, part: number): void {
  for (const [name, value] of Object.entries(losses.detection)) {
    sums.detection[name] = (sums.detection[name] ?? 0) + part * value;
  }
  for (const key of ["mimic", "head", "match"] as const) sums[key] += part * losses[key];
}

/** Detection and mimic losses, before their weights. */
export const totalOf = ({ detection, mimic, head }: StepLosses): number =>
  Object.values(detection).reduce((sum, one) => sum + one, mimic + head);

/** A detector under training, with what a step needs. */
export interface Trainee {
  detector: Detector;
  mimic: MimicTask | undefined;
  pass: ReturnType<Detector["trainingPass"]>;
  parameters: Tensor[];
  optimizer: Optimizer;
}

export function createTrainee(detector: Detector, recipe: Recipe, mimic: MimicTask | undefined): Trainee {
  const all = [...detector.named(), ...(mimic?.regressor.named() ?? [])];
  const trained = all.filter((one) => one.trained);
  const parameters = trained.map((one) => one.tensor);
  const pass = detector.trainingPass(recipe);
  return { detector, mimic, pass, parameters, optimizer: createOptimizer(recipe, trained) };
}

/** One step: forward, backward, clipping, update. */
export function trainingStep(
  trainee: Trainee,
  batch: Batch,
  recipe: Recipe,
  lr: number,
  random: () => number,
): StepLosses {
  const { parameters, optimizer } = trainee;
  return scope(() => {
    const losses = forwardBackward(trainee, batch, recipe, random);
    timed("optimizer", () => {
      if (recipe.clip > 0) clipGradNorm(parameters, recipe.clip);
      optimizer.step(lr);
      optimizer.zeroGrad();
    });
    return losses;
  });
}

function forwardBackward(
  { pass: runPass, mimic }: Trainee,
  batch: Batch,
  recipe: Recipe,
  random: () => number,
): StepLosses {
  const pass = runPass(batch, random);
  let total = Object.values(pass.losses).reduce(add);
  let mimicValue = 0;
  let headValue = 0;
  let match = Number.NaN;
  if (mimic) {
    const [, , height, width] = pass.features.shape;
    const { maps, regressor, settings, teacher } = mimic;
    const { stored, result } = timed("mimic", () => {
      const stored = maps.batch(batch, height, width);
      const result = mimicLoss(pass, stored, batch.targets, batch.placed, regressor, settings, random);
      return { stored, result };
    });
    total = add(total, mul(result.loss, recipe.lambda));
    mimicValue = result.loss.item();
    if (settings.quantizer.kind !== "none") match = result.matched / Math.max(1, result.compared);
    if (settings.heads) {
      const loss = timed("mimic head", () => headLoss(pass.heads, stored, settings.quantizer, teacher));
      total = add(total, mul(loss, recipe.lambdaHead));
      headValue = loss.item();
    }
  }
  timed("backward", () => backward(total));
  return {
    detection: Object.fromEntries(Object.entries(pass.losses).map(([name, loss]) => [name, loss.item()])),
    mimic: mimicValue,
    head: headValue,
    match,
  };
}

export function batchSettings(recipe: Recipe, stride: number): BatchSettings {
  const { seed, batch, side, device, groupShapes, flip, scales, brightness, contrast, saturation } = recipe;
  const augment = { ...TRAINING_AUGMENTATION, flip, scales, brightness, contrast, saturation };
  return { seed, batch, side, stride, device, groupShapes, augment };
}

/**
 * Weights of convolutions and linear layers decay; batch norm's and biases do not. Muon takes the weights of hidden
 * layers, the image's first convolution among them, and AdamW the rest.
 */
function createOptimizer(recipe: Recipe, trained: readonly NamedTensor[]): Optimizer {
  const { optimizer, momentum, weightDecay } = recipe;
  const groups = (some: readonly NamedTensor[]) => {
    const tensors = some.map(({ tensor }) => tensor);
    return [
      { parameters: tensors.filter(isWeight), weightDecay },
      { parameters: tensors.filter((one) => !isWeight(one)), weightDecay: 0 },
    ];
  };
  if (optimizer === "sgd") return sgd(groups(trained), { momentum });
  if (optimizer === "adamw") return adamW(groups(trained));
  const hidden = trained.filter(isHidden).map(({ tensor }) => tensor);
  const others = trained.filter((one) => !isHidden(one));
  return joinOptimizers(muon([{ parameters: hidden, weightDecay }]), adamW(groups(others)));
}

const isWeight = ({ shape }: Tensor): boolean => shape.length > 1;

const isHidden = ({ tensor, predicts }: NamedTensor): boolean => isWeight(tensor) && !predicts;
