// Training for weights of eight bits (Jacob et al., "Quantization and Training of Neural Networks for Efficient
// Integer-Arithmetic-Only Inference", CVPR 2018, section 3): forward and backward passes see the weights as they are exported,
// the optimizer updates them in full precision; the gradient passes the rounding unchanged.
//
// Weights are exported with batch norm folded in, here they are rounded without: the scale of a channel takes its factor along.
import { copy, type Module, noGrad, scope, type Tensor, tensor } from "@qmimic/torch";
import { channelScales, scaledIntegers } from "./int8Weights.js";

/** Those that are exported as integers: of convolutions and linear layers, output channels first. */
export const weightsOf = (module: Module): Tensor[] =>
  module.parameters().filter(({ shape }) => shape.length > 1);

/** Rounds weights in place. @returns what gives them back in full precision */
export function roundWeights(weights: readonly Tensor[]): () => void {
  const kept = weights.map((one) => one.toFloat32());
  const write = (values: readonly Float32Array[]) =>
    noGrad(() =>
      scope(() => {
        weights.forEach((one, i) => {
          copy(one, tensor(values[i], one.shape).to(one.device));
        });
      }),
    );
  write(kept.map((values, i) => rounded(values, weights[i].shape[0])));
  return () => write(kept);
}

function rounded(values: Float32Array, channels: number): Float32Array {
  const scales = channelScales(values, channels);
  const row = values.length / channels;
  return Float32Array.from(
    scaledIntegers(values, scales),
    (integer, i) => integer * scales[Math.floor(i / row)],
  );
}
