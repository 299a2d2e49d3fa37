// Stochastic gradient descent with momentum.
import { addToLists, createOptimizer, scaleLists, sumOfLists } from "./lists.js";
import type { Optimizer, ParameterGroup } from "./optimizer.js";

/** As in PyTorch: v = m v + (g + wd p); p -= lr v. */
export const sgd = (groups: readonly ParameterGroup[], { momentum = 0.9 } = {}): Optimizer =>
  createOptimizer(groups, ["velocity"], (lr, steps) => {
    for (const { parameters, grads, moments, weightDecay } of steps) {
      const decayed = weightDecay === 0 ? grads : sumOfLists(grads, parameters, weightDecay);
      scaleLists(moments.velocity, momentum);
      addToLists(moments.velocity, decayed, 1);
      addToLists(parameters, moments.velocity, -lr);
    }
  });
