// Muon: momentum whose singular values are made (nearly) equal before it is applied, so that a layer learns in all
// directions at once, not only in the few with large gradients. Jordan et al., "Muon: An optimizer for hidden layers in
// neural networks", 2024; step size as in Liu et al., "Muon is Scalable for LLM Training", arXiv 2502.16982, section
// 2.2, so that AdamW's learning rates fit.
import { operator } from "../dispatcher.js";
import { add, div, flatten, matmul, mul, permute, reshape } from "../ops.js";
import { scope, type Tensor } from "../tensor.js";
import { addToLists, createOptimizer, scaledLists, scaleLists, sumOfLists } from "./lists.js";
import type { Optimizer, ParameterGroup } from "./optimizer.js";

const addmm = operator("aten::addmm");
const normOf = operator("aten::norm.Scalar");

/** The coefficients and the number of rounds of the quintic iteration, as chosen by Muon's authors. */
const [A, B, C] = [3.4445, -4.775, 2.0315];
const ROUNDS = 5;
/** The typical root mean square of AdamW's updates, relative to the learning rate. */
const RMS = 0.2;

/**
 * A matrix with the singular vectors of x and singular values near 1, by Newton-Schulz iteration: singular values
 * between 0.003 and 1 times the Frobenius norm of x become 0.68 to 1.20; smaller ones stay smaller.
 * @param x [rows, columns]
 */
export const orthogonalized = (x: Tensor): Tensor =>
  scope(() => {
    const [rows, columns] = x.shape;
    // Transpose if needed, so that the products have the size of the smaller side.
    if (rows > columns) return permute(orthogonalized(permute(x, [1, 0])), [1, 0]);
    let y = div(x, add(normOf(x, 2), 1e-7));
    for (let round = 0; round < ROUNDS; round++) {
      const square = matmul(y, permute(y, [1, 0]));
      const factor = addmm(square, square, square, B, C);
      y = addmm(y, factor, y, A, 1);
    }
    return y;
  });

/**
 * Orthogonalized Nesterov momentum with decoupled weight decay. For weights of hidden layers; convolution weights are
 * flattened to matrices, keeping the first dimension. Use AdamW for prediction layers, biases and norms
 * (`joinOptimizers`).
 * @param options momentum, 0 to 1
 * @throws Error for a parameter with fewer than two dimensions
 */
export function muon(groups: readonly ParameterGroup[], { momentum = 0.95 } = {}): Optimizer {
  for (const { parameters } of groups) {
    for (const { shape } of parameters) {
      if (shape.length < 2)
        throw new Error(`muon: a parameter has shape [${shape}], expected two or more dimensions`);
    }
  }
  return createOptimizer(groups, ["momentum"], (lr, steps) => {
    for (const { parameters, grads, moments, weightDecay } of steps) {
      scaleLists(moments.momentum, momentum);
      addToLists(moments.momentum, grads, 1 - momentum);
      // Nesterov: the momentum after the next update.
      const ahead = sumOfLists(scaledLists(moments.momentum, momentum), grads, 1 - momentum);
      const directions = ahead.map((matrix) =>
        scope(() => {
          const direction = orthogonalized(flatten(matrix, 1));
          return reshape(mul(direction, RMS * Math.sqrt(Math.max(...direction.shape))), matrix.shape);
        }),
      );
      if (weightDecay !== 0) scaleLists(parameters, 1 - lr * weightDecay);
      addToLists(parameters, directions, -lr);
    }
  });
}
