// Decoded images: in memory up to a budget, the rest prefetched, or read back from a file.
import { InputError } from "../errors.js";
import { timedAsync } from "../profile.js";
import { quoted } from "../text.js";
import { type DecodeOptions, decodeImage, type RawImage, sizeMismatch } from "./images.js";
import type { PixelFile } from "./pixelFile.js";
import type { Sample } from "./types.js";

/** Bytes left in the budget; stores can share it. */
export interface MemoryBudget {
  bytes: number;
}

export interface ImageStoreOptions extends DecodeOptions {
  /**
   * Bytes of decoded images kept in memory. Default 1 GiB. Once full, further images are decoded at every use.
   */
  memoryBudgetBytes?: number;
  /** Instead: a budget shared between stores. */
  budget?: MemoryBudget;
  /** Where images beyond the budget are stored; without it they are decoded at every use. */
  file?: PixelFile;
  /** Images decoded concurrently when prefetching. Default 4, the size of libuv's thread pool. */
  inFlight?: number;
  /** Maximum prefetched images beyond the budget that wait for their `get`. Default 64. */
  maxWaiting?: number;
}

export interface ImageStore {
  /**
   * The image of samples[index]. Rejects with InputError if it cannot be decoded, or its size differs from the
   * sample's. Do not modify the result: it is shared.
   */
  get(index: number): Promise<RawImage>;
  /** Starts decoding, in this order, images not in memory. Errors are kept for the `get` of that image. */
  prefetch(indices: Iterable<number>): void;
  /** Bytes of decoded images in memory. */
  readonly bytes: number;
}

/** Concatenates two stores: the first has `count` images. */
export const joinStores = (first: ImageStore, count: number, second: ImageStore): ImageStore => ({
  get: (index) => (index < count ? first.get(index) : second.get(index - count)),
  prefetch(indices) {
    const all = [...indices];
    first.prefetch(all.filter((index) => index < count));
    second.prefetch(all.filter((index) => index >= count).map((index) => index - count));
  },
  get bytes() {
    return first.bytes + second.bytes;
  },
});

/**
 * A store over `samples`. What fits the budget is kept and never evicted: with epochs in random order, a fixed
 * fraction in memory saves that fraction of the decoding, while an LRU cache would save almost nothing.
 */
export function createImageStore(samples: readonly Sample[], options: ImageStoreOptions = {}): ImageStore {
  const {
    memoryBudgetBytes = 2 ** 30,
    budget = { bytes: memoryBudgetBytes },
    file,
    inFlight = 4,
    maxWaiting = 64,
  } = options;
  const kept = new Map<number, RawImage>();
  /** Running or finished prefetches not yet requested, oldest first. */
  const waiting = new Map<number, Promise<RawImage>>();
  const queue = new Set<number>();
  let running = 0;
  let bytes = 0;

  const load = async (index: number): Promise<RawImage> => {
    const sample = samples[index];
    if (sample === undefined) throw new RangeError(`image ${index} of ${samples.length}`);
    const image =
      file?.read(index) ??
      (await timedAsync("decode", "beside", () => decodeImage(sample.imagePath, options)));
    const actual = { width: image.originalWidth, height: image.originalHeight };
    const mismatch = sizeMismatch(sample, actual, `the annotation of ${quoted(sample.id)}`);
    if (mismatch !== undefined) throw new InputError(`${sample.imagePath}: ${mismatch}`);
    if (!kept.has(index) && image.data.byteLength <= budget.bytes) {
      kept.set(index, image);
      budget.bytes -= image.data.byteLength;
      bytes += image.data.byteLength;
    } else if (!kept.has(index)) {
      file?.append(index, image);
    }
    return image;
  };

  const pump = (): void => {
    for (const index of queue) {
      if (running >= inFlight || waiting.size >= maxWaiting) return;
      queue.delete(index);
      if (kept.has(index) || waiting.has(index)) continue;
      running++;
      const promise = load(index).finally(() => {
        running--;
        // Kept in memory: no need to keep it as a prefetch too.
        if (kept.has(index)) waiting.delete(index);
        pump();
      });
      promise.catch(() => {}); // Reported by get; without this, Node would end the process.
      waiting.set(index, promise);
    }
  };

  return {
    async get(index) {
      const image = kept.get(index);
      if (image !== undefined) return image;
      const ahead = waiting.get(index);
      if (ahead === undefined) {
        queue.delete(index);
        // The prefetched images were not the ones needed: make room, or unrequested images would block the
        // queue forever.
        if (waiting.size >= maxWaiting) waiting.delete(waiting.keys().next().value!);
      } else {
        waiting.delete(index);
      }
      const promise = ahead ?? load(index);
      pump();
      return promise;
    },
    prefetch(indices) {
      for (const index of indices) if (!kept.has(index)) queue.add(index);
      pump();
    },
    get bytes() {
      return bytes;
    },
  };
}
