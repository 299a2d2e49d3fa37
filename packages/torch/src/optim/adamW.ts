// Adam with decoupled weight decay.
import { operator } from "../dispatcher.js";
import { copy } from "../ops.js";
import { keep, type Tensor, tensor } from "../tensor.js";
import { addToLists, createOptimizer, scaleLists } from "./lists.js";
import type { Optimizer, ParameterGroup } from "./optimizer.js";

const addcmul = operator<undefined>("aten::_foreach_addcmul_.Scalar");
const addcdiv = operator<undefined>("aten::_foreach_addcdiv_.Scalar");
const sqrtOf = operator<Tensor[]>("aten::_foreach_sqrt");
const divScalar = operator<undefined>("aten::_foreach_div_.Scalar");
const addScalar = operator<undefined>("aten::_foreach_add_.Scalar");

/** AdamW (Loshchilov and Hutter, 2019): Adam with decoupled weight decay. */
export function adamW(
  groups: readonly ParameterGroup[],
  { beta1 = 0.9, beta2 = 0.999, eps = 1e-8 } = {},
): Optimizer {
  // A tensor, so that checkpoints include it along with the moments.
  const count = keep(tensor(new Float32Array(1)));
  return createOptimizer(
    groups,
    ["first", "second"],
    (lr, steps) => {
      const t = count.item() + 1;
      copy(count, tensor([t]));
      for (const { parameters, grads, moments, weightDecay } of steps) {
        const { first, second } = moments;
        if (weightDecay !== 0) scaleLists(parameters, 1 - lr * weightDecay);
        scaleLists(first, beta1);
        addToLists(first, grads, 1 - beta1);
        scaleLists(second, beta2);
        addcmul(second, grads, grads, 1 - beta2);
        const denominator = sqrtOf(second);
        divScalar(denominator, Math.sqrt(1 - beta2 ** t));
        addScalar(denominator, eps);
        addcdiv(parameters, first, denominator, -lr / (1 - beta1 ** t));
      }
    },
    [["count", count]],
  );
}
