// Unlabelled images: all images below a folder.
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { InputError } from "../errors.js";
import { mapConcurrent } from "./concurrent.js";
import { contentHash } from "./contentHashes.js";
import { copyGroups } from "./copyGroups.js";
import { type DataFolder, findSplit, readLabels } from "./dataset.js";
import { decodeEach } from "./decodeEach.js";
import { isImage, isUnreadImage } from "./endings.js";
import { readTree } from "./folderTree.js";
import { readImageSize, unusableSize } from "./images.js";
import { attempt, counted, describeProblems, someOf } from "./problems.js";
import type { Problem, Sample } from "./types.js";

const IN_FLIGHT = 16;
const NOTHING = { boxes: new Float32Array(), labels: new Int32Array(), difficult: new Uint8Array() };

export interface UnlabelledOptions {
  /** Images to exclude, along with every file with the same bytes. */
  exclude: readonly string[];
  /** Images whose near-duplicates are excluded too: what is scored must not be trained on. */
  unlike: readonly string[];
  /** Use only images directly in these folders; default: in all. */
  folders?: ReadonlySet<string>;
  /** Called while images are compared. */
  onProgress?: (done: number, total: number) => void;
  /** Skip images that cannot be decoded, instead of rejecting the folder. */
  skipBad: boolean;
}

/**
 * The images below a folder (recursively), by name, as samples without objects. Their ids begin with
 * "unlabelled/".
 * @returns the samples, and notes on skipped images
 * @throws InputError if the folder cannot be read, has an unusable image, or no image that is not excluded
 */
export async function readUnlabelled(
  root: string,
  { exclude, unlike, folders, skipBad, onProgress }: UnlabelledOptions,
): Promise<{ samples: Sample[]; notes: string[] }> {
  const tree = await readTree(root);
  const images = tree.files.filter(isImage);
  if (images.length === 0) throw new InputError(`${root}: this folder has no images`);
  const notes: string[] = [];
  const isWanted = (file: string) => folders === undefined || folders.has(dirname(tree.absolute(file)));
  const files = images.filter(isWanted);
  if (files.length < images.length) {
    const others = images.filter((file) => !isWanted(file));
    notes.push(
      `${root}: skipped ${counted(others.length, "image")} in folders without labelled images (${someOf(others)})`,
    );
  }
  const unread = tree.files.filter(isUnreadImage);
  if (unread.length > 0)
    notes.push(`${root}: ${counted(unread.length, "image")} in an unsupported format (${someOf(unread)})`);

  const unique = withoutCopies(files, tree.absolute, exclude);
  if (unique.length < files.length) {
    const copies = counted(files.length - unique.length, "image");
    notes.push(`${root}: skipped ${copies} that are also in the splits, or duplicates`);
  }
  const near = new Set(await nearCopiesOf(unlike, unique, tree.absolute, onProgress));
  if (near.size > 0)
    notes.push(
      `${root}: skipped ${counted(near.size, "image")} nearly the same as one of val or test (${someOf([...near])})`,
    );
  const fresh = unique.filter((file) => !near.has(file));
  if (fresh.length === 0)
    throw new InputError(`${root}: all images in this folder are also in the labelled data`);

  const problems: Problem[] = [];
  const problem = (file: string, message: string) => problems.push({ file, message });
  const sized = await mapConcurrent(fresh, IN_FLIGHT, (file) => {
    const imagePath = tree.absolute(file);
    return attempt(imagePath, problem, async (): Promise<Sample | undefined> => {
      const size = await readImageSize(imagePath);
      const unusable = unusableSize(size);
      if (unusable === undefined) return { id: `unlabelled/${file}`, imagePath, ...size, ...NOTHING };
      problem(imagePath, unusable);
      return undefined;
    });
  });
  const samples = sized.filter((sample) => sample !== undefined);
  problems.sort((a, b) => (a.file < b.file ? -1 : 1));
  if (!skipBad) {
    if (problems.length === 0) return { samples, notes };
    const remedy = "Remove them, or skip them with the setting skip-bad.";
    throw new InputError(describeProblems(root, problems, { remedy }));
  }
  problems.push(...(await decodeEach(samples)));
  const bad = new Set(problems.map(({ file }) => file));
  const usable = samples.filter(({ imagePath }) => !bad.has(imagePath));
  const text = describeProblems(root, problems, { limit: 5 });
  if (usable.length === 0) throw new InputError(text);
  if (problems.length > 0) notes.push(`Skipped (skip-bad): ${text}`);
  return { samples: usable, notes };
}

/** The files whose bytes differ from all excluded and all earlier ones. */
function withoutCopies(
  files: readonly string[],
  absolute: (file: string) => string,
  exclude: readonly string[],
): string[] {
  const hashes = new Map<string, string>();
  const hashOf = (path: string): string => {
    const hash = hashes.get(path) ?? contentHash(path);
    hashes.set(path, hash);
    return hash;
  };
  const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? -1;
  const bySize = new Map<number, string[]>();
  const add = (path: string) => {
    const size = sizeOf(path);
    const same = bySize.get(size);
    if (same) same.push(path);
    else bySize.set(size, [path]);
  };
  exclude.forEach(add);
  return files.filter((file) => {
    const path = absolute(file);
    // Only files of the same size can be equal, so few need to be read.
    const others = bySize.get(sizeOf(path)) ?? [];
    const copy = others.some((other) => other === path || hashOf(other) === hashOf(path));
    add(path);
    return !copy;
  });
}

/** The files that are near-duplicates of these images. */
async function nearCopiesOf(
  images: readonly string[],
  files: readonly string[],
  absolute: (file: string) => string,
  onProgress?: (done: number, total: number) => void,
): Promise<string[]> {
  const groups = await copyGroups([...images, ...files.map(absolute)], onProgress);
  const taken = new Set(groups.slice(0, images.length));
  return files.filter((_, i) => taken.has(groups[images.length + i]));
}

/** Images of splits other than `trainSplit`, such as val and test, that are not in it too; none if the set has no splits. */
export async function imagesOfOtherSplits(folder: DataFolder, trainSplit: string): Promise<string[]> {
  const { tree, source } = folder;
  const imagesOf = async (split: string): Promise<string[]> => {
    const { images } = await readLabels(folder, split, { images: false, checkImages: false });
    return images.map(({ image, expected }) => tree.absolute(image ?? expected));
  };
  const train = findSplit(folder, trainSplit);
  const others = source.splits.filter((split) => split !== train);
  const trainPaths = new Set(await imagesOf(train));
  const found = await Promise.all(others.map(imagesOf));
  return [...new Set(found.flat())].filter((path) => !trainPaths.has(path));
}
