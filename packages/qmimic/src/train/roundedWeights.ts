// Quantization-aware training with int8 weights (Jacob et al., "Quantization and Training of Neural Networks
// for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, section 3): forward and backward passes use the
// weights as exported, the optimizer updates them in full precision; gradients pass through the rounding
// unchanged (straight-through estimator). Weights are exported with batch norm folded in, but rounded here
// without it: a channel's scale absorbs the factor.
import { copy, type Module, noGrad, scope, type Tensor, tensor } from "@qmimic/torch";
import { roundedToIntegers } from "./int8Weights.js";

/** Weights exported as integers: of convolutions and linear layers, output channels first. */
export const weightsOf = (module: Module): Tensor[] =>
  module.parameters().filter(({ shape }) => shape.length > 1);

/** Rounds weights in place. @returns a function that restores full precision */
export function roundWeights(weights: readonly Tensor[]): () => void {
  const kept = weights.map((weight) => weight.toFloat32());
  const write = (values: readonly Float32Array[]) =>
    noGrad(() =>
      scope(() => {
        weights.forEach((weight, i) => {
          copy(weight, tensor(values[i], weight.shape).to(weight.device));
        });
      }),
    );
  write(kept.map((values, i) => roundedToIntegers(values, weights[i].shape[0])));
  return () => write(kept);
}
