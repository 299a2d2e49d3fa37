// Stochastic gradient descent with momentum.
import { noGrad, scope } from "../tensor.js";
import {
  addToLists,
  clearGradients,
  gradients,
  moments,
  nameMoments,
  pick,
  scaleLists,
  sumOfLists,
} from "./lists.js";
import type { Optimizer, ParameterGroup } from "./optimizer.js";

/** As in PyTorch: v = m v + (g + wd p); p -= lr v. */
export function sgd(groups: readonly ParameterGroup[], { momentum = 0.9 } = {}): Optimizer {
  const velocities = moments(groups);
  const step = (lr: number) =>
    groups.forEach((group, g) => {
      const found = gradients(group.parameters);
      if (found.with.length === 0) return;
      const velocity = pick(velocities[g], found.at);
      const grads =
        group.weightDecay === 0 ? found.grads : sumOfLists(found.grads, found.with, group.weightDecay);
      scaleLists(velocity, momentum);
      addToLists(velocity, grads, 1);
      addToLists(found.with, velocity, -lr);
    });
  return {
    step: (lr) => noGrad(() => scope(() => step(lr))),
    zeroGrad: () => clearGradients(groups),
    state: () => new Map(nameMoments("velocity", velocities)),
  };
}
