// Optimizers on libtorch's _foreach_ operators: one call for all parameters instead of one a parameter.
import { operator } from "../dispatcher.js";
import { copy } from "../ops.js";
import { keep, noGrad, scope, type Tensor, tensor } from "../tensor.js";

const addLists = operator<undefined>("aten::_foreach_add_.List");
const mulScalarOf = operator<undefined>("aten::_foreach_mul_.Scalar");
const addcmul = operator<undefined>("aten::_foreach_addcmul_.Scalar");
const addcdiv = operator<undefined>("aten::_foreach_addcdiv_.Scalar");
const sqrtOf = operator<Tensor[]>("aten::_foreach_sqrt");
const divScalar = operator<undefined>("aten::_foreach_div_.Scalar");
const addScalar = operator<undefined>("aten::_foreach_add_.Scalar");
const addListsInto = operator<Tensor[]>("aten::_foreach_add.List");
const zerosLike = operator("aten::zeros_like");
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

function gradients(parameters: readonly Tensor[]): { with: Tensor[]; grads: Tensor[]; at: number[] } {
  const found = { with: [] as Tensor[], grads: [] as Tensor[], at: [] as number[] };
  parameters.forEach((parameter, i) => {
    const grad = parameter.grad;
    if (!grad) return;
    found.with.push(parameter);
    found.grads.push(grad);
    found.at.push(i);
  });
  return found;
}

const moments = (groups: readonly ParameterGroup[]): Tensor[][] =>
  noGrad(() => groups.map((group) => group.parameters.map((one) => keep(zerosLike(one)))));

const pick = (tensors: readonly Tensor[], at: readonly number[]): Tensor[] => at.map((i) => tensors[i]);

const named = (name: string, lists: readonly Tensor[][]): [string, Tensor][] =>
  lists.flatMap((list, g) => list.map((one, i): [string, Tensor] => [`${name}.${g}.${i}`, one]));

function zeroGrad(groups: readonly ParameterGroup[]): void {
  for (const group of groups) for (const parameter of group.parameters) parameter.clearGrad();
}

/** Stochastic gradient descent with momentum as in PyTorch: v = m v + (g + wd p); p -= lr v. */
export function sgd(groups: readonly ParameterGroup[], { momentum = 0.9 } = {}): Optimizer {
  const velocities = moments(groups);
  const step = (lr: number) =>
    groups.forEach((group, g) => {
      const found = gradients(group.parameters);
      if (found.with.length === 0) return;
      const velocity = pick(velocities[g], found.at);
      const grads =
        group.weightDecay === 0 ? found.grads : addListsInto(found.grads, found.with, group.weightDecay);
      mulScalarOf(velocity, momentum);
      addLists(velocity, grads, 1);
      addLists(found.with, velocity, -lr);
    });
  return {
    step: (lr) => noGrad(() => scope(() => step(lr))),
    zeroGrad: () => zeroGrad(groups),
    state: () => new Map(named("velocity", velocities)),
  };
}

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
      if (group.weightDecay !== 0) mulScalarOf(found.with, 1 - lr * group.weightDecay);
      mulScalarOf(m, beta1);
      addLists(m, found.grads, 1 - beta1);
      mulScalarOf(v, beta2);
      addcmul(v, found.grads, found.grads, 1 - beta2);
      const denominator = sqrtOf(v);
      divScalar(denominator, Math.sqrt(1 - beta2 ** t));
      addScalar(denominator, eps);
      addcdiv(found.with, m, denominator, -lr / (1 - beta1 ** t));
    });
  };
  return {
    step: (lr) => noGrad(() => scope(() => step(lr))),
    zeroGrad: () => zeroGrad(groups),
    state: () => new Map([["count", count], ...named("first", first), ...named("second", second)]),
  };
}

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
