// The frozen teacher's maps, computed once: one for each image, its mirror image and each scale, as dictionary codes.
// The teacher sees the images without photometric noise and whole; the student's crops are cut out of its maps.
import { noGrad, scope, type Tensor, type TypedArray, tensor } from "@qmimic/torch";
import { type Augmentation, NO_AUGMENTATION, sampleAugmentation } from "../data/augment.js";
import { drawImages } from "../data/drawing.js";
import type { ImageStore } from "../data/imageStore.js";
import type { RawImage } from "../data/images.js";
import type { Sample } from "../data/types.js";
import type { FasterRcnn } from "../models/fasterRcnn.js";
import { encodeFeatures, storedDtype } from "./dictionary.js";

interface StoredMap {
  /** [channels, height, width] */
  data: Uint8Array | Uint16Array;
  height: number;
  width: number;
}

export interface TeacherMaps {
  readonly channels: number;
  /** Bytes that all maps take. */
  readonly bytes: number;
  /** The maps of a batch, [B, channels, height, width], placed as the images were; 0 beyond their own canvas. */
  batch(
    indices: readonly number[],
    augmentations: readonly Augmentation[],
    height: number,
    width: number,
  ): Tensor;
}

const BATCH = 8;
const GRID = 32;

export interface MapOptions {
  /** Longest side of an image at scale 1, and the factors on it. */
  side: number;
  scales: readonly number[];
  /** [false], [true], or both: not mirrored, mirrored. */
  flips: readonly boolean[];
}

/** Runs the teacher over every image, mirrored and not, at every scale. `progress` hears of the share done. */
export async function computeTeacherMaps(
  teacher: FasterRcnn,
  samples: readonly Sample[],
  store: ImageStore,
  { side, scales, flips }: MapOptions,
  device: string,
  progress: (done: number, total: number) => void,
): Promise<TeacherMaps> {
  teacher.eval();
  const { outputStride, quantizer } = teacher.config;
  const channels = teacher.backbone.outChannels;
  const maps = new Map<string, StoredMap>();
  const views = scales.flatMap((factor, scaleIndex) => flips.map((flip) => ({ factor, scaleIndex, flip })));
  const total = samples.length * views.length;
  let bytes = 0;
  for (const indices of equalSizeBatches(samples)) {
    const images = await Promise.all(indices.map((i) => store.get(i)));
    for (const view of views) {
      runTeacher(teacher, images, side, view, device).forEach((map, i) => {
        bytes += map.data.byteLength;
        maps.set(key(indices[i], view), map);
      });
      progress(maps.size, total);
    }
  }
  const dtype = storedDtype(quantizer);
  return {
    channels,
    bytes,
    batch(indices, augmentations, height, width) {
      const plane = height * width;
      const length = indices.length * channels * plane;
      const target: TypedArray = dtype === "uint8" ? new Uint8Array(length) : new Uint16Array(length);
      indices.forEach((sample, i) => {
        const map = maps.get(key(sample, augmentations[i]))!;
        const dx = augmentations[i].offsetX / outputStride;
        const dy = augmentations[i].offsetY / outputStride;
        place(
          map,
          target.subarray(i * channels * plane, (i + 1) * channels * plane),
          channels,
          height,
          width,
          dx,
          dy,
        );
      });
      return tensor(target, [indices.length, channels, height, width], dtype).to(device);
    },
  };
}

const key = (sample: number, { scaleIndex, flip }: Pick<Augmentation, "scaleIndex" | "flip">): string =>
  `${sample}/${scaleIndex}/${flip}`;

/** Batches of images of one size: they need no padding, and a map depends on its image alone. */
function equalSizeBatches(samples: readonly Sample[]): number[][] {
  const groups = new Map<string, number[]>();
  samples.forEach(({ width, height }, i) => {
    const size = `${width}x${height}`;
    const group = groups.get(size);
    if (group) group.push(i);
    else groups.set(size, [i]);
  });
  return [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / BATCH) }, (_, b) =>
      group.slice(b * BATCH, (b + 1) * BATCH),
    ),
  );
}

/** The maps of images of one size in one view. */
function runTeacher(
  teacher: FasterRcnn,
  images: readonly RawImage[],
  side: number,
  { factor, scaleIndex, flip }: { factor: number; scaleIndex: number; flip: boolean },
  device: string,
): StoredMap[] {
  const { outputStride, quantizer } = teacher.config;
  const { width, height } = images[0];
  const plain = sampleAugmentation(() => 0, NO_AUGMENTATION, width, height, side, outputStride);
  const augmentation = { ...plain, scale: plain.scale * factor, scaleIndex, flip };
  const up = (length: number) => Math.ceil(Math.round(length * augmentation.scale) / GRID) * GRID;
  const canvas = { width: up(width), height: up(height) };
  const size = { height: canvas.height / outputStride, width: canvas.width / outputStride };
  const all = noGrad(() =>
    scope(() => {
      const drawn = drawImages(images, Array(images.length).fill(augmentation), canvas, device);
      return encodeFeatures(teacher.backbone.forward(drawn), quantizer).toArray();
    }),
  ) as Uint8Array | Uint16Array;
  const length = all.length / images.length;
  return images.map((_, i) => ({ data: all.slice(i * length, (i + 1) * length), ...size }));
}

/** Copies a map into a larger or smaller one with its corner at (dx, dy), in cells. */
function place(
  map: StoredMap,
  target: TypedArray,
  channels: number,
  height: number,
  width: number,
  dx: number,
  dy: number,
): void {
  const x0 = Math.max(0, dx);
  const x1 = Math.min(width, dx + map.width);
  const y0 = Math.max(0, dy);
  const y1 = Math.min(height, dy + map.height);
  if (x1 <= x0) return;
  for (let c = 0; c < channels; c++) {
    for (let y = y0; y < y1; y++) {
      const from = (c * map.height + y - dy) * map.width - dx;
      (target as Uint8Array).set(
        map.data.subarray(from + x0, from + x1) as Uint8Array,
        (c * height + y) * width + x0,
      );
    }
  }
}
