// Decodes every image once, to find damaged images and sizes that differ from the labels.
import { InputError } from "../errors.js";
import { quoted } from "../text.js";
import { mapConcurrent } from "./concurrent.js";
import { decodeImage, type RawImage, sizeMismatch } from "./images.js";
import { withoutName } from "./problems.js";
import type { Problem, Sample } from "./types.js";

const IN_FLIGHT = 4;
/** Images are downscaled while decoding, as in training: 100 million pixels at full size take gigabytes. */
const MAX_SIDE = 1024;

export interface DecodeEachOptions {
  /** Called with each usable image and its path; large ones are downscaled to 1024 px. */
  onImage?: (path: string, image: RawImage) => void;
  onProgress?: (done: number, total: number) => void;
}

/** @returns the problems, in sample order */
export async function decodeEach(
  samples: readonly Sample[],
  { onImage, onProgress }: DecodeEachOptions = {},
): Promise<Problem[]> {
  const byPath = new Map(samples.map((sample) => [sample.imagePath, sample]));
  let done = 0;
  const problems = await mapConcurrent([...byPath.values()], IN_FLIGHT, async (sample) => {
    const { imagePath: file, id } = sample;
    try {
      const image = await decodeImage(file, { maxSide: MAX_SIDE });
      const actual = { width: image.originalWidth, height: image.originalHeight };
      const message = sizeMismatch(sample, actual, `the annotation of ${quoted(id)}`);
      if (message !== undefined) return [{ file, message }];
      onImage?.(file, image);
      return [];
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return [{ file, message: withoutName(error.message, file) }];
    } finally {
      onProgress?.(++done, byPath.size);
    }
  });
  return problems.flat();
}
