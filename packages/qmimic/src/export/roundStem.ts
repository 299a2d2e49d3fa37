// Rounds the first maps of a network to seven bits, so that the runtime can compute them with bytes (see
// packages/runtime/src/network/stem.ts).
import {
  type Conv,
  MAX_LEVEL,
  type Model,
  placePicture,
  type RawImage,
  stemConvolutions,
} from "@qmimic/runtime";
import { valueRanges } from "./calibrate.js";

/** How much larger a channel may be made relative to its map's largest one: its weights lose as many bits. */
const MAX_GAIN = 8;

/**
 * A channel is scaled to the range of its map's largest one, which the next convolution undoes: rectified values can be
 * scaled before or after rectifying (Nagel et al., Data-Free Quantization, ICCV 2019, section 4.1).
 * @param pictures for the ranges of the maps
 * @returns a copy with rounded maps; the model itself if none of its layers can be computed with bytes
 */
export function roundStem(model: Model, pictures: readonly RawImage[]): Model {
  const convolutions = stemConvolutions(model);
  if (convolutions.length === 0 || !canRoundInput(model)) return model;
  const rounded = withRoundedInput(model);
  const last = convolutions[convolutions.length - 1].index;
  const first = { ...rounded, operations: model.operations.slice(0, last + 1) };
  const { side, grid } = model.input;
  const ranges = valueRanges(
    first,
    (picture) => placePicture(picture, side, grid),
    convolutions.map(({ index }) => index + 1),
    pictures,
  );
  const operations = [...model.operations];
  const { parameters } = rounded;
  convolutions.forEach(({ index, conv, inputs }, i) => {
    const maxima = ranges.get(index + 1)!.map(({ max }) => max);
    const largest = Math.max(...maxima);
    if (largest === 0) return;
    operations[index] = { ...conv, step: largest / MAX_LEVEL } satisfies Conv;
    const next = convolutions[i + 1];
    if (!next) return;
    const { weights, biases } = parameters[index]!;
    const after = parameters[next.index]!.weights;
    maxima.forEach((max, c) => {
      const gain = max === 0 ? 1 : Math.min(MAX_GAIN, largest / max);
      biases[c] *= gain;
      for (let k = 9 * inputs * c; k < 9 * inputs * (c + 1); k++) weights[k] *= gain;
      for (let o = 0; o < next.conv.channels; o++)
        for (let k = 0; k < 9; k++) after[9 * (o * next.inputs + c) + k] /= gain;
    });
  });
  return { ...rounded, operations };
}

/**
 * With pixels of seven bits, whose mean is one of them and whose deviation is the same for all colours. What reads them
 * is adapted: only pixels outside the image are others.
 */
function withRoundedInput(model: Model): Model {
  const { mean, std } = model.input;
  const means = mean.map((one) => Math.round(one * MAX_LEVEL) / MAX_LEVEL);
  const [, deviation] = std;
  const parameters = model.parameters.map((layer, index) => {
    if (!layer) return undefined;
    const [weights, biases] = [layer.weights.slice(), layer.biases.slice()];
    const operation = model.operations[index];
    if (operation.op === "conv" && operation.input === 0) {
      const taps = operation.kernel ** 2;
      for (let k = 0; k < weights.length; k++) {
        const c = Math.floor(k / taps) % 3;
        biases[Math.floor(k / (3 * taps))] += (weights[k] * (means[c] - mean[c])) / std[c];
        weights[k] *= deviation / std[c];
      }
    }
    return { weights, biases };
  });
  const input = { ...model.input, mean: means, std: std.map(() => deviation), levels: MAX_LEVEL };
  return { ...model, input, parameters };
}

/** Whether all readers of the input are convolutions over all colours. */
const canRoundInput = ({ operations }: Model): boolean =>
  operations.every(
    (one) =>
      (one.input !== 0 || (one.op === "conv" && one.groups === 1)) && !(one.op === "add" && one.other === 0),
  );
