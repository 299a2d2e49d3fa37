// The frozen teacher's maps, computed once per image, flip and scale, and stored as dictionary codes in a file.
// The teacher sees whole images without photometric augmentation; the student's crops are cut from its maps.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { noGrad, scope, type Tensor } from "@qmimic/torch";
import type { Augmentation } from "../data/augment.js";
import { hashImages } from "../data/contentHashes.js";
import { drawWhole, type View } from "../data/drawing.js";
import type { ImageStore } from "../data/imageStore.js";
import type { RawImage } from "../data/images.js";
import { withLock } from "../data/lock.js";
import { openRecordFile, type RecordFile, recordName, type StoredRecord } from "../data/recordFile.js";
import type { Sample } from "../data/types.js";
import { InputError, reasonOf } from "../errors.js";
import type { Detector, Quantizer } from "../models/index.js";
import { readMaps } from "../native/readMaps.js";
import { cellsAsChannels } from "./acrossScales.js";
import { encodeFeatures, storedDtype } from "./dictionary.js";

/** A batch: its samples, their augmentation, and the drawn images, [B, 3, H, W]. */
export interface DrawnSamples {
  indices: readonly number[];
  augmentations: readonly Augmentation[];
  images: Tensor;
}

export interface TeacherMaps {
  readonly channels: number;
  /** Total size of the maps in bytes. */
  readonly bytes: number;
  /**
   * The maps of a batch, [B, channels, height, width], placed like the images; 0 outside.
   * @throws InputError if the file is damaged
   */
  batch(samples: DrawnSamples, height: number, width: number): Tensor;
  /** Closes the file; batch() must not be called afterwards. */
  close(): void;
}

export interface MapOptions {
  /** Quantizer for storing the maps: the teacher's, or another. */
  quantizer: Quantizer;
  /** Longest side of an image at scale 1 in the student's input, and the scales. */
  side: number;
  /**
   * Size of the teacher's input relative to the student's. With 2, a cell has the values of the 2 x 2 cells of
   * the teacher's map that it covers as channels (pixel_unshuffle), so the map has the student's cells.
   */
  teacherScale: number;
  scales: readonly number[];
  /** [false], [true], or both: not flipped, flipped. */
  flips: readonly boolean[];
  /** Folder for the file; runs with the same maps share it. */
  cache: string;
  device: string;
}

export interface MapReport {
  maps(done: number, total: number): void;
  say(text: string): void;
}

const BATCH = 4;
/** The largest dictionary index in a byte; larger activations saturate. */
const LAST_CODE = 255;
/** Increment when the computation from a file's pixels to a map changes, to invalidate older files. */
const PREPROCESSING = 2;

/** A teacher, and the images it sees. */
export interface MapSource {
  teacher: Detector;
  samples: readonly Sample[];
  store: ImageStore;
}

/** The maps of every image, flip and scale: read from the file, or computed if missing. */
export async function openTeacherMaps(
  source: MapSource,
  options: MapOptions,
  report: MapReport,
): Promise<TeacherMaps> {
  const { teacher, samples } = source;
  const key = await checksum(teacher, samples, options);
  const path = join(options.cache, `teacher-maps-${key.slice(0, 16)}.bin`);
  const file = await withLock(
    `${path}.lock`,
    () => report.say(`waiting for another run that is computing ${path}`),
    async () => {
      const opened = openRecordFile(path, key);
      try {
        if (opened.damaged > 0)
          report.say(`${path}: damaged, maps lost: ${opened.damaged}; computing them again`);
        await complete(opened, source, options, report);
        return opened;
      } catch (error) {
        opened.close();
        throw error;
      }
    },
  );
  const { outputStride } = teacher.config;
  const channels = teacher.backbone.outChannels * options.teacherScale ** 2;
  const dtype = storedDtype(options.quantizer);
  return {
    channels,
    bytes: [...file.records.values()].reduce((sum, record) => sum + record.bytes, 0),
    batch({ indices, augmentations }, height, width) {
      const maps = indices.map((sample, i) => {
        const { scaleIndex, flip } = augmentations[i];
        return file.records.get(recordName(sample, viewNumber(scaleIndex, flip)))!;
      });
      const rows = augmentations.map(({ offsetY }) => offsetY / outputStride);
      const columns = augmentations.map(({ offsetX }) => offsetX / outputStride);
      const shape = [channels, height, width] as const;
      const read = () => {
        try {
          return readMaps(file.descriptor, maps, { rows, columns }, { shape, dtype });
        } catch (error) {
          const damage = damageOf(file, maps);
          if (damage === null) throw error;
          throw new InputError(
            `${damage}. Remove the file and use --resume: the maps will be computed again`,
          );
        }
      };
      return scope(() => read().to(options.device));
    },
    close: () => file.close(),
  };
}

/** A message on the first damaged record; null if all are intact. */
function damageOf(file: RecordFile, records: readonly StoredRecord[]): string | null {
  try {
    for (const record of records) file.read(record);
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

const viewNumber = (scaleIndex: number, flip: boolean): number => 2 * scaleIndex + Number(flip);

/**
 * Hash of everything that the maps depend on: the teacher's weights and dictionary, the image files, the views.
 */
async function checksum(
  teacher: Detector,
  samples: readonly Sample[],
  { quantizer, side, teacherScale, scales, flips, cache }: MapOptions,
): Promise<string> {
  const hash = createHash("sha256");
  const { backbone, outputStride } = teacher.config;
  const views = { side, scales, flips, ...(teacherScale === 1 ? {} : { teacherScale }) };
  hash.update(JSON.stringify({ PREPROCESSING, backbone, outputStride, quantizer, ...views }));
  for (const { name, tensor: weights } of teacher.backbone.named()) {
    hash.update(name).update(new Uint8Array(weights.toFloat32().buffer));
  }
  return (await hashImages(hash, samples, cache)).digest("hex");
}

/** Computes the maps missing in the file. */
async function complete(
  file: RecordFile,
  { teacher, samples, store }: MapSource,
  options: MapOptions,
  report: MapReport,
): Promise<void> {
  teacher.eval();
  const { scales, flips } = options;
  const views = scales.flatMap((factor, scaleIndex) => flips.map((flip) => ({ factor, scaleIndex, flip })));
  const total = samples.length * views.length;
  let saturated = 0;
  for (const indices of equalSizeBatches(samples)) {
    const missing = views.filter(({ scaleIndex, flip }) =>
      indices.some((i) => !file.records.has(recordName(i, viewNumber(scaleIndex, flip)))),
    );
    if (missing.length === 0) continue;
    const images = await Promise.all(indices.map((i) => store.get(i)));
    for (const view of missing) {
      const { maps, height, width } = runTeacher(teacher, images, view, options);
      maps.forEach((map, i) => {
        const number = viewNumber(view.scaleIndex, view.flip);
        if (options.quantizer.kind === "uniform" && map.includes(LAST_CODE)) saturated++;
        if (!file.records.has(recordName(indices[i], number)))
          file.append(indices[i], number, { height, width, data: map });
      });
      report.maps(file.records.size, total);
    }
  }
  if (saturated > 0 && options.quantizer.kind === "uniform") {
    const { stride } = options.quantizer;
    report.say(
      `${saturated} teacher maps reach ${(LAST_CODE * stride).toPrecision(3)}, the largest dictionary entry that is stored; larger activations were saturated. Choose a larger quantizer-stride (now ${stride}), or auto`,
    );
  }
}

/** Batches of images of the same size: no padding, and each map depends only on its image. */
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

/** The maps of images of the same size in one view, as bytes of [channels, height, width] each. */
function runTeacher(
  teacher: Detector,
  images: readonly RawImage[],
  view: View,
  { quantizer, side, teacherScale, device }: MapOptions,
): { maps: Uint8Array[]; height: number; width: number } {
  const { outputStride } = teacher.config;
  const { all, canvas } = noGrad(() =>
    scope(() => {
      const { batch, canvas } = drawWhole(images, side, device, {
        ...view,
        factor: view.factor * teacherScale,
      });
      const features = cellsAsChannels(teacher.backbone.forward(batch), teacherScale);
      return { all: encodeFeatures(features, quantizer).toArray(), canvas };
    }),
  );
  const length = all.byteLength / images.length;
  const maps = images.map((_, i) => new Uint8Array(all.buffer, i * length, length));
  const cell = outputStride * teacherScale;
  return { maps, height: canvas.height / cell, width: canvas.width / cell };
}
