// What optimizers share: libtorch's _foreach_ operators (one call for all parameters instead of one a parameter), and
// the moments that go with the parameters.
import { operator } from "../dispatcher.js";
import { keep, noGrad, type Tensor } from "../tensor.js";
import type { ParameterGroup } from "./optimizer.js";

/** In place: a += b * factor, a *= factor. */
export const addToLists = operator<undefined>("aten::_foreach_add_.List");
export const scaleLists = operator<undefined>("aten::_foreach_mul_.Scalar");
/** New: a + b * factor, a * factor. */
export const sumOfLists = operator<Tensor[]>("aten::_foreach_add.List");
export const scaledLists = operator<Tensor[]>("aten::_foreach_mul.Scalar");

const zerosLike = operator("aten::zeros_like");

/** The parameters that have a gradient, their gradients, and their places in the list. */
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

/** Zeros in the shape of each parameter of each group. */
export const moments = (groups: readonly ParameterGroup[]): Tensor[][] =>
  noGrad(() => groups.map((group) => group.parameters.map((one) => keep(zerosLike(one)))));

export const pick = (tensors: readonly Tensor[], at: readonly number[]): Tensor[] =>
  at.map((i) => tensors[i]);

/** Names of moments in a checkpoint. */
export const nameMoments = (name: string, lists: readonly Tensor[][]): [string, Tensor][] =>
  lists.flatMap((list, g) => list.map((one, i): [string, Tensor] => [`${name}.${g}.${i}`, one]));

export function clearGradients(groups: readonly ParameterGroup[]): void {
  for (const group of groups) for (const parameter of group.parameters) parameter.clearGrad();
}
