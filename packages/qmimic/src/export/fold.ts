// Folds batch norm into the convolution before it: in eval mode it is a scale and a shift per channel.

export interface BatchNormStatistics {
  gain: Float32Array;
  shift: Float32Array;
  mean: Float32Array;
  variance: Float32Array;
  eps: number;
}

/** (w x + b - mean) * gain / sqrt(variance + eps) + shift, written into `weights` and `biases`. */
export function foldBatchNorm(
  { weights, biases }: { weights: Float32Array; biases: Float32Array },
  { gain, shift, mean, variance, eps }: BatchNormStatistics,
): void {
  const row = weights.length / biases.length;
  for (let c = 0; c < biases.length; c++) {
    const factor = gain[c] / Math.sqrt(variance[c] + eps);
    for (let i = c * row; i < (c + 1) * row; i++) weights[i] *= factor;
    biases[c] = (biases[c] - mean[c]) * factor + shift[c];
  }
}
