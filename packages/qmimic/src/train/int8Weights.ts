// Weights as integers from -127 to 127, with a scale per output channel: the largest weight is 127.

/** @returns [channels], 0 if all weights are 0 */
export function channelScales(weights: Float32Array, channels: number): Float32Array {
  const row = weights.length / channels;
  return Float32Array.from({ length: channels }, (_, c) => {
    let largest = 0;
    for (let i = c * row; i < (c + 1) * row; i++) largest = Math.max(largest, Math.abs(weights[i]));
    return largest / 127;
  });
}

/** Each weight divided by its channel's scale, rounded; 0 if the scale is 0. */
export function scaledIntegers(weights: Float32Array, scales: ArrayLike<number>): Int8Array {
  const row = weights.length / scales.length;
  return Int8Array.from(weights, (weight, i) => {
    const scale = scales[Math.floor(i / row)];
    return scale === 0 ? 0 : Math.round(weight / scale);
  });
}

/** The numbers that a file of eight bits has for weights. */
export function roundedToIntegers(weights: Float32Array, channels: number): Float32Array {
  const scales = channelScales(weights, channels);
  const row = weights.length / channels;
  return Float32Array.from(
    scaledIntegers(weights, scales),
    (integer, i) => integer * scales[Math.floor(i / row)],
  );
}
