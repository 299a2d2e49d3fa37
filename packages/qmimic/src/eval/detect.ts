// Runs a detector on the images of a data set, and scores it with the VOC protocol.
import { setImmediate as turn } from "node:timers/promises";
import type { Detections, Size } from "@qmimic/runtime";
import { scope } from "@qmimic/torch";
import { drawWhole } from "../data/drawing.js";
import { drawFixed } from "../data/fixedInput.js";
import { createImageStore, type ImageStore } from "../data/imageStore.js";
import type { RawImage } from "../data/images.js";
import type { Dataset, Sample } from "../data/types.js";
import { namingFile } from "../finite.js";
import type { Detector } from "../models/index.js";
import type { ImageDetections, ImageGroundTruth } from "./types.js";
import { evaluateVoc, type VocOptions, type VocResult } from "./voc.js";

const BATCH = 8;

/** A detector for detectSamples. @param input see detectImages */
export const detectWith =
  (detector: Detector, device = "cpu", input?: Size): DetectImages =>
  (images) =>
    detectImages(detector, images, device, input);

/** Detections in one image, in pixels of its file. */
export interface SampleDetections extends Detections {
  id: string;
}

/** Detects objects in decoded images; boxes are in pixels of the files (before downscaling during decoding). */
export type DetectImages = (images: readonly RawImage[]) => Detections[] | Promise<Detections[]>;

/**
 * Detects objects in images of any size; boxes are in pixels of the files (before downscaling during decoding).
 * @param input fixed input size in pixels, multiples of GRID, into which images are fitted. Default: the
 * images' size at the detector's longest side
 */
export function detectImages(
  detector: Detector,
  images: readonly RawImage[],
  device = "cpu",
  input?: Size,
): Detections[] {
  detector.eval();
  const { found, augmentations } = scope(() => {
    const { batch, sizes, augmentations } = input
      ? drawFixed(images, input, device)
      : drawWhole(images, detector.config.side, device);
    return { found: namingFile(detector, () => detector.detect(batch, sizes)), augmentations };
  });
  found.forEach(({ boxes }, i) => {
    const { originalWidth, originalHeight, width, height } = images[i];
    // Two factors: downscaling during decoding rounds each side to whole pixels.
    const perPixelX = originalWidth / (width * augmentations[i].scale);
    const perPixelY = originalHeight / (height * augmentations[i].scale);
    for (let k = 0; k < boxes.length; k += 2) {
      boxes[k] = Math.min(originalWidth, boxes[k] * perPixelX);
      boxes[k + 1] = Math.min(originalHeight, boxes[k + 1] * perPixelY);
    }
  });
  return found;
}

/** Detections in every image of `samples`, in order. Images of the same size are batched. */
export async function detectSamples(
  detect: DetectImages,
  samples: readonly Sample[],
  store: ImageStore,
): Promise<SampleDetections[]> {
  const order = samples
    .map(({ width, height }, index) => ({ index, shape: width * 1e6 + height }))
    .sort((a, b) => a.shape - b.shape || a.index - b.index);
  const found: SampleDetections[] = new Array(samples.length);
  for (let at = 0; at < order.length; ) {
    let end = at + 1;
    while (end < order.length && end - at < BATCH && order[end].shape === order[at].shape) end++;
    const indices = order.slice(at, end).map((entry) => entry.index);
    store.prefetch(order.slice(end, end + BATCH).map((entry) => entry.index));
    const images = await Promise.all(indices.map((i) => store.get(i)));
    // Lets signal handlers run.
    await turn();
    (await detect(images)).forEach((detections, i) => {
      found[indices[i]] = { id: samples[indices[i]].id, ...detections };
    });
    at = end;
  }
  return found;
}

const MEMORY = 2 ** 31;

/**
 * Like detectSamples, with the speed from decoded images to boxes: images are decoded first, so that only the
 * detector is timed (if they fit into 2 GiB).
 * @param maxSide longest side of decoded images, in pixels
 */
export async function detectTimed(
  detect: DetectImages,
  samples: readonly Sample[],
  maxSide: number,
): Promise<{ found: SampleDetections[]; imagesPerSecond: number }> {
  const store = createImageStore(samples, { maxSide, memoryBudgetBytes: MEMORY });
  store.prefetch(samples.keys());
  for (const i of samples.keys()) await store.get(i);
  // The first calls also plan the convolutions.
  await detectSamples(detect, samples.slice(0, BATCH), store);
  const started = performance.now();
  const found = await detectSamples(detect, samples, store);
  return { found, imagesPerSecond: (1000 * samples.length) / (performance.now() - started) };
}

/** Ground truth and detections for the evaluators: labels counted from 0. */
export function evaluationInputs(
  dataset: Dataset,
  found: readonly SampleDetections[],
): { groundTruths: ImageGroundTruth[]; detections: ImageDetections[] } {
  const minusOne = (labels: Int32Array) => labels.map((label) => label - 1);
  return {
    groundTruths: dataset.samples.map(({ id, boxes, labels, difficult }) => ({
      id,
      boxes,
      labels: minusOne(labels),
      difficult,
    })),
    detections: found.map(({ id, boxes, scores, labels }) => ({
      id,
      boxes,
      scores,
      labels: minusOne(labels),
    })),
  };
}

/** VOC average precision of detections. @see evaluateVoc for the options */
export function scoreDetections(
  dataset: Dataset,
  found: readonly SampleDetections[],
  options: Partial<VocOptions> = {},
): VocResult {
  const { groundTruths, detections } = evaluationInputs(dataset, found);
  return evaluateVoc(groundTruths, detections, { classes: dataset.classes, ...options });
}
