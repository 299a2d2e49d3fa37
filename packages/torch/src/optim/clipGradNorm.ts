// Gradient clipping by global norm.
import { operator } from "../dispatcher.js";
import { noGrad, scope, type Tensor } from "../tensor.js";
import { gradients, scaleLists } from "./lists.js";

const stackOf = operator("aten::stack");
const normOf = operator("aten::norm.Scalar");

/**
 * Scales all gradients down so that their global L2 norm is at most `limit`.
 * @returns the norm before clipping
 */
export function clipGradNorm(parameters: readonly Tensor[], limit: number): number {
  return noGrad(() =>
    scope(() => {
      const { grads } = gradients(parameters);
      if (grads.length === 0) return 0;
      const norm = normOf(stackOf(grads.map((grad) => normOf(grad, 2)))).item();
      const factor = limit / (norm + 1e-6);
      if (factor < 1) scaleLists(grads, factor);
      return norm;
    }),
  );
}
