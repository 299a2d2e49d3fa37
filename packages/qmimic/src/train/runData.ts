// What a run was trained on, kept in its folder: resuming on other images, boxes or classes would spoil it in silence.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { contentHash, contentHashes, fileState, settledState } from "../data/contentHashes.js";
import { counted } from "../data/problems.js";
import type { Dataset, Sample } from "../data/types.js";
import { InputError } from "../errors.js";
import { readText, writeFileAtomic } from "../files.js";
import { listed, quoted } from "../text.js";
import type { Splits } from "./splits.js";

const FILE = "data.json";

/** An image as the run has it: id, hash of size and objects, hash of the file's bytes, and the file's state with them. */
type KnownSample = [id: string, labels: string, image: string, state: string];

interface RunData {
  classes: string[];
  train: KnownSample[];
  val: KnownSample[];
}

/** Writes what the splits hold to a new run's folder. @param cache folder that remembers hashes of images, where one is used */
export async function storeData(folder: string, splits: Splits, cache?: string): Promise<void> {
  const known: RunData = {
    classes: splits.train.dataset.classes,
    train: await describe(splits.train.dataset.samples, cache),
    val: await describe(splits.val.dataset.samples, cache),
  };
  await writeFileAtomic(join(folder, FILE), JSON.stringify(known));
}

/**
 * Compares the splits with those that a run was started on. Only files whose state is another are read; where they lie
 * makes no difference.
 * @returns false for a run of an earlier version, which does not know its data
 * @throws InputError with what differs
 */
export async function compareData(folder: string, { train, val }: Splits): Promise<boolean> {
  const path = join(folder, FILE);
  if (!existsSync(path)) return false;
  let known: RunData;
  try {
    known = JSON.parse(await readText(path)) as RunData;
  } catch (error) {
    throw new InputError(`${path}: cannot be read: ${(error as Error).message}`);
  }
  const differences = [
    ...compareClasses(known.classes, train.dataset.classes),
    ...compareSamples(known.train, train.dataset),
    ...compareSamples(known.val, val.dataset),
  ];
  if (differences.length > 0) {
    throw new InputError(
      `${folder}: the data is not what this run was started on:\n${differences.map((one) => `  ${one}`).join("\n")}\nRestore it, name the folder that holds it with --data, or start a new run.`,
    );
  }
  return true;
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
  const before = new Map(known.map((one) => [one[0], one]));
  const now = new Set(samples.map(({ id }) => id));
  const there = samples.filter(({ id }) => before.has(id));
  const changes: [string, string[]][] = [
    ["not there then", samples.flatMap(({ id }) => (before.has(id) ? [] : [id]))],
    ["missing now", known.flatMap(([id]) => (now.has(id) ? [] : [id]))],
    ["with other boxes, classes or sizes", idsOf(there, (one) => before.get(one.id)![1] !== labelsHash(one))],
    ["with other pixels", idsOf(there, (one) => !sameImage(before.get(one.id)!, one))],
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
