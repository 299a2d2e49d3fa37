// Prunes a detector's channels with one of three methods, to a fraction of its multiply-adds.
import { noGrad, scope } from "@qmimic/torch";
import { NO_AUGMENTATION } from "../data/augment.js";
import { createRandom, shuffled } from "../data/random.js";
import { InputError } from "../errors.js";
import { type ChannelGroup, type Channels, type Detector, readChannels } from "../models/index.js";
import { type Batch, type BatchSettings, epochOrder, makeBatch } from "../train/batches.js";
import type { Split } from "../train/splits.js";
import { type PruningBatch, pruneByLasso } from "./byLasso.js";
import { pruneByTaylor } from "./byTaylor.js";
import { costOf, type Kept, shrink } from "./shrink.js";

export const PRUNING_METHODS = ["lasso", "taylor", "random"] as const;
export type PruningMethod = (typeof PRUNING_METHODS)[number];

export interface PruningOptions {
  method: PruningMethod;
  /** Maximum fraction of the multiply-adds to keep, above 0 and below 1. */
  budget: number;
  /** Seed for choosing and sampling images; for method random, for choosing channels. */
  seed: number;
  /** Called after each channel group (lasso) or round (taylor). */
  onProgress?(done: number, of: number): void;
  /** Called with notes. */
  say?(text: string): void;
}

/** Images for LASSO, and batch size. */
const LASSO_BATCHES = 24;
/** Batches per round of Taylor's criterion, and rounds until they are reused. */
const TAYLOR_BATCHES = 6;
const TAYLOR_SETS = 4;
const BATCH = 2;

/**
 * A pruned copy of a detector. Prunes every layer with removable channels (models/channels.ts).
 * @param train training images; not needed for method random
 * @throws InputError if the budget is below the cost of one channel in every layer
 */
export async function pruneDetector(
  detector: Detector,
  train: Split,
  { method, budget, seed, onProgress = () => {}, say = () => {} }: PruningOptions,
): Promise<Detector> {
  // Modified in place.
  const copy = shrink(detector, new Map());
  try {
    const channels = readChannels(copy);
    // Rounded: a quotient of two costs, times the second, may be just below the first.
    const maxCost = Math.round(budget * costOf(channels, (group) => group.channels));
    const counts = evenCounts(channels, maxCost, budget);
    const task = { maxCost, counts, train, seed, onProgress, say };
    return shrink(copy, await METHODS[method](copy, channels, task));
  } finally {
    copy.dispose();
  }
}

interface Task {
  maxCost: number;
  /** Channels to keep per group if all layers keep the same fraction. */
  counts: ReadonlyMap<ChannelGroup, number>;
  train: Split;
  seed: number;
  onProgress(done: number, of: number): void;
  say(text: string): void;
}

const METHODS: Record<
  PruningMethod,
  (detector: Detector, channels: Channels, task: Task) => Kept | Promise<Kept>
> = {
  random(_, { groups }, { counts, seed }) {
    const random = createRandom(`${seed}/prune`);
    const some = ({ channels }: ChannelGroup, count: number) =>
      shuffled([...Array(channels).keys()], random)
        .slice(0, count)
        .sort((a, b) => a - b);
    return new Map(groups.map((group) => [group, some(group, counts.get(group)!)]));
  },

  lasso: (detector, channels, { counts, train, seed, onProgress, say }) =>
    withBatches(detector, train, { count: LASSO_BATCHES, seed }, (batches) => {
      const withProposals = batches.map((batch) => withRegions(detector, batch, seed));
      return pruneByLasso(detector, channels, withProposals, { counts, seed, onProgress, say });
    }),

  taylor: (detector, channels, { maxCost, counts, train, seed, onProgress }) =>
    withBatches(detector, train, { count: TAYLOR_BATCHES * TAYLOR_SETS, seed }, (batches) => {
      const sets = Array.from({ length: TAYLOR_SETS }, (_, i) =>
        batches.filter((_, k) => k % TAYLOR_SETS === i),
      ).filter((set) => set.length > 0);
      const min = (group: ChannelGroup) => Math.min(Math.ceil(MIN_KEPT * group.channels), counts.get(group)!);
      return pruneByTaylor(detector, channels, sets, { maxCost, min, seed, onProgress });
    }),
};

/**
 * Taylor's criterion compares channels across layers; each layer keeps at least this fraction, so that none is
 * cut off.
 */
const MIN_KEPT = 0.1;

/** The same fraction of every group's channels, as large as `maxCost` allows. */
function evenCounts(channels: Channels, maxCost: number, budget: number): Map<ChannelGroup, number> {
  const countsAt = (part: number) =>
    new Map(channels.groups.map((group) => [group, Math.max(1, Math.round(part * group.channels))]));
  const costAt = (part: number) => {
    const counts = countsAt(part);
    return costOf(channels, (group) => counts.get(group) ?? group.channels);
  };
  if (costAt(0) > maxCost) {
    throw new InputError(
      `budget ${budget}: one channel in every layer costs ${(costAt(0) / 1e6).toFixed(1)} million multiply-adds, more than the allowed ${(maxCost / 1e6).toFixed(1)} million`,
    );
  }
  let [low, high] = [0, 1];
  for (let halving = 0; halving < 30; halving++) {
    const middle = (low + high) / 2;
    if (costAt(middle) <= maxCost) low = middle;
    else high = middle;
  }
  return countsAt(low);
}

/** Runs `body` with batches of whole training images. */
async function withBatches<T>(
  { config }: Detector,
  split: Split,
  { count, seed }: { count: number; seed: number },
  body: (batches: readonly Batch[]) => Promise<T>,
): Promise<T> {
  const settings: BatchSettings = {
    ...{ seed, batch: BATCH, side: config.side, stride: config.outputStride, device: "cpu" },
    ...{ augment: NO_AUGMENTATION, groupShapes: true, epochImages: 0 },
  };
  const order = epochOrder(split.dataset.samples, settings, 0).slice(0, count);
  const batches: Batch[] = [];
  try {
    for (const [step, indices] of order.entries())
      batches.push(await makeBatch(split, indices, settings, step));
    return await body(batches);
  } finally {
    for (const { images } of batches) images.dispose();
  }
}

/** The regions on which the original detector's head would be trained. */
const withRegions = (detector: Detector, batch: Batch, seed: number): PruningBatch =>
  noGrad(() =>
    scope(() => {
      const { heads } = detector.trainingPass({})(batch, createRandom(`${seed}/regions`));
      return { images: batch.images, regions: heads.of === "regions" ? heads.boxes : undefined };
    }),
  );
