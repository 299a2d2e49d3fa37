// Channel pruning of He, Zhang and Sun, "Channel Pruning for Accelerating Very Deep Neural Networks", ICCV
// 2017: layer by layer, LASSO selects the input channels that best explain the layer's outputs in the original
// detector, and least squares refits its weights to those inputs in the detector pruned so far (sections 3.1
// and 3.2). If several layers read the same channels, the channels are selected for all of them jointly.
import { setImmediate as turn } from "node:timers/promises";
import {
  copy,
  matmul,
  noGrad,
  observeOperators,
  operator,
  permute,
  scope,
  type Tensor,
  tensor,
} from "@qmimic/torch";
import { createRandom } from "../data/random.js";
import type { ChannelGroup, Channels, Detector, WeightedLayer } from "../models/index.js";
import { leastSquares, selectByLasso } from "./leastSquares.js";
import { inputsAt, layerOf, type Places, samplePlaces, valuesAt } from "./responses.js";
import { silence } from "./shrink.js";

/** Images of one step, and the head's regions. */
export interface PruningBatch {
  /** [B, 3, H, W] */
  images: Tensor;
  /** [N, 4] xyxy per image; undefined for heads without regions. */
  regions: readonly Float32Array[] | undefined;
}

/** Sampled positions of a map per image: more than the paper's 10, from fewer images. */
const PLACES = 64;
/** Layers with more inputs are not refitted: their normal equations, 512 MiB at this limit, would not fit into memory. */
const MAX_INPUTS = 8192;

/** Outputs, in the original detector, of the layers that read a group's channels. */
type Target = { places: Places; values: Float32Array };

export interface LassoOptions {
  /** Number of channels to keep, per group. */
  counts: ReadonlyMap<ChannelGroup, number>;
  seed: number;
  /** Called after each group. */
  onProgress(done: number, of: number): void;
  /** Called with notes. */
  say(text: string): void;
}

/**
 * Zeroes channels of a detector and refits the weights of the layers that read them, in place.
 * @returns the channels to keep
 */
export async function pruneByLasso(
  detector: Detector,
  channels: Channels,
  batches: readonly PruningBatch[],
  { counts, seed, onProgress, say }: LassoOptions,
): Promise<Map<ChannelGroup, number[]>> {
  const readersOf = (group: ChannelGroup) =>
    channels.layers.filter((layer) => layer.input === group && !layer.grouped);
  const firstReader = (group: ChannelGroup) =>
    channels.layers.findIndex((layer) => layer.input === group && !layer.grouped);
  const groups = channels.groups
    .filter((group) => counts.get(group)! < group.channels)
    .sort((a, b) => firstReader(a) - firstReader(b));
  const wanted = new Set(groups.flatMap(readersOf));
  const large = [...wanted].filter((layer) => !isRefitted(layer)).map(({ name }) => name);
  if (large.length > 0) say(`not refitted, with more than ${MAX_INPUTS} inputs: ${large.join(", ")}`);
  const targets = batches.map((batch, i) => wholeTargets(detector, wanted, batch, `${seed}/places/${i}`));
  const kept = new Map<ChannelGroup, number[]>();
  for (const [i, group] of groups.entries()) {
    const readers = readersOf(group).filter(isRefitted);
    const problems = gatherProblems(detector, readers, batches, targets);
    const stay = select(group, problems, counts.get(group)!);
    for (const problem of problems) refit(problem, stay);
    silence(group, stay);
    kept.set(group, stay);
    onProgress(i + 1, groups.length);
    // Lets signal handlers run.
    await turn();
  }
  return kept;
}

/** Larger layers keep their weights. */
const isRefitted = ({ weight }: WeightedLayer): boolean => weight.size / weight.shape[0] <= MAX_INPUTS;

const byWeight = (layers: Iterable<WeightedLayer>): Map<Tensor, WeightedLayer> =>
  new Map([...layers].map((layer) => [layer.weight, layer]));

function wholeTargets(
  detector: Detector,
  wanted: ReadonlySet<WeightedLayer>,
  { images, regions }: PruningBatch,
  seed: string,
): Map<WeightedLayer, Target> {
  const targets = new Map<WeightedLayer, Target>();
  const layers = byWeight(wanted);
  observe(detector, images, regions, (call) => {
    const layer = layerOf(layers, call);
    if (!layer) return;
    const result = call.result as Tensor;
    const places = samplePlaces(result, PLACES, createRandom(`${seed}/${layer.name}`));
    const values = valuesAt(result, places);
    // The bias is unchanged.
    const bias = layer.bias?.toFloat32();
    if (bias) for (let k = 0; k < values.length; k++) values[k] -= bias[k % bias.length];
    targets.set(layer, { places, values });
  });
  return targets;
}

const observe = (
  detector: Detector,
  images: Tensor,
  regions: readonly Float32Array[] | undefined,
  see: Parameters<typeof observeOperators>[0],
): void => noGrad(() => scope(() => void observeOperators(see, () => detector.everyLayer(images, regions))));

/** A layer's normal equations over all sampled positions. */
interface Problem {
  layer: WeightedLayer;
  /** X'X, [inputs, inputs] */
  gram: Float64Array;
  /** X'Y, [inputs, outputs] */
  products: Float64Array;
  /** || Y ||^2 */
  size: number;
  inputs: number;
  outputs: number;
}

function gatherProblems(
  detector: Detector,
  readers: readonly WeightedLayer[],
  batches: readonly PruningBatch[],
  targets: readonly Map<WeightedLayer, Target>[],
): Problem[] {
  const problems = new Map<WeightedLayer, Problem>();
  const layers = byWeight(readers);
  batches.forEach(({ images, regions }, i) => {
    observe(detector, images, regions, (call) => {
      const layer = layerOf(layers, call);
      if (layer) addTo(problems, layer, call.args[0] as Tensor, targets[i].get(layer)!);
    });
  });
  return [...problems.values()];
}

const toDouble = operator("aten::to.dtype");

function addTo(
  problems: Map<WeightedLayer, Problem>,
  layer: WeightedLayer,
  input: Tensor,
  { places, values }: Target,
): void {
  const { data, width } = inputsAt(layer, input, places);
  const rows = places.length / 3;
  const outputs = values.length / rows;
  const problem = problems.get(layer) ?? {
    layer,
    gram: new Float64Array(width * width),
    products: new Float64Array(width * outputs),
    size: 0,
    inputs: width,
    outputs,
  };
  problems.set(layer, problem);
  scope(() => {
    const [x, y] = [tensor(data, [rows, width]), tensor(values, [rows, outputs])].map((matrix) =>
      toDouble(matrix, "float64"),
    );
    const transposed = permute(x, [1, 0]);
    addArray(problem.gram, matmul(transposed, x).toArray() as Float64Array);
    addArray(problem.products, matmul(transposed, y).toArray() as Float64Array);
  });
  problem.size += values.reduce((sum, value) => sum + value * value, 0);
}

function addArray(to: Float64Array, from: Float64Array): void {
  for (let i = 0; i < to.length; i++) to[i] += from[i];
}

/**
 * Channel factors that reproduce the layers' outputs with the requested number of nonzero factors. The Gram
 * matrix of the channels' contributions follows from that of their inputs: <Z_i, Z_j> is the sum over both
 * channels' entries of X'X times WW'. Layers have equal weight, each relative to the size of its outputs.
 */
function select({ channels }: ChannelGroup, problems: readonly Problem[], count: number): number[] {
  const gram = new Float64Array(channels * channels);
  const products = new Float64Array(channels);
  for (const { layer, gram: inputGram, products: ownProducts, size, inputs, outputs } of problems) {
    if (!(size > 0)) continue;
    const { perChannel, weight } = layer;
    const weights = weight.toFloat32();
    const together = weightProducts(weight, inputs, outputs);
    for (let a = 0; a < inputs; a++) {
      const i = Math.floor(a / perChannel);
      for (let b = 0; b < inputs; b++) {
        const at = a * inputs + b;
        gram[i * channels + Math.floor(b / perChannel)] += (inputGram[at] * together[at]) / size;
      }
      for (let o = 0; o < outputs; o++)
        products[i] += (ownProducts[a * outputs + o] * weights[o * inputs + a]) / size;
    }
  }
  return selectByLasso(gram, products, count);
}

/** W'W of weights [outputs, inputs]. */
const weightProducts = (weight: Tensor, inputs: number, outputs: number): Float64Array =>
  noGrad(() =>
    scope(() => {
      const w = toDouble(tensor(weight.toFloat32(), [outputs, inputs]), "float64");
      return matmul(permute(w, [1, 0]), w).toArray() as Float64Array;
    }),
  );

/** The weights that reproduce the layer's outputs from the kept channels. */
function refit({ layer, gram, products, inputs, outputs }: Problem, kept: readonly number[]): void {
  const { perChannel, weight } = layer;
  const entries = kept.flatMap((c) => Array.from({ length: perChannel }, (_, k) => c * perChannel + k));
  const n = entries.length;
  const [a, b] = [new Float64Array(n * n), new Float64Array(n * outputs)];
  entries.forEach((from, i) => {
    for (let j = 0; j < n; j++) a[i * n + j] = gram[from * inputs + entries[j]];
    b.set(products.subarray(from * outputs, (from + 1) * outputs), i * outputs);
  });
  const solved = leastSquares(a, b, n);
  const weights = new Float32Array(outputs * inputs);
  entries.forEach((to, i) => {
    for (let o = 0; o < outputs; o++) weights[o * inputs + to] = solved[i * outputs + o];
  });
  noGrad(() => scope(() => void copy(weight, tensor(weights, weight.shape))));
}
