// Writes a data set in another format, and lists what is lost.
import { constants } from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { InputError } from "../../errors.js";
import { makeFolders, writeFolderAtomic } from "../../files.js";
import { quoted } from "../../text.js";
import { mapConcurrent } from "../concurrent.js";
import { type DataFolder, listClasses, readLabels, readSplit } from "../dataset.js";
import { endingOf } from "../endings.js";
import type { LabelWriter, Outgoing, OutSample, OutSplit } from "./types.js";
import { writeCoco } from "./writeCoco.js";
import { writeVoc } from "./writeVoc.js";
import { writeYolo } from "./writeYolo.js";

export const TARGETS = ["voc", "coco", "yolo"] as const;
export type Target = (typeof TARGETS)[number];

const WRITERS: Readonly<Record<Target, LabelWriter>> = { voc: writeVoc, coco: writeCoco, yolo: writeYolo };

export interface ConvertOptions {
  to: Target;
  /** The new folder; a number is appended if it exists. */
  out: string;
  skipBad?: boolean;
  onProgress?: (done: number, total: number) => void;
}

export interface Conversion extends Outgoing {
  /** The folder that was written. */
  folder: string;
  /** What the new labels lack. */
  lost: string[];
}

/**
 * Writes all splits of a folder in another format; images are copied. Reading the new folder gives the same
 * samples in the same order, except for `lost`.
 * @throws InputError as readSplit does, and if the folder cannot be written; then nothing of it is left
 */
export async function convertDataset(
  data: DataFolder,
  { to, out, skipBad = false, onProgress }: ConvertOptions,
): Promise<Conversion> {
  const { splits } = data.source;
  // A class missing from the declared list (one only in val) is written too.
  const declared = (await data.source.classes()) ?? [];
  const classes = [...new Set([...declared, ...(await listClasses(data, splits, { skipBad }))])];
  const lost = await unreadOf(data, skipBad);
  const read: ReadSplit[] = [];
  for (const name of splits) {
    const { images } = await readLabels(data, name, { skipBad });
    if (skipBad && images.length === 0) {
      lost.push(`split ${name}: none of its images is usable`);
      continue;
    }
    const { samples } = await readSplit(data, name, { classes, skipBad });
    const objectsOf = new Map(images.map(({ id, objects }) => [id, objects]));
    const marked = samples.map((sample) => ({
      ...sample,
      marks: objectsOf.get(sample.id)!.map(({ marks = [] }) => marks),
    }));
    read.push({ name, samples: marked });
  }
  const named = nameImages(flatNames(read, lost), to !== "coco");
  if (named.renamed) lost.push("original ids: splits share image ids, so each id is prefixed with its split");
  const writer = WRITERS[to];
  const outgoing: Outgoing = { classes, splits: named.splits };
  const folder = await writeFolderAtomic(out, async (temporary) => {
    lost.push(...(await writer.write(temporary, outgoing)));
    await copyImages(join(temporary, writer.images), named.splits, onProgress);
  });
  return { folder, lost, ...outgoing };
}

interface ReadSplit {
  name: string;
  samples: readonly Omit<OutSample, "name">[];
}

/** Splits by names without "/", which are used as names of files. */
function flatNames(splits: readonly ReadSplit[], lost: string[]): ReadSplit[] {
  const taken = new Set(splits.map(({ name }) => name).filter((name) => !name.includes("/")));
  return splits.map((split) => {
    if (!split.name.includes("/")) return split;
    const flat = split.name.replaceAll("/", "-");
    let name = flat;
    for (let number = 2; taken.has(name); number++) name = `${flat}-${number}`;
    taken.add(name);
    lost.push(`split ${split.name}: written as ${name}`);
    return { ...split, name };
  });
}

async function unreadOf(data: DataFolder, skipBad: boolean): Promise<string[]> {
  const counts = new Map<string, number>();
  const { splits, isSplitByLists = false } = data.source;
  for (const split of isSplitByLists ? splits.slice(0, 1) : splits) {
    for (const [what, count] of (await readLabels(data, split, { skipBad })).findings.unreadCounts) {
      counts.set(what, (counts.get(what) ?? 0) + count);
    }
  }
  return [...counts].map(([what, count]) => `${what}: ${count}`);
}

/**
 * Image names in the new folder: their ids, prefixed with the split if two splits have different images or labels of one id.
 * @param shared whether splits share the labels of an image: if they differ, it is copied for each
 */
function nameImages(
  splits: readonly ReadSplit[],
  shared: boolean,
): {
  splits: OutSplit[];
  renamed: boolean;
} {
  const paths = new Map<string, string>();
  const labelled = new Map<string, string>();
  let renamed = false;
  for (const { samples } of splits) {
    for (const { id, imagePath, boxes, labels, difficult, marks } of samples) {
      if (id !== id.trim() || /[\r\n]/.test(id)) {
        throw new InputError(
          `${imagePath}: the name ${quoted(id)} begins or ends with a space, or contains a line break, which image lists cannot represent. Rename the image.`,
        );
      }
      // Some file systems are case-insensitive.
      const key = id.toLowerCase();
      if ((paths.get(key) ?? imagePath) !== imagePath) renamed = true;
      paths.set(key, imagePath);
      const objects = shared ? JSON.stringify([[...boxes], [...labels], [...difficult], marks]) : "";
      if ((labelled.get(key) ?? objects) !== objects) renamed = true;
      labelled.set(key, objects);
    }
  }
  const out = splits.map(({ name, samples }) => ({
    name,
    samples: samples.map((sample) => ({
      ...sample,
      name: `${renamed ? `${name}/` : ""}${sample.id}.${endingOf(sample.imagePath)}`,
    })),
  }));
  return { splits: out, renamed };
}

async function copyImages(
  folder: string,
  splits: readonly OutSplit[],
  onProgress?: (done: number, total: number) => void,
): Promise<void> {
  const places = new Map(
    splits.flatMap(({ samples }) => samples.map(({ name, imagePath }) => [name, imagePath])),
  );
  for (const above of new Set([...places.keys()].map((name) => dirname(join(folder, name))))) {
    await makeFolders(above);
  }
  let done = 0;
  await mapConcurrent([...places], 8, async ([name, path]) => {
    // A copy-on-write clone if the file system supports it.
    await copyFile(path, join(folder, name), constants.COPYFILE_FICLONE);
    onProgress?.(++done, places.size);
  });
}
