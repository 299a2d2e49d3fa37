// From samples to batches: order of an epoch, augmentation, pixels on the device, targets.
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
import type { ImageStore } from "../data/imageStore.js";
import { type RawImage, scaleBoxes } from "../data/images.js";
import { createRandom, shuffled } from "../data/random.js";
import type { Sample } from "../data/types.js";
import type { Target } from "../models/index.js";
import { timed, timedAsync } from "../profile.js";

export interface BatchSettings {
  seed: number;
  batch: number;
  /** Longest side of an image at scale 1, and the largest canvas. */
  side: number;
  /** Images are placed on multiples of this: the stride of the last feature map. */
  stride: number;
  augment: AugmentSettings;
  device: string;
  /** Keep landscape and portrait images in different batches, which are then padded less. */
  groupShapes: boolean;
}

export interface Batch {
  /** [B, 3, H, W] */
  images: Tensor;
  targets: Target[];
  /** Where each image lies on the canvas, [B, 4] xyxy; the rest is padding. */
  placed: Float32Array;
  /** Which sample, and how it was drawn. */
  indices: number[];
  augmentations: Augmentation[];
}

/** The batches of an epoch as sample indices; the last batch (of each group) may be smaller. */
export function epochOrder(samples: readonly Sample[], settings: BatchSettings, epoch: number): number[][] {
  const random = createRandom(`${settings.seed}/order/${epoch}`);
  const order = shuffled([...samples.keys()], random);
  const portrait = (i: number) => samples[i].height > samples[i].width;
  const groups = settings.groupShapes ? [order.filter((i) => !portrait(i)), order.filter(portrait)] : [order];
  const batches: number[][] = [];
  for (const group of groups) {
    for (let at = 0; at < group.length; at += settings.batch)
      batches.push(group.slice(at, at + settings.batch));
  }
  return shuffled(batches, random);
}

/** Draws one batch. `step` (over all epochs) seeds the augmentation, so that any batch can be made again. */
export async function makeBatch(
  samples: readonly Sample[],
  store: ImageStore,
  indices: readonly number[],
  settings: BatchSettings,
  step: number,
): Promise<Batch> {
  const images = await timedAsync("waiting", "main", () => Promise.all(indices.map((i) => store.get(i))));
  const random = createRandom(`${settings.seed}/augment/${step}`);
  return timed("augment", () => drawBatch(samples, images, indices, settings, random));
}

/** Draws images that are at hand. */
export function drawBatch(
  samples: readonly Sample[],
  images: readonly RawImage[],
  indices: readonly number[],
  settings: BatchSettings,
  random: () => number,
): Batch {
  const { side, stride, augment } = settings;
  const scaleIndex = sampleScale(random, augment);
  const fit = (scaled: number) => Math.min(toGrid(side), toGrid(scaled));
  const canvas = { width: GRID, height: GRID };
  for (const { width, height } of images) {
    const scale = (side / Math.max(width, height)) * augment.scales[scaleIndex];
    canvas.width = Math.max(canvas.width, fit(Math.round(width * scale)));
    canvas.height = Math.max(canvas.height, fit(Math.round(height * scale)));
  }
  const augmentations = images.map(({ width, height }) =>
    sampleAugmentation(random, augment, width, height, side, stride, scaleIndex, canvas),
  );
  const targets = indices.map((sampleIndex, i) =>
    drawTarget(samples[sampleIndex], images[i], augmentations[i], canvas, augment.minVisible),
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
    images: drawImages(images, augmentations, canvas, settings.device),
    targets,
    placed,
    indices: [...indices],
    augmentations,
  };
}

function drawTarget(
  sample: Sample,
  image: RawImage,
  augmentation: Augmentation,
  canvas: Size,
  minVisible: number,
): Target {
  const boxes = scaleBoxes(sample.boxes, image);
  const drawn = transformBoxes(boxes, augmentation, image.width, canvas, minVisible);
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
