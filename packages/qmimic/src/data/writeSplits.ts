// qmimic data split: writes lists of train, val and test for a set without splits.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import { type DataFolder, openData, readSplit } from "./dataset.js";
import { divideSamples } from "./holdOut.js";
import { WHOLE } from "./splitNames.js";
import { SPLITS_FOLDER } from "./writtenSplits.js";

export interface SplitOptions {
  /** Fraction of the images by split; they add up to 1. */
  shares: Readonly<Record<string, number>>;
  seed: number;
  skipBad?: boolean;
  onProgress?: (done: number, total: number) => void;
}

export interface WrittenSplits {
  /** The folder of the lists. */
  folder: string;
  counts: Record<string, number>;
}

/**
 * Splits the set and writes a list per split: into ImageSets/Main of a VOC folder, or the folder `splits` next
 * to labels of other formats. An existing list of train is kept as all.txt.
 * @throws InputError if the set has splits, or the fractions do not add up to 1
 */
export async function writeSplits(data: DataFolder, options: SplitOptions): Promise<WrittenSplits> {
  const { root, source } = data;
  const { shares, skipBad = false } = options;
  const total = Object.values(shares).reduce((sum, fraction) => sum + fraction, 0);
  if (Math.abs(total - 1) > 1e-9) {
    throw new InputError(
      `${Object.entries(shares)
        .map(([name, fraction]) => `--${name} ${fraction}`)
        .join(" ")}: the fractions add up to ${Number(total.toFixed(6))}; expected 1`,
    );
  }
  const [only, ...others] = source.splits;
  if (others.length > 0 || (only !== WHOLE && only !== "train")) {
    throw new InputError(
      `${root}: the set already has splits: ${source.splits.join(", ")}. To replace them, remove their lists first.`,
    );
  }
  const { samples } = await readSplit(data, only, { skipBad });
  const splits = await divideSamples(samples, options);
  const isVoc = source.format === "voc";
  const folder = isVoc ? join(root, source.base ?? "", "ImageSets", "Main") : join(root, SPLITS_FOLDER);
  const before = new Map<string, string | undefined>();
  const write = async (name: string, ids: readonly string[]): Promise<void> => {
    const path = join(folder, `${name}.txt`);
    if (!before.has(path)) before.set(path, await readFile(path, "utf8").catch(() => undefined));
    await writeFileAtomic(path, ids.map((id) => `${id}\n`).join(""));
  };
  if (isVoc && only === "train")
    await write(
      WHOLE,
      samples.map(({ id }) => id),
    );
  const counts: Record<string, number> = {};
  const written = Object.keys(shares).filter((split) => shares[split] > 0);
  for (const name of written) {
    const ids = samples.flatMap(({ id }, i) => (splits[i] === name ? id : []));
    counts[name] = ids.length;
    await write(name, ids);
  }
  await verify(data, counts, skipBad).catch(async (error: Error) => {
    for (const [path, text] of before)
      await (text === undefined ? rm(path, { force: true }) : writeFileAtomic(path, text));
    throw new InputError(
      `${root}: cannot be split by lists, because of its layout (${source.layout}): ${error.message.split("\n").slice(0, 2).join(" ")}\nConvert it first with qmimic data convert, and split the result.`,
    );
  });
  return { folder, counts };
}

/** Reads the set again: with the lists, its splits must have the images that were assigned to them. */
async function verify(
  { root, source }: DataFolder,
  counts: Readonly<Record<string, number>>,
  skipBad: boolean,
): Promise<void> {
  const again = await openData(root, { format: source.format });
  for (const [name, count] of Object.entries(counts)) {
    if (count === 0) continue;
    const { samples } = await readSplit(again, name, { skipBad });
    if (samples.length !== count)
      throw new InputError(`list ${name} has ${count} images, of which ${samples.length} were found`);
  }
}
