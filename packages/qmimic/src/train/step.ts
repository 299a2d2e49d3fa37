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
import type { FasterRcnn } from "../models/fasterRcnn.js";
import { timed } from "../profile.js";
import type { Batch, BatchSettings } from "./batches.js";
import type { MimicTask } from "./mimicTask.js";
import type { Recipe } from "./recipe.js";

export interface StepLosses {
  rpnClass: number;
  rpnBox: number;
  boxClass: number;
  boxBox: number;
  mimic: number;
  /** Of the teacher's box head against the student's; 0 where it is not mimicked. */
  head: number;
  /** Share of feature entries inside regions that equal the teacher's; NaN without a quantizer. */
  match: number;
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
  const trained = all.filter((one) => one.trained);
  const parameters = trained.map((one) => one.tensor);
  return { detector, mimic, parameters, optimizer: createOptimizer(recipe, trained) };
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
  const pass = detector.trainingPass(batch.images, batch.placed, batch.targets, recipe, random);
  const { rpnClass, rpnBox, boxClass, boxBox } = pass.losses;
  let total = add(add(rpnClass, rpnBox), add(boxClass, boxBox));
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
    if (recipe.lambdaHead > 0) {
      const loss = timed("mimic head", () =>
        headLoss(pass.outputs, pass.sampled, stored, settings.quantizer, teacher),
      );
      total = add(total, mul(loss, recipe.lambdaHead));
      headValue = loss.item();
    }
  }
  timed("backward", () => backward(total));
  return {
    rpnClass: rpnClass.item(),
    rpnBox: rpnBox.item(),
    boxClass: boxClass.item(),
    boxBox: boxBox.item(),
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

/** Layers whose outputs are predictions, of the detector and of the mimic loss, by their names. */
const PREDICTS = /\.(cls_logits|bbox_pred|cls_score)\.|^regressor\./;

const isHidden = ({ name, tensor }: NamedTensor): boolean => isWeight(tensor) && !PREDICTS.test(name);
