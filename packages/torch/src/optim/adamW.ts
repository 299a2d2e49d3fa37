// Adam with weight decay apart from the gradient.
import { operator } from "../dispatcher.js";
import { copy } from "../ops.js";
import { keep, noGrad, scope, type Tensor, tensor } from "../tensor.js";
import { addToLists, clearGradients, gradients, moments, nameMoments, pick, scaleLists } from "./lists.js";
import type { Optimizer, ParameterGroup } from "./optimizer.js";

const addcmul = operator<undefined>("aten::_foreach_addcmul_.Scalar");
const addcdiv = operator<undefined>("aten::_foreach_addcdiv_.Scalar");
const sqrtOf = operator<Tensor[]>("aten::_foreach_sqrt");
const divScalar = operator<undefined>("aten::_foreach_div_.Scalar");
const addScalar = operator<undefined>("aten::_foreach_add_.Scalar");

/** AdamW (Loshchilov and Hutter, 2019): Adam with weight decay apart from the gradient. */
export function adamW(
  groups: readonly ParameterGroup[],
  { beta1 = 0.9, beta2 = 0.999, eps = 1e-8 } = {},
): Optimizer {
  const first = moments(groups);
  const second = moments(groups);
  // A tensor, so that a checkpoint holds it with the moments.
  const count = keep(tensor(new Float32Array(1)));
  const step = (lr: number) => {
    const t = count.item() + 1;
    copy(count, tensor([t]));
    groups.forEach((group, g) => {
      const found = gradients(group.parameters);
      if (found.with.length === 0) return;
      const m = pick(first[g], found.at);
      const v = pick(second[g], found.at);
      if (group.weightDecay !== 0) scaleLists(found.with, 1 - lr * group.weightDecay);
      scaleLists(m, beta1);
      addToLists(m, found.grads, 1 - beta1);
      scaleLists(v, beta2);
      addcmul(v, found.grads, found.grads, 1 - beta2);
      const denominator = sqrtOf(v);
      divScalar(denominator, Math.sqrt(1 - beta2 ** t));
      addScalar(denominator, eps);
      addcdiv(found.with, m, denominator, -lr / (1 - beta1 ** t));
    });
  };
  return {
    step: (lr) => noGrad(() => scope(() => step(lr))),
    zeroGrad: () => clearGradients(groups),
    state: () =>
      new Map([["count", count], ...nameMoments("first", first), ...nameMoments("second", second)]),
  };
}
