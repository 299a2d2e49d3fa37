// Finds the image of a label file.
import { endingOf, isImage, isUnreadImage, stemOf } from "../endings.js";
import { type FolderTree, folderOf, joinPath, nameOf } from "../folderTree.js";
import { splitOfName } from "../splitNames.js";
import { IMAGE_FOLDERS, LABEL_FOLDERS, MASK_FOLDERS } from "./depth.js";

export interface FoundImage {
  image: string | undefined;
  /** A problem with the image found; undefined if there is none, or no image was found. */
  problem?: string;
  expected: string;
}

/**
 * Searches the label file's folder, the image folder next to it, and then for a unique image of that name,
 * unless it may belong to another label file.
 * @param named the image's name according to the labels: decides between several, and is tried last
 */
export function findImage(tree: FolderTree, labels: string, named?: string): FoundImage {
  const stem = stemOf(labels);
  const places = [stem, ...beside(tree, stem)];
  const expected = `${places.find((place) => place !== stem) ?? stem}.*`;
  const hint = named === undefined || named.trim() === "" ? undefined : nameOf(named.replaceAll("\\", "/"));
  for (const place of places) {
    const found = tree.images.get(place.normalize());
    if (found === undefined) continue;
    const chosen = found.length === 1 ? found : found.filter((path) => nameOf(path) === hint);
    if (chosen.length === 1) return { image: chosen[0], expected };
    return { image: undefined, expected, problem: twoImages(found) };
  }
  const ending = endingOf(labels);
  // Elsewhere, if neither the name nor the labels could refer to another label file's image.
  const names = tree.count(nameOf(labels)) === 1 ? [nameOf(stem)] : [];
  if (hint !== undefined && tree.count(`${stemOf(hint)}.${ending}`) === 0) names.push(stemOf(hint));
  for (const name of names) {
    const found = tree.imagesByName.get(name.normalize())?.filter((path) => !isMask(path));
    if (found?.length === 1) return { image: found[0], expected };
  }
  return { image: undefined, expected };
}

/**
 * Finds an image by the path in its labels: relative to `near` or the root, or by the end of a longer path
 * (from the machine where the labels were written).
 * @param split prefer an image in a folder of this split
 */
export function findNamed(tree: FolderTree, written: string, near: string, split?: string): FoundImage {
  const path = written.replaceAll("\\", "/");
  const expected = joinPath(near, path) ?? nameOf(path);
  const direct = [joinPath(near, path), joinPath("", path)]
    .map((place) => place && tree.find(place))
    .find((place) => place !== undefined);
  if (direct !== undefined) return { image: isImage(direct) ? direct : undefined, expected: direct };
  const sameName = (tree.imagesByName.get(nameOf(stemOf(path)).normalize()) ?? []).filter(
    (candidate) => nameOf(candidate).normalize() === nameOf(path).normalize() && !isMask(candidate),
  );
  const possible = sameName.filter((candidate) => !isOfOther(candidate, split));
  if (possible.length === 0 && sameName.length > 0) {
    const problem = `the image is missing; there is only ${sameName[0]}, in another split's folder. Add it, or include its folder in the name.`;
    return { image: undefined, expected, problem };
  }
  const best = closest(possible, path, near, split);
  if (best.length > 1) {
    return {
      image: undefined,
      expected,
      problem: `could be ${best.join(" or ")}. Include its folder in the name.`,
    };
  }
  return { image: best[0], expected };
}

/**
 * The id of an image named in labels: its path without ending, and without what leads out of the folder ("../", a
 * drive, a root), because ids are used as paths of files to write.
 * @param named with the ending, if two images differ only in that
 */
export function idOfNamed(named: string): string {
  const parts = named.replaceAll("\\", "/").split("/");
  const inside = parts.filter(
    (part) => part !== "" && part !== "." && part !== ".." && !/^[A-Za-z]:$/.test(part),
  );
  return inside.join("/");
}

/** Splits named by folders in the path, such as "test" and "WIDER_test". */
const splitsIn = (path: string): string[] =>
  folderOf(path)
    .split("/")
    .flatMap((name) => splitOfName(name) ?? []);

const APART = ["train", "val", "test"];

/** Whether an image is in a folder of a different split than its labels. */
function isOfOther(image: string, split: string | undefined): boolean {
  const splits = splitsIn(image).filter((folder) => APART.includes(folder));
  return split !== undefined && APART.includes(split) && splits.length > 0 && !splits.includes(split);
}

/**
 * Those whose path agrees with the most folders of `written`; of several, one in the folder `near`, or in a
 * folder of the split.
 */
function closest(
  images: readonly string[],
  written: string,
  near: string,
  split: string | undefined,
): string[] {
  const parts = written.normalize().split("/").reverse();
  const agreeing = images.map((image) => {
    const differs = image
      .normalize()
      .split("/")
      .reverse()
      .findIndex((part, i) => part !== parts[i]);
    return differs < 0 ? Number.POSITIVE_INFINITY : differs;
  });
  const max = agreeing.reduce((largest, count) => Math.max(largest, count), 0);
  const best = images.filter((_, i) => agreeing[i] === max);
  if (best.length === 1) return best;
  const here = best.filter((image) => folderOf(image) === near);
  const ofSplit = best.filter((image) => split !== undefined && splitsIn(image).includes(split));
  return here.length === 1 ? here : ofSplit.length === 1 ? ofSplit : best;
}

const isMask = (path: string): boolean =>
  folderOf(path)
    .split("/")
    .some((name) => MASK_FOLDERS.has(name.toLowerCase()));

export const twoImages = (paths: readonly string[]): string =>
  `two images with the same id: ${paths.join(" and ")}. Remove or rename one of them.`;

/** The path with the label folder replaced by each image folder next to it. */
function beside(tree: FolderTree, stem: string): string[] {
  const parts = stem.split("/");
  const places: string[] = [];
  for (let i = parts.length - 2; i >= 0; i--) {
    if (!LABEL_FOLDERS.has(parts[i].toLowerCase())) continue;
    for (const folder of imageFolders(tree, parts.slice(0, i).join("/"))) {
      places.push([...parts.slice(0, i), folder, ...parts.slice(i + 1)].join("/"));
    }
  }
  return places;
}

/** Names of the subfolders of `folder` that have a usual name of image folders. */
function imageFolders(tree: FolderTree, folder: string): string[] {
  return foldersOf(tree).get(folder) ?? [];
}

const known = new WeakMap<FolderTree, Map<string, string[]>>();

function foldersOf(tree: FolderTree): Map<string, string[]> {
  const before = known.get(tree);
  if (before) return before;
  const found = new Map<string, Set<string>>();
  for (const path of tree.files) {
    const parts = path.split("/");
    parts.slice(0, -1).forEach((part, i) => {
      if (!IMAGE_FOLDERS.has(part.toLowerCase())) return;
      const above = parts.slice(0, i).join("/");
      const set = found.get(above) ?? new Set();
      found.set(above, set.add(part));
    });
  }
  const lists = new Map([...found].map(([above, set]) => [above, [...set].sort()]));
  known.set(tree, lists);
  return lists;
}

/**
 * A hint for the end of a message: a file with a similar name, or an image in an unsupported format. Empty if
 * there is none.
 * @param stem path without extension
 * @param ending expected extension; undefined: any image
 */
export function nearMiss(tree: FolderTree, stem: string, ending?: string): string {
  const folder = folderOf(stem);
  const name = nameOf(stem);
  for (const file of tree.filesIn(folder)) {
    if (!file.startsWith(`${name}.`)) continue;
    const rest = file.slice(name.length + 1).toLowerCase();
    if (ending === undefined && isUnreadImage(file) && rest === endingOf(file)) {
      return ` Found ${file}; .${endingOf(file)} is not supported, convert it to PNG or JPEG.`;
    }
    const last = endingOf(file);
    if (rest !== last && (ending === undefined ? isImage(file) : last === ending)) {
      return ` Found ${file}: rename it to ${name}.${last}.`;
    }
  }
  return "";
}
