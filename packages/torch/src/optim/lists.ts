// Shared by the optimizers: libtorch's _foreach_ operators (one call for all parameters instead of one per parameter),
// and the moments of the parameters, which are used in steps and stored in checkpoints.
import { operator } from "../dispatcher.js";
import { keep, noGrad, scope, type Tensor } from "../tensor.js";
import type { Optimizer, ParameterGroup } from "./optimizer.js";

/** In place: a += b * factor, a *= factor. */
export const addToLists = operator<undefined>("aten::_foreach_add_.List");
export const scaleLists = operator<undefined>("aten::_foreach_mul_.Scalar");
/** New: a + b * factor, a * factor. */
export const sumOfLists = operator<Tensor[]>("aten::_foreach_add.List");
export const scaledLists = operator<Tensor[]>("aten::_foreach_mul.Scalar");

const zerosLike = operator("aten::zeros_like");

/** The parameters that have a gradient, their gradients, and their indices in the list. */
export function gradients(parameters: readonly Tensor[]): { with: Tensor[]; grads: Tensor[]; at: number[] } {
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

/** A parameter group in one step: only its parameters with a gradient, and their moments by name. */
export interface GroupStep<Name extends string> {
  parameters: Tensor[];
  grads: Tensor[];
  moments: Record<Name, Tensor[]>;
  weightDecay: number;
}

/**
 * An optimizer with moments of the same shapes as its parameters, initially zero.
 * @param step updates all groups that have gradients
 * @param more additional tensors in the state, by name
 */
export function createOptimizer<Name extends string>(
  groups: readonly ParameterGroup[],
  names: readonly Name[],
  step: (lr: number, groups: GroupStep<Name>[]) => void,
  more: readonly [string, Tensor][] = [],
): Optimizer {
  const zeros = () =>
    noGrad(() => groups.map(({ parameters }) => parameters.map((parameter) => keep(zerosLike(parameter)))));
  const moments = names.map((name) => ({ name, lists: zeros() }));
  const stepsOf = (): GroupStep<Name>[] =>
    groups.flatMap(({ parameters, weightDecay }, g) => {
      const found = gradients(parameters);
      if (found.with.length === 0) return [];
      const momentsOf = moments.map(({ name, lists }) => [name, found.at.map((i) => lists[g][i])]);
      return {
        parameters: found.with,
        grads: found.grads,
        moments: Object.fromEntries(momentsOf) as Record<Name, Tensor[]>,
        weightDecay,
      };
    });
  const named = moments.flatMap(({ name, lists }) =>
    lists.flatMap((list, g) => list.map((moment, i): [string, Tensor] => [`${name}.${g}.${i}`, moment])),
  );
  return {
    step: (lr) => noGrad(() => scope(() => step(lr, stepsOf()))),
    zeroGrad: () => {
      for (const { parameters } of groups) for (const parameter of parameters) parameter.clearGrad();
    },
    state: () => new Map([...more, ...named]),
  };
}
