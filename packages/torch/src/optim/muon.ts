// Muon: momentum whose singular values are made (nearly) equal before it is applied, so that a layer learns in all its
// directions at once and not only in the few that its gradient is large in. Jordan et al., "Muon: An optimizer for
// hidden layers in neural networks", 2024; size of the step as in Liu et al., "Muon is Scalable for LLM Training",
// arXiv 2502.16982, section 2.2, so that learning rates of AdamW fit.
import { operator } from "../dispatcher.js";
import { add, div, matmul, mul, permute, reshape } from "../ops.js";
import { noGrad, scope, type Tensor } from "../tensor.js";
import {
  addLists,
  addListsInto,
  clearGradients,
  gradients,
  moments,
  mulScalarOf,
  named,
  pick,
} from "./lists.js";
import type { Optimizer, ParameterGroup } from "./optimizer.js";

const mulInto = operator<Tensor[]>("aten::_foreach_mul.Scalar");
const addmm = operator("aten::addmm");
const normOf = operator("aten::norm.Scalar");

/** Of the quintic iteration: they bring singular values from 0.003 to 1 into about 0.7 to 1.2 in five rounds. */
const [A, B, C] = [3.4445, -4.775, 2.0315];
const ROUNDS = 5;
/** The usual root mean square of AdamW's steps, in learning rates. */
const RMS = 0.2;

/**
 * x [rows, columns] with its singular vectors, and singular values near 1 (or 0), by Newton-Schulz iteration.
 */
export function orthogonalized(x: Tensor): Tensor {
  const [rows, columns] = x.shape;
  // The products are of the smaller side.
  if (rows > columns) return permute(orthogonalized(permute(x, [1, 0])), [1, 0]);
  let y = div(x, add(normOf(x, 2), 1e-7));
  for (let round = 0; round < ROUNDS; round++) {
    const square = matmul(y, permute(y, [1, 0]));
    const factor = addmm(square, square, square, B, C);
    y = addmm(y, factor, y, A, 1);
  }
  return y;
}

/**
 * For weights of hidden layers: all dimensions but the first of a convolution's are taken as one. Layers that predict,
 * biases and norms are better left to AdamW (`together`).
 * @throws Error for a parameter of fewer than two dimensions
 */
export function muon(groups: readonly ParameterGroup[], { momentum = 0.95 } = {}): Optimizer {
  for (const { parameters } of groups) {
    for (const { shape } of parameters) {
      if (shape.length < 2)
        throw new Error(`muon: a parameter is [${shape}], expected two or more dimensions`);
    }
  }
  const first = moments(groups);
  const step = (lr: number) =>
    groups.forEach((group, g) => {
      const found = gradients(group.parameters);
      if (found.with.length === 0) return;
      const m = pick(first[g], found.at);
      mulScalarOf(m, momentum);
      addLists(m, found.grads, 1 - momentum);
      // Nesterov's: where the momentum will be.
      const ahead = addListsInto(mulInto(m, momentum), found.grads, 1 - momentum);
      const directions = ahead.map((one) => {
        const [rows] = one.shape;
        const columns = one.shape.slice(1).reduce((a, b) => a * b);
        const direction = orthogonalized(reshape(one, [rows, columns]));
        return reshape(mul(direction, RMS * Math.sqrt(Math.max(rows, columns))), one.shape);
      });
      if (group.weightDecay !== 0) mulScalarOf(found.with, 1 - lr * group.weightDecay);
      addLists(found.with, directions, -lr);
    });
  return {
    step: (lr) => noGrad(() => scope(() => step(lr))),
    zeroGrad: () => clearGradients(groups),
    state: () => new Map(named("momentum", first)),
  };
}
