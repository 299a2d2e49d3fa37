// What an optimizer is, several as one, and the limit on the gradients' norm.
import { operator } from "../dispatcher.js";
import { noGrad, scope, type Tensor } from "../tensor.js";
import { gradients, mulScalarOf } from "./lists.js";

const stackOf = operator("aten::stack");
const normOf = operator("aten::norm.Scalar");

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

/** Optimizers of different parameters as one; their moments must have different names. */
export const together = (...optimizers: readonly Optimizer[]): Optimizer => ({
  step: (lr) => {
    for (const one of optimizers) one.step(lr);
  },
  zeroGrad: () => {
    for (const one of optimizers) one.zeroGrad();
  },
  state: () => new Map(optimizers.flatMap((one) => [...one.state()])),
});

/**
 * Scales all gradients down so that their joint L2 norm is at most `limit`.
 * @returns the norm before
 */
export function clipGradNorm(parameters: readonly Tensor[], limit: number): number {
  return noGrad(() =>
    scope(() => {
      const { grads } = gradients(parameters);
      if (grads.length === 0) return 0;
      const norm = normOf(stackOf(grads.map((grad) => normOf(grad, 2)))).item();
      const factor = limit / (norm + 1e-6);
      if (factor < 1) mulScalarOf(grads, factor);
      return norm;
    }),
  );
}
