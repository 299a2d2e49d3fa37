// Decoded, downscaled images in a file, for sets that do not fit in memory. Reading goes through the page
// cache, which keeps what fits in memory and is shared by runs.
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { fileState } from "./contentHashes.js";
import type { RawImage } from "./images.js";
import { openRecordFile, type RecordFile, recordName } from "./recordFile.js";
import type { Sample } from "./types.js";

export interface PixelFile {
  /** The image of samples[index], or undefined if the file does not have it, or it is damaged. */
  read(index: number): RawImage | undefined;
  append(index: number, image: RawImage): void;
}

/**
 * A file in `folder` for these images at this size, opened on first use. If an image's path, size,
 * modification time or stated sides change, another file is used.
 * @param maxSide see DecodeOptions
 * @param say called once if the file is damaged
 */
export function createPixelFile(
  folder: string,
  samples: readonly Sample[],
  maxSide: number,
  say: (text: string) => void,
): PixelFile {
  let opened: RecordFile | null = null;
  let told = false;
  const open = (): RecordFile => {
    if (opened) return opened;
    mkdirSync(folder, { recursive: true });
    const key = checksum(samples, maxSide);
    const path = join(folder, `images-${key.slice(0, 16)}.bin`);
    opened = openRecordFile(path, key);
    if (opened.damaged > 0) tell(`${path}: the index is damaged: images lost: ${opened.damaged}`);
    return opened;
  };
  const tell = (what: string): void => {
    if (!told) say(`${what}. Lost images are decoded again`);
    told = true;
  };
  return {
    read(index) {
      const file = open();
      const record = file.records.get(recordName(index, 0));
      if (!record) return undefined;
      const { width, height } = record;
      // The annotation's size is correct: it was checked when the image was decoded.
      const { width: originalWidth, height: originalHeight } = samples[index];
      try {
        return { data: file.read(record), width, height, originalWidth, originalHeight };
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        tell(error.message);
        file.records.delete(recordName(index, 0));
        return undefined;
      }
    },
    append(index, image) {
      const file = open();
      if (!file.records.has(recordName(index, 0))) file.append(index, 0, image);
    },
  };
}

function checksum(samples: readonly Sample[], maxSide: number): string {
  const hash = createHash("sha256").update(`pixels ${maxSide}`);
  // With the stated size: read() trusts it.
  for (const { imagePath, width, height } of samples)
    hash.update(`\n${imagePath} ${fileState(imagePath)} ${width} ${height}`);
  return hash.digest("hex");
}
