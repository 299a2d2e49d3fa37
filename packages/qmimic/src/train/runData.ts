// Fingerprints of a run's training data, stored in its folder: resuming with other images, boxes or classes
// would silently spoil it.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { contentHash, contentHashes, fileState, settledState } from "../data/contentHashes.js";
import { counted, unlessInput } from "../data/problems.js";
import type { Division } from "../data/trainVal.js";
import type { Dataset, Sample } from "../data/types.js";
import { InputError, reasonOf } from "../errors.js";
import { readText, writeFileAtomic } from "../files.js";
import { listed, quoted } from "../text.js";
import { runFolderOf } from "./runFiles.js";
import type { Splits } from "./splits.js";

const FILE = "data.json";

/** An image: id, hash of size and objects, hash of the file's bytes, and the file's state at that time. */
const KNOWN_SAMPLE = z.tuple([z.string(), z.string(), z.string(), z.string()]);
type KnownSample = z.infer<typeof KNOWN_SAMPLE>;

const RUN_DATA = z.object({
  classes: z.array(z.string()),
  train: z.array(KNOWN_SAMPLE),
  val: z.array(KNOWN_SAMPLE),
  unlabelled: z.array(KNOWN_SAMPLE).optional(),
});
type RunData = z.infer<typeof RUN_DATA>;

/**
 * Writes the splits' fingerprints to a new run's folder.
 * @param cache folder that caches image hashes, if used
 */
export async function storeData(folder: string, splits: Splits, cache?: string): Promise<void> {
  const { train, val, unlabelled } = splits;
  const known: RunData = {
    classes: train.dataset.classes,
    train: await describe(train.dataset.samples, cache),
    val: await describe(val.dataset.samples, cache),
    ...(unlabelled ? { unlabelled: await describe(unlabelled.dataset.samples, cache) } : {}),
  };
  await writeFileAtomic(join(folder, FILE), JSON.stringify(known));
}

/** What a run recorded of its data; undefined for a run from an earlier version. @throws InputError if it is damaged */
async function readData(folder: string): Promise<RunData | undefined> {
  const path = join(folder, FILE);
  if (!existsSync(path)) return undefined;
  try {
    return RUN_DATA.parse(JSON.parse(await readText(path)));
  } catch (error) {
    throw new InputError(`${path}: cannot be read: ${reasonOf(error)}`);
  }
}

/**
 * Compares the splits with those that a run was started with. Reads only files whose state has changed; their
 * location does not matter.
 * @returns false for a run from an earlier version, which did not record its data
 * @throws InputError with what differs
 */
export async function compareData(folder: string, splits: Splits): Promise<boolean> {
  const known = await readData(folder);
  if (known === undefined) return false;
  const { train, val, unlabelled } = splits;
  const differences = [
    ...compareClasses(known.classes, train.dataset.classes),
    ...compareSamples(known.train, train.dataset),
    ...compareSamples(known.val, val.dataset),
    ...(unlabelled ? compareSamples(known.unlabelled ?? [], unlabelled.dataset) : []),
  ];
  if (differences.length > 0) {
    throw new InputError(
      `${folder}: the data has changed since this run was started:\n${differences.map((difference) => `  ${difference}`).join("\n")}\nRestore it, give its new location with --data, or start a new run.`,
    );
  }
  return true;
}

/**
 * How the run of a weights file or an exported file divided its images: since then, the folder may have gained others.
 * @returns undefined without a run, and for a run from an earlier version, which did not record its images
 */
export async function divisionFor(path: string): Promise<Division | undefined> {
  const run = runFolderOf(path);
  const known = run === undefined ? undefined : await readData(run);
  if (known === undefined) return undefined;
  const trained = new Set(known.train.map(([id]) => id));
  const val = new Map(known.val.map((image) => [image[0], image]));
  return (samples) => {
    const isKnown = (sample: Sample) => val.has(sample.id) && sameImage(val.get(sample.id)!, sample);
    // Other data may share some images, or names.
    if (2 * samples.filter(isKnown).length < val.size) return undefined;
    return samples.map(({ id }) => (val.has(id) ? "val" : trained.has(id) ? "train" : ""));
  };
}

/** How many of the samples are, by their bytes, images that a run was trained on; 0 if it does not say. */
export async function trainedOn(run: string, samples: readonly Sample[]): Promise<number> {
  const known = await readData(run).catch(unlessInput(undefined));
  const trained = new Set(known?.train.map(([, , image]) => image));
  return trained.size === 0
    ? 0
    : samples.filter(({ imagePath }) => trained.has(contentHash(imagePath))).length;
}

/** The fingerprint of a run's data, as text; "" for a run from an earlier version, or no run. */
export function fingerprintOf(folder: string): string {
  const path = join(folder, FILE);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

async function describe(samples: readonly Sample[], cache?: string): Promise<KnownSample[]> {
  const paths = samples.map(({ imagePath }) => imagePath);
  const states = paths.map(settledState);
  const hashes = cache === undefined ? paths.map(contentHash) : await contentHashes(paths, cache);
  return samples.map((sample, i) => [sample.id, labelsHash(sample), hashes[i], states[i]]);
}

function labelsHash({ width, height, boxes, labels, difficult }: Sample): string {
  const hash = createHash("sha256").update(`${width} ${height} `);
  for (const { buffer, byteOffset, byteLength } of [boxes, labels, difficult])
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.digest("hex").slice(0, 16);
}

function compareClasses(known: readonly string[], now: readonly string[]): string[] {
  if (known.join("\n") === now.join("\n")) return [];
  return [`classes: ${listed(now.map(quoted))}; were ${listed(known.map(quoted))}`];
}

function compareSamples(known: readonly KnownSample[], { split, samples }: Dataset): string[] {
  const before = new Map(known.map((image) => [image[0], image]));
  const now = new Set(samples.map(({ id }) => id));
  const there = samples.filter(({ id }) => before.has(id));
  const changes: [string, string[]][] = [
    ["added since", samples.flatMap(({ id }) => (before.has(id) ? [] : [id]))],
    ["missing", known.flatMap(([id]) => (now.has(id) ? [] : [id]))],
    [
      "with other boxes, classes or sizes",
      idsOf(there, (sample) => before.get(sample.id)![1] !== labelsHash(sample)),
    ],
    ["with other pixels", idsOf(there, (sample) => !sameImage(before.get(sample.id)!, sample))],
  ];
  const found = changes.flatMap(([what, ids]) =>
    ids.length === 0
      ? []
      : [`split ${quoted(split)}: ${counted(ids.length, "image")} ${what} (${listed(ids)})`],
  );
  if (found.length > 0 || samples.every(({ id }, i) => id === known[i][0])) return found;
  return [`split ${quoted(split)}: the same images in another order`];
}

const idsOf = (samples: readonly Sample[], differs: (sample: Sample) => boolean): string[] =>
  samples.filter(differs).map(({ id }) => id);

const sameImage = ([, , image, state]: KnownSample, { imagePath }: Sample): boolean =>
  state === fileState(imagePath) || image === contentHash(imagePath);
