// What an optimizer is, and several as one.
import type { Tensor } from "../tensor.js";

/** A group of parameters that share a weight decay. */
export interface ParameterGroup {
  parameters: Tensor[];
  weightDecay: number;
}

export interface Optimizer {
  /** One update with the gradients at hand, at learning rate `lr`; parameters without gradient stay. */
  step(lr: number): void;
  zeroGrad(): void;
  /** Moments by name, to be stored and to be filled again on resume; shapes are the parameters'. */
  state(): Map<string, Tensor>;
}

/**
 * Optimizers of different parameters as one.
 * @throws Error when moments of two of them have the same name
 */
export function joinOptimizers(...optimizers: readonly Optimizer[]): Optimizer {
  const state = optimizers.flatMap((one) => [...one.state()]);
  const names = state.map(([name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`joinOptimizers: two of them have moments "${twice}"`);
  return {
    step: (lr) => {
      for (const one of optimizers) one.step(lr);
    },
    zeroGrad: () => {
      for (const one of optimizers) one.zeroGrad();
    },
    state: () => new Map(state),
  };
}
