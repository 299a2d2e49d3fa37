// From samples to batches: epoch order, augmentation, pixels on the device, targets.
import type { Size } from "@qmimic/runtime";
import type { Tensor } from "@qmimic/torch";
import {
  type Augmentation,
  type AugmentSettings,
  sampleAugmentation,
  sampleScale,
  transformBoxes,
} from "../data/augment.js";
import { drawImages, GRID, toGrid } from "../data/drawing.js";
import { type RawImage, scaleBoxes } from "../data/images.js";
import { createRandom, shuffled } from "../data/random.js";
import type { Sample } from "../data/types.js";
import type { Target } from "../models/index.js";
import { timed, timedAsync } from "../profile.js";
import type { Split } from "./splits.js";

export interface BatchSettings {
  seed: number;
  batch: number;
  /** Longest side of an image at scale 1, and of the canvas. */
  side: number;
  /** Images are placed on multiples of this: the stride of the last feature map. */
  stride: number;
  augment: AugmentSettings;
  device: string;
  /** Keep landscape and portrait images in separate batches, which need less padding. */
  groupShapes: boolean;
  /** Images per epoch; 0: each once. With fewer or more, each epoch continues where the last one ended. */
  epochImages: number;
}

export interface Batch {
  /** [B, 3, H, W] */
  images: Tensor;
  targets: Target[];
  /** Each image's area on the canvas, [B, 4] xyxy; the rest is padding. */
  placed: Float32Array;
  /** The sample's index, and its augmentation. */
  indices: number[];
  augmentations: Augmentation[];
}

/** An epoch's batches as sample indices; the last batch (of each group) may be smaller. */
export function epochOrder(samples: readonly Sample[], settings: BatchSettings, epoch: number): number[][] {
  const { seed, groupShapes, epochImages } = settings;
  const rounds = new Map<number, { order: number[]; random: () => number }>();
  /** All images in random order, and the generator used. */
  const round = (number: number) => {
    const known = rounds.get(number);
    if (known) return known;
    const random = createRandom(`${seed}/order/${number}`);
    const made = { order: shuffled([...samples.keys()], random), random };
    rounds.set(number, made);
    return made;
  };
  const portrait = (i: number) => samples[i].height > samples[i].width;
  const kinds = groupShapes ? [(i: number) => !portrait(i), portrait] : [() => true];
  const batches: number[][] = [];
  const { random } = round(epoch);
  for (const belongs of kinds) {
    const size = samples.reduce((count, _, i) => count + Number(belongs(i)), 0);
    // Each group has a fixed part of an epoch, so that all epochs have the same number of steps.
    const part = epochImages === 0 ? size : Math.ceil((size * epochImages) / samples.length);
    const group: number[] = [];
    for (let at = epoch * part; at < (epoch + 1) * part; ) {
      const from = at % size;
      const piece = round(Math.floor(at / size)).order.filter(belongs);
      group.push(...piece.slice(from, from + (epoch + 1) * part - at));
      at += size - from;
    }
    for (let at = 0; at < group.length; at += settings.batch)
      batches.push(group.slice(at, at + settings.batch));
  }
  return shuffled(batches, random);
}

/** Draws one batch. `step` (over all epochs) seeds the augmentation, so that any batch can be reproduced. */
export async function makeBatch(
  { dataset, store }: Split,
  indices: readonly number[],
  settings: BatchSettings,
  step: number,
): Promise<Batch> {
  const images = await timedAsync("waiting", "main", () => Promise.all(indices.map((i) => store.get(i))));
  const random = createRandom(`${settings.seed}/augment/${step}`);
  const samples = indices.map((i) => dataset.samples[i]);
  const drawn = timed("augment", () => drawBatch(samples, images, settings, random));
  return { ...drawn, indices: [...indices] };
}

/** Draws images that are already decoded. */
function drawBatch(
  samples: readonly Sample[],
  images: readonly RawImage[],
  settings: BatchSettings,
  random: () => number,
): Omit<Batch, "indices"> {
  const { side, stride, augment } = settings;
  const scaleIndex = sampleScale(random, augment);
  const fit = (scaled: number) => Math.min(toGrid(side), toGrid(scaled));
  const canvas = { width: GRID, height: GRID };
  for (const { width, height } of images) {
    const scale = (side / Math.max(width, height)) * augment.scales[scaleIndex];
    canvas.width = Math.max(canvas.width, fit(Math.round(width * scale)));
    canvas.height = Math.max(canvas.height, fit(Math.round(height * scale)));
  }
  const placement = { side, gridStride: stride, scaleIndex, canvas };
  const augmentations = images.map((image) => sampleAugmentation(random, augment, image, placement));
  const targets = samples.map((sample, i) =>
    drawTarget(sample, { image: images[i], canvas }, augmentations[i], augment.minVisible),
  );
  const placed = Float32Array.from(
    images.flatMap(({ width, height }, i) => {
      const { scale, offsetX: x, offsetY: y } = augmentations[i];
      const edge = (from: number, length: number, limit: number) =>
        Math.min(limit, from + Math.round(length * scale));
      return [Math.max(0, x), Math.max(0, y), edge(x, width, canvas.width), edge(y, height, canvas.height)];
    }),
  );
  return {
    images: drawImages(images, augmentations, { canvas }, settings.device),
    targets,
    placed,
    augmentations,
  };
}

function drawTarget(
  sample: Sample,
  { image, canvas }: { image: RawImage; canvas: Size },
  augmentation: Augmentation,
  minVisible: number,
): Target {
  const boxes = scaleBoxes(sample.boxes, image);
  const drawn = transformBoxes(boxes, augmentation, { image, canvas }, minVisible);
  const kept: number[] = [];
  const labels: number[] = [];
  const ignore = [...drawn.ignore];
  drawn.kept.forEach((object, i) => {
    const box = drawn.boxes.subarray(4 * i, 4 * i + 4);
    if (sample.difficult[object]) {
      ignore.push(...box);
      return;
    }
    kept.push(...box);
    labels.push(sample.labels[object]);
  });
  return {
    boxes: Float32Array.from(kept),
    labels: Int32Array.from(labels),
    ignore: Float32Array.from(ignore),
  };
}
