// The interface of optimizers, and combining several into one.
import type { Tensor } from "../tensor.js";

/** A group of parameters that share a weight decay. */
export interface ParameterGroup {
  parameters: Tensor[];
  weightDecay: number;
}

export interface Optimizer {
  /** One update with the current gradients, at learning rate `lr`; parameters without a gradient do not change. */
  step(lr: number): void;
  zeroGrad(): void;
  /** The moments by name, to be stored in checkpoints and overwritten on resume; they have the parameters' shapes. */
  state(): Map<string, Tensor>;
}

/**
 * Combines optimizers of different parameters into one.
 * @throws Error if moments of two optimizers have the same name
 */
export function joinOptimizers(...optimizers: readonly Optimizer[]): Optimizer {
  const state = optimizers.flatMap((optimizer) => [...optimizer.state()]);
  const names = state.map(([name]) => name);
  const duplicate = names.find((name, i) => names.indexOf(name) !== i);
  if (duplicate !== undefined)
    throw new Error(
      `joinOptimizers: two optimizers have moments named "${duplicate}", expected different names`,
    );
  return {
    step: (lr) => {
      for (const optimizer of optimizers) optimizer.step(lr);
    },
    zeroGrad: () => {
      for (const optimizer of optimizers) optimizer.zeroGrad();
    },
    state: () => new Map(state),
  };
}
