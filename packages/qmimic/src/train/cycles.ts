// Cycles of training: with restarts, the learning rate's schedule begins anew in each cycle, with less augmentation
// (recursive warm-restart, Tu et al., "FemtoDet", ICCV 2023).
import { learningRate } from "@qmimic/torch";
import { type AugmentSettings, weakened } from "../data/augment.js";
import type { Recipe } from "./recipe.js";

/** A training run, in epochs and steps. */
export interface TrainingLength {
  epochs: number;
  stepsOfEpoch: number;
}

/** An epoch's cycle, counted from 0: its first epoch, and the first epoch of the next. */
interface Cycle {
  index: number;
  first: number;
  end: number;
}

function cycleAt(epoch: number, epochs: number, count: number): Cycle {
  const start = (index: number): number => Math.round((index * epochs) / count);
  let index = 0;
  while (index + 1 < count && start(index + 1) <= epoch) index++;
  return { index, first: start(index), end: start(index + 1) };
}

/** The learning rate of a step, counted over all epochs. @param lr after warm-up */
export function rateAt(step: number, lr: number, recipe: Recipe, length: TrainingLength): number {
  const { stepsOfEpoch, epochs } = length;
  const { warmup, schedule: kind, milestones, restarts } = recipe;
  const { first, end } = cycleAt(Math.floor(step / stepsOfEpoch), epochs, restarts + 1);
  const totalSteps = (end - first) * stepsOfEpoch;
  const warmupSteps = Math.min(Math.round(warmup * stepsOfEpoch), Math.floor(totalSteps / 4));
  return learningRate(step - first * stepsOfEpoch, { lr, warmupSteps, totalSteps, kind, milestones });
}

/** The augmentation of an epoch. */
export function augmentAt(
  epoch: number,
  augment: AugmentSettings,
  { restarts }: Recipe,
  { epochs }: TrainingLength,
): AugmentSettings {
  if (restarts === 0) return augment;
  return weakened(augment, 1 - cycleAt(epoch, epochs, restarts + 1).index / restarts);
}
