// Pruning operations: the cost with fewer channels, zeroing channels in place, and building the smaller
// detector.
import { copy, noGrad, scope, tensor } from "@qmimic/torch";
import { createRandom } from "../data/random.js";
import { type ChannelGroup, type Channels, createDetector, type Detector } from "../models/index.js";

/** The channels to keep per group, in ascending order. A missing group keeps all. */
export type Kept = ReadonlyMap<ChannelGroup, readonly number[]>;

/** Multiply-adds with the given number of channels per group. */
export const costOf = ({ layers }: Channels, channelsOf: (group: ChannelGroup) => number): number =>
  layers.reduce((sum, { weight, input, output, positions, grouped, perChannel }) => {
    const row = grouped ? weight.shape[1] * perChannel : channelsOf(input) * perChannel;
    return sum + positions * channelsOf(output) * row;
  }, 0);

/** Zeroes channels in place, everywhere: the detector then computes what it would without them. */
export function silence(group: ChannelGroup, kept: readonly number[]): void {
  const stays = new Set(kept);
  for (const { tensor: parameter, dimension } of group.uses) {
    // Running statistics do not matter if scale and shift are 0.
    if (dimension !== 0 || !parameter.requiresGrad) continue;
    const data = parameter.toFloat32();
    const row = data.length / group.channels;
    for (let c = 0; c < group.channels; c++) if (!stays.has(c)) data.fill(0, c * row, (c + 1) * row);
    noGrad(() => scope(() => void copy(parameter, tensor(data, parameter.shape))));
  }
}

/** A copy of the detector with only the kept channels. */
export function shrink(detector: Detector, kept: Kept): Detector {
  const named = new Map(
    detector
      .named()
      .map(({ name, tensor: parameter }) => [name, { shape: parameter.shape, data: parameter.toFloat32() }]),
  );
  const shapes: Record<string, number[]> = { ...detector.config.shapes };
  for (const [{ channels, uses }, channelsKept] of kept) {
    for (const { name, dimension, repeat } of uses) {
      const before = named.get(name)!;
      const shape = before.shape.with(dimension, channelsKept.length * repeat);
      named.set(name, { shape, data: pick(before, dimension, channels, channelsKept) });
      if (channelsKept.length < channels) shapes[name] = shape;
    }
  }
  const { shapes: _, ...config } = detector.config;
  const pruned = createDetector(
    Object.keys(shapes).length > 0 ? { ...config, shapes } : config,
    createRandom(0),
  );
  noGrad(() =>
    scope(() => {
      for (const { name, tensor: parameter } of pruned.named()) {
        const { shape, data } = named.get(name)!;
        copy(parameter, tensor(data, shape));
      }
    }),
  );
  return pruned.eval();
}

/** Selects the blocks `kept` along a dimension. */
function pick(
  { shape, data }: { shape: readonly number[]; data: Float32Array },
  dimension: 0 | 1,
  channels: number,
  kept: readonly number[],
): Float32Array {
  const rows = dimension === 0 ? 1 : shape[0];
  const block = data.length / rows / channels;
  const picked = new Float32Array(rows * kept.length * block);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (const channel of kept) {
      const from = (row * channels + channel) * block;
      picked.set(data.subarray(from, from + block), at);
      at += block;
    }
  }
  return picked;
}
