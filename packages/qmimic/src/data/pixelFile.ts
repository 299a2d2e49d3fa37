// Decoded, reduced images in a file: for sets that do not fit in memory. Reading goes through the operating system's
// page cache, so what there is room for is still in memory, and runs share it.
import { createHash } from "node:crypto";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { RawImage } from "./images.js";
import { openRecordFile, type RecordFile, recordName } from "./recordFile.js";
import type { Sample } from "./types.js";

export interface PixelFile {
  /** The image of samples[index], or undefined when the file does not hold it. */
  read(index: number): RawImage | undefined;
  /** One process at a time may append (see withLock), and none may open the file meanwhile. */
  append(index: number, image: RawImage): void;
}

/**
 * A file in `folder` for these images at this size; it is opened when it is first needed. Images whose path, size or
 * time of change differ have a file of their own.
 * @param maxSide see DecodeOptions
 */
export function createPixelFile(folder: string, samples: readonly Sample[], maxSide: number): PixelFile {
  let opened: RecordFile | null = null;
  const open = (): RecordFile => {
    if (opened) return opened;
    mkdirSync(folder, { recursive: true });
    const key = checksum(samples, maxSide);
    opened = openRecordFile(join(folder, `images-${key.slice(0, 16)}.bin`), key);
    return opened;
  };
  return {
    read(index) {
      const file = open();
      const record = file.records.get(recordName(index, 0));
      if (!record) return undefined;
      const { width, height } = record;
      // The annotation's size is the file's: it was compared when the image was decoded.
      const { width: originalWidth, height: originalHeight } = samples[index];
      return { data: file.read(record), width, height, originalWidth, originalHeight };
    },
    append(index, { data, width, height }) {
      const file = open();
      if (!file.records.has(recordName(index, 0))) file.append(index, 0, height, width, data);
    },
  };
}

function checksum(samples: readonly Sample[], maxSide: number): string {
  const hash = createHash("sha256").update(`pixels ${maxSide}`);
  for (const { imagePath } of samples) {
    const found = statSync(imagePath, { throwIfNoEntry: false });
    hash.update(`\n${imagePath} ${found?.size} ${found?.mtimeMs}`);
  }
  return hash.digest("hex");
}
