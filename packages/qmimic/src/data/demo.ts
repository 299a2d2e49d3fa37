// A generated data set: seven traffic sign classes in street scenes, in VOC layout, free of third-party rights.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { makeFolders, readText, writeFileAtomic } from "../files.js";
import { mapConcurrent } from "./concurrent.js";
import { drawPicture, type Picture } from "./demo/picture.js";
import { SIGN_CLASSES } from "./demo/signs.js";
import { createRandom } from "./random.js";

export interface DemoOptions {
  /** The same seed gives the same files (with the same version of sharp). Default 1. */
  seed?: number | string;
  /** Images per split. Defaults 280, 40, 80. */
  train?: number;
  val?: number;
  test?: number;
  /** Longest side of the images in pixels, 64 to 2048. Default 320; signs scale with it. */
  side?: number;
  /** Called after each image. */
  onProgress?: (done: number, total: number) => void;
}

export interface DemoSummary {
  root: string;
  classes: string[];
  images: number;
  objects: number;
}

/** Limits: images per split, and longest side in pixels. */
export const MAX_PICTURES = 100_000;
export const MIN_SIDE = 64;
export const MAX_SIDE = 2048;
/** A sign hidden by more than this fraction is marked difficult: it is ignored in evaluation. */
const DIFFICULT_ABOVE = 0.6;
/** Marks a folder as generated, so that no other folder is ever overwritten. */
const MARKER = "generated.json";

/**
 * Draws the set into `root` (created if missing): JPEGImages, Annotations, ImageSets/Main/{train,val,test}.txt.
 * Images have 0 to 6 signs of 14 to 110 px (at 320 px), rotated, shaded, blurred and partly covered; boxes are
 * the full extent of each sign. An image depends only on the seed, the split and its number. Throws InputError
 * for options out of range and if `root` has other files.
 */
export async function generateDemo(root: string, options: DemoOptions = {}): Promise<DemoSummary> {
  const { seed = 1, train = 280, val = 40, test = 80, side = 320, onProgress } = options;
  const counts = { train, val, test };
  check(counts, side);
  await claim(root);
  for (const folder of ["JPEGImages", "Annotations"]) await makeFolders(join(root, folder));
  const lists = join(root, "ImageSets", "Main");
  await makeFolders(lists);
  await writeFileAtomic(join(root, MARKER), `${JSON.stringify({ by: "qmimic", seed, ...counts, side })}\n`);

  const jobs = Object.entries(counts).flatMap(([split, count]) =>
    Array.from({ length: count }, (_, number) => ({ split, number, id: idOf(split, number) })),
  );
  let done = 0;
  let objects = 0;
  // Two at a time: one is compressed on sharp's threads while the next is painted on this one.
  await mapConcurrent(jobs, 2, async ({ split, number, id }) => {
    const picture = await drawPicture(createRandom(`${seed}/${split}/${number}`), side);
    await writeFileAtomic(join(root, "JPEGImages", `${id}.jpg`), picture.jpeg);
    await writeFileAtomic(join(root, "Annotations", `${id}.xml`), annotation(id, picture));
    objects += picture.objects.length;
    onProgress?.(++done, jobs.length);
  });
  for (const split of Object.keys(counts)) {
    const lines = jobs.filter((job) => job.split === split).map(({ id }) => `${id}\n`);
    const path = join(lists, `${split}.txt`);
    if (lines.length > 0) await writeFileAtomic(path, lines.join(""));
    else await rm(path, { force: true });
  }
  return { root, classes: [...SIGN_CLASSES], images: jobs.length, objects };
}

function check(counts: Record<string, number>, side: number): void {
  for (const [split, count] of Object.entries(counts)) {
    if (!Number.isInteger(count) || count < 0 || count > MAX_PICTURES) {
      throw new InputError(`${split} is ${count}; expected an integer from 0 to ${MAX_PICTURES}.`);
    }
  }
  if (!Number.isInteger(side) || side < MIN_SIDE || side > MAX_SIDE) {
    throw new InputError(
      `side is ${side}; expected an integer number of pixels from ${MIN_SIDE} to ${MAX_SIDE}.`,
    );
  }
}

async function claim(root: string): Promise<void> {
  const present = await readdir(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new InputError(`${root}: cannot use this folder: ${error.message}`);
  });
  if (present.length === 0) return;
  const marker = await readText(join(root, MARKER)).catch(() => "");
  if (!marker.includes('"by":"qmimic"')) {
    throw new InputError(
      `${root}: the folder has other files, and the generated ones would mix with them. Choose a new or empty folder.`,
    );
  }
}

function idOf(split: string, number: number): string {
  return `${split}-${String(number + 1).padStart(5, "0")}`;
}

function annotation(id: string, { width, height, objects }: Picture): string {
  const object = ({ name, box, hidden }: Picture["objects"][number]): string => {
    const [xmin, ymin, xmax, ymax] = box.map((value) => Number(value.toFixed(1)));
    return `  <object>
    <name>${name}</name>
    <truncated>${hidden > 0.05 ? 1 : 0}</truncated>
    <difficult>${hidden > DIFFICULT_ABOVE ? 1 : 0}</difficult>
    <bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox>
  </object>
`;
  };
  return `<annotation>
  <filename>${id}.jpg</filename>
  <size><width>${width}</width><height>${height}</height><depth>3</depth></size>
${objects.map(object).join("")}</annotation>
`;
}
