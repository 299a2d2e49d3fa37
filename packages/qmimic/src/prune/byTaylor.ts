// Pruning by Taylor expansion: Molchanov, Tyree, Karras, Aila, Kautz, "Pruning Convolutional Neural Networks
// for Resource Efficient Inference", ICLR 2017, section 2.2. To first order, zeroing a channel changes the loss
// by the sum of its activations times their gradients; its absolute value, averaged over examples and
// normalised within each layer, is the criterion. Channels with the lowest criterion per multiply-add are
// removed first, in rounds, measuring the criterion again in each. The paper subtracts a channel's cost with a
// weight that must be tuned (section 2.2, "FLOPs regularized pruning"); dividing by the cost needs no weight
// and preserved more AP (results/log.md).
import { setImmediate as turn } from "node:timers/promises";
import {
  add,
  gradientsAt,
  keep,
  mul,
  noGrad,
  type OperatorCall,
  observeOperators,
  operator,
  scope,
  sum,
  type Tensor,
} from "@qmimic/torch";
import { createRandom } from "../data/random.js";
import type { ChannelGroup, Channels, Detector, TrainingBatch, WeightedLayer } from "../models/index.js";
import { layerOf } from "./responses.js";
import { costOf, silence } from "./shrink.js";

/** Number of rounds from the original detector to the budget. */
const ROUNDS = 10;

export interface TaylorOptions {
  /** Maximum multiply-adds to keep. */
  maxCost: number;
  /** Minimum channels to keep in a group. */
  min(group: ChannelGroup): number;
  seed: number;
  /** Called after each round. */
  onProgress(done: number, of: number): void;
}

/**
 * Zeroes channels of a detector in place until its cost is at most `maxCost`.
 * @param batches of training images; a round uses `batches[round]`, starting over at the end
 * @returns the channels to keep
 */
export async function pruneByTaylor(
  detector: Detector,
  channels: Channels,
  batches: readonly (readonly TrainingBatch[])[],
  { maxCost, min, seed, onProgress }: TaylorOptions,
): Promise<Map<ChannelGroup, number[]>> {
  const kept = new Map(
    channels.groups.map((group) => [group, Array.from({ length: group.channels }, (_, i) => i)]),
  );
  /** The cost with `fewer` channels less in one group. */
  const cost = (of?: ChannelGroup, fewer = 0) =>
    costOf(channels, (group) => (kept.get(group)?.length ?? group.channels) - (group === of ? fewer : 0));
  const whole = cost();
  for (let round = 0; round < ROUNDS; round++) {
    const until = whole * (maxCost / whole) ** ((round + 1) / ROUNDS);
    const scores = measure(detector, channels, batches[round % batches.length], `${seed}/taylor/${round}`);
    const now = cost();
    const order = channels.groups
      .flatMap((group) => rank(group, scores.get(group), kept.get(group)!, now - cost(group, 1)))
      .sort((a, b) => a.score - b.score);
    for (const { group, channel } of order) {
      if (cost() <= until) break;
      const left = kept.get(group)!.filter((other) => other !== channel);
      if (left.length >= min(group)) kept.set(group, left);
    }
    for (const [group, left] of kept) silence(group, left);
    onProgress(round + 1, ROUNDS);
    // Lets signal handlers run.
    await turn();
  }
  return kept;
}

interface Ranked {
  group: ChannelGroup;
  channel: number;
  score: number;
}

/** The channels with their L2-normalised scores per multiply-add `saved`. */
function rank(
  group: ChannelGroup,
  scores: Float64Array | undefined,
  kept: readonly number[],
  saved: number,
): Ranked[] {
  // Missing if the loss depends on none of them.
  const values = kept.map((channel) => scores?.[channel] ?? 0);
  const norm = Math.sqrt(values.reduce((all, score) => all + score ** 2, 0));
  return kept.map((channel, i) => ({ group, channel, score: norm > 0 ? values[i] / norm / saved : 0 }));
}

/** The criterion, summed over the examples in the batches. */
function measure(
  detector: Detector,
  channels: Channels,
  batches: readonly TrainingBatch[],
  seed: string,
): Map<ChannelGroup, Float64Array> {
  const totals = new Map<ChannelGroup, Float64Array>();
  detector.eval();
  const pass = detector.trainingPass({});
  batches.forEach((batch, i) => {
    const responses = new Responses(channels.layers);
    scope(() => {
      const { losses } = observeOperators(
        (call) => responses.see(call),
        () => pass(batch, createRandom(`${seed}/${i}`)),
      );
      responses.addTo(totals, Object.values(losses).reduce(add));
    });
    responses.dispose();
  });
  return totals;
}

/** Another handle on the same tensor, which stays valid when the network frees its handle. */
const sameTensor = operator("aten::to.dtype");

/** The layers' outputs, after batch norm and ReLU. */
class Responses {
  private readonly layers: Map<Tensor, WeightedLayer>;
  private readonly latest = new Map<unknown, WeightedLayer>();
  private readonly held = new Map<WeightedLayer, Tensor>();

  constructor(layers: readonly WeightedLayer[]) {
    this.layers = new Map(
      layers.filter(({ output }) => output.prunable).map((layer) => [layer.weight, layer]),
    );
  }

  see(call: OperatorCall): void {
    const { name, args, result } = call;
    const follows =
      name === "qmimic::batch_norm_relu" || name === "aten::relu" ? this.latest.get(args[0]) : undefined;
    const layer = layerOf(this.layers, call) ?? follows;
    if (!layer) return;
    this.latest.set(result, layer);
    this.held.get(layer)?.dispose();
    this.held.set(layer, keep(sameTensor(result as Tensor, "float32")));
  }

  /** Adds | sum of activations x gradients | per channel and example, jointly for the layers of a group. */
  addTo(totals: Map<ChannelGroup, Float64Array>, loss: Tensor): void {
    const held = [...this.held];
    const gradients = gradientsAt(
      loss,
      held.map(([, response]) => response),
    );
    const sums = new Map<ChannelGroup, { data: Float32Array; examples: number }>();
    noGrad(() => {
      held.forEach(([{ output, grouped }, response], i) => {
        const gradient = gradients[i];
        // A depthwise layer's output channels are those of the layer before it.
        if (gradient === null || grouped) return;
        const product = mul(response, gradient);
        const { length } = product.shape;
        const criterion = (length === 4 ? sum(product, [2, 3]) : product).toFloat32();
        const before = sums.get(output)?.data;
        if (before) for (let k = 0; k < criterion.length; k++) criterion[k] += before[k];
        sums.set(output, { data: criterion, examples: product.shape[0] });
      });
    });
    for (const [group, { data, examples }] of sums) {
      const total = totals.get(group) ?? new Float64Array(group.channels);
      totals.set(group, total);
      data.forEach((value, k) => {
        total[k % group.channels] += Math.abs(value) / examples;
      });
    }
  }

  dispose(): void {
    for (const response of this.held.values()) response.dispose();
  }
}
