// Rounds the first maps of a network to seven bits, so that the runtime can compute them with bytes (see
// packages/runtime/src/network/stem.ts).
import {
  type Conv,
  MAX_LEVEL,
  type Model,
  type Operation,
  placePicture,
  type RawImage,
  stemConvolutions,
  stemOf,
} from "@qmimic/runtime";
import { roundedToIntegers } from "../train/int8Weights.js";
import { valueRanges } from "./calibrate.js";

/** How much larger a channel may be made relative to its map's largest one: its weights lose as many bits. */
const MAX_GAIN = 8;

/**
 * A channel is scaled to the range of its map's largest one, which the next convolution undoes: rectified values can be
 * scaled before or after rectifying (Nagel et al., Data-Free Quantization, ICCV 2019, section 4.1).
 * @param pictures for the ranges of the maps
 * @returns a copy with rounded maps, whose weights are to be rounded; the model itself if none of its layers can be
 * computed with bytes
 */
export function roundStem(model: Model, pictures: readonly RawImage[]): Model {
  const convolutions = stemConvolutions(model);
  if (convolutions.length === 0 || !canRoundInput(model)) return model;
  const adapted = withRoundedInput(model);
  const last = convolutions[convolutions.length - 1].index;
  const { side, grid } = model.input;
  const ranges = valueRanges(
    { ...adapted, operations: model.operations.slice(0, last + 1) },
    (picture) => placePicture(picture, side, grid),
    convolutions.map(({ index }) => index + 1),
    pictures,
  );
  const maxima = convolutions.map(({ index }) => ranges.get(index + 1)!.map(({ max }) => max));
  equalize(adapted, convolutions, maxima);
  const operations = withSteps(
    model.operations,
    convolutions.map(({ index }, i) => [index, short(Math.max(...maxima[i]) / MAX_LEVEL)]),
  );
  // The kernels may refuse a layer whose channels differ too much; its map and those after it are not rounded.
  const layers = stemOf({ ...withRoundedWeights(adapted, convolutions), operations })?.layers.length ?? 0;
  if (layers === 0) return model;
  const refused = convolutions.slice(layers).map(({ index }) => [index, 0] as const);
  return { ...adapted, operations: withSteps(operations, refused) };
}

/** With few digits, for a small file; means are still multiples of 1 / 127 as the runtime sees it. */
const short = (number: number): number => Number(number.toPrecision(9));

const withSteps = (
  operations: readonly Operation[],
  steps: readonly (readonly [index: number, step: number])[],
): Operation[] => {
  const changed = [...operations];
  for (const [index, step] of steps) changed[index] = { ...(operations[index] as Conv), step };
  return changed;
};

/** Scales channels and what reads them, in place. */
function equalize(
  { parameters }: Model,
  convolutions: ReturnType<typeof stemConvolutions>,
  maxima: readonly (readonly number[])[],
): void {
  convolutions.forEach(({ index, inputs }, i) => {
    const next = convolutions[i + 1];
    if (!next) return;
    const largest = Math.max(...maxima[i]);
    const { weights, biases } = parameters[index]!;
    const after = parameters[next.index]!.weights;
    maxima[i].forEach((max, c) => {
      const gain = max === 0 ? 1 : Math.min(MAX_GAIN, largest / max);
      biases[c] *= gain;
      for (let k = 9 * inputs * c; k < 9 * inputs * (c + 1); k++) weights[k] *= gain;
      for (let o = 0; o < next.conv.channels; o++)
        for (let k = 0; k < 9; k++) after[9 * (o * next.inputs + c) + k] /= gain;
    });
  });
}

/** With weights of the convolutions as they are in a file of eight bits. */
function withRoundedWeights(model: Model, convolutions: ReturnType<typeof stemConvolutions>): Model {
  const parameters = [...model.parameters];
  for (const { index } of convolutions) {
    const { weights, biases } = parameters[index]!;
    parameters[index] = { weights: roundedToIntegers(weights, biases.length), biases };
  }
  return { ...model, parameters };
}

/**
 * With pixels of seven bits, whose mean is one of them and whose deviation is the same for all colours. What reads them
 * is adapted: only pixels outside the image are others.
 */
function withRoundedInput(model: Model): Model {
  const { mean, std } = model.input;
  const means = mean.map((one) => short(Math.round(one * MAX_LEVEL) / MAX_LEVEL));
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
