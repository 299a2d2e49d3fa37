// Decoded images: in memory up to a budget, the rest decoded ahead of need, or read back from a file.
import { InputError } from "../errors.js";
import { timedAsync } from "../profile.js";
import { quoted } from "../text.js";
import { type DecodeOptions, decodeImage, type RawImage, sizeMismatch } from "./images.js";
import type { PixelFile } from "./pixelFile.js";
import type { Sample } from "./types.js";

/** Bytes that may still be kept; stores can share one. */
export interface MemoryBudget {
  bytes: number;
}

export interface ImageStoreOptions extends DecodeOptions {
  /** Bytes of decoded images kept for good. Default 1 GiB. Once full, further images are decoded at every use. */
  memoryBudgetBytes?: number;
  /** Instead: what is left for several stores together. */
  budget?: MemoryBudget;
  /** Where images beyond the budget are kept; without it they are decoded at every use. */
  file?: PixelFile;
  /** Images decoded at the same time ahead of need. Default 4, the size of libuv's thread pool. */
  inFlight?: number;
  /** Images beyond the budget that may wait, decoded, for their `get`; further ones are decoded later. Default 64. */
  maxWaiting?: number;
}

export interface ImageStore {
  /**
   * The image of samples[index]. Rejects with InputError when it cannot be decoded, or when its size is not the
   * one the sample states. Do not write into the result: others share it.
   */
  get(index: number): Promise<RawImage>;
  /** Starts decoding, in this order, what is not in memory. Failures are kept for the `get` of that image. */
  prefetch(indices: Iterable<number>): void;
  /** Bytes of decoded images kept for good at the moment. */
  readonly bytes: number;
}

/** Two stores as one: the images of the second follow the `count` of the first. */
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
 * A store over `samples`. What fits the budget is kept and never evicted: with epochs in random order a fixed part
 * in memory saves that part of the decoding, where a least-recently-used cache would save almost nothing.
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
  /** Running or finished decodings nobody has asked for yet, oldest first. */
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
        // In memory for good: it need not wait as well.
        if (kept.has(index)) waiting.delete(index);
        pump();
      });
      promise.catch(() => {}); // Reported by get; without this Node would end the process.
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
        // What waits was not what is needed: make room, or images nobody asks for would block the queue for ever.
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
