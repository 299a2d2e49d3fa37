// The image that belongs to a label file, where the label file does not say so.
import { endingOf, isImage, isUnreadImage, stemOf } from "../endings.js";
import { type FolderTree, folderOf, joinPath, nameOf } from "../folderTree.js";
import { splitOfName } from "../splitNames.js";
import { IMAGE_FOLDERS, LABEL_FOLDERS } from "./depth.js";

export interface FoundImage {
  image: string | undefined;
  /** What is wrong with what was found; undefined: nothing, or nothing was found. */
  problem?: string;
  expected: string;
}

/**
 * Looks in the label file's folder, in the folder of images beside it, and then for the only image of that name, as long as
 * it cannot be another label file's.
 * @param named the image's name as the labels state it: it decides between several, and is tried last
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
  // Somewhere else, where neither the name nor the statement could mean another label file's image.
  const names = tree.count(nameOf(labels)) === 1 ? [nameOf(stem)] : [];
  if (hint !== undefined && tree.count(`${stemOf(hint)}.${ending}`) === 0) names.push(stemOf(hint));
  for (const name of names) {
    const found = tree.imagesByName.get(name.normalize());
    if (found?.length === 1) return { image: found[0], expected };
  }
  return { image: undefined, expected };
}

/**
 * The image that labels name by a path, wherever they were written: relative to `near` or the root, or at the end of a
 * longer path (the machine that labelled had other folders).
 * @param split of several the one in a folder of this split is meant
 */
export function findNamed(tree: FolderTree, written: string, near: string, split?: string): FoundImage {
  const path = written.replaceAll("\\", "/");
  const expected = joinPath(near, path) ?? nameOf(path);
  const direct = [joinPath(near, path), joinPath("", path)]
    .map((place) => place && tree.find(place))
    .find((place) => place !== undefined);
  if (direct !== undefined) return { image: isImage(direct) ? direct : undefined, expected: direct };
  const sameName = (tree.imagesByName.get(nameOf(stemOf(path)).normalize()) ?? []).filter(
    (one) => nameOf(one).normalize() === nameOf(path).normalize(),
  );
  const possible = sameName.filter((one) => !isOfOther(one, split));
  if (possible.length === 0 && sameName.length > 0) {
    const problem = `the image is not there, only ${sameName[0]} in the folder of another split. Add it, or name it with its folder.`;
    return { image: undefined, expected, problem };
  }
  const best = closest(possible, path, near, split);
  if (best.length > 1) {
    return { image: undefined, expected, problem: `could be ${best.join(" or ")}. Name it with its folder.` };
  }
  return { image: best[0], expected };
}

/** Splits that folders of the path are named after, "test" and "WIDER_test" alike. */
const splitsIn = (path: string): string[] =>
  folderOf(path)
    .split("/")
    .flatMap((name) => splitOfName(name) ?? []);

const APART = ["train", "val", "test"];

/** Whether an image lies in the folder of another split than that of its labels. */
function isOfOther(image: string, split: string | undefined): boolean {
  const splits = splitsIn(image).filter((one) => APART.includes(one));
  return split !== undefined && APART.includes(split) && splits.length > 0 && !splits.includes(split);
}

/** Those whose path agrees with most folders of `written`; of several, one in the folder `near`, or in one of the split. */
function closest(
  images: readonly string[],
  written: string,
  near: string,
  split: string | undefined,
): string[] {
  const parts = written.normalize().split("/").reverse();
  const agreeing = images.map((one) => {
    const differs = one
      .normalize()
      .split("/")
      .reverse()
      .findIndex((part, i) => part !== parts[i]);
    return differs < 0 ? Number.POSITIVE_INFINITY : differs;
  });
  const most = agreeing.reduce((largest, count) => Math.max(largest, count), 0);
  const best = images.filter((_, i) => agreeing[i] === most);
  if (best.length === 1) return best;
  const here = best.filter((one) => folderOf(one) === near);
  const ofSplit = best.filter((one) => split !== undefined && splitsIn(one).includes(split));
  return here.length === 1 ? here : ofSplit.length === 1 ? ofSplit : best;
}

export const twoImages = (paths: readonly string[]): string =>
  `two images for one id: ${paths.join(" and ")}. Remove or rename one of them.`;

/** The same path with the folder of labels replaced by each folder of images that lies beside it. */
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

/** Names of the folders directly in `folder` that are called like a folder of images. */
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
 * What lies where a file was expected, as the end of a message: a name that nearly fits, or an image of a kind that is
 * not read. Empty when nothing does.
 * @param stem path without ending
 * @param ending the one that was expected; undefined: any image
 */
export function nearMiss(tree: FolderTree, stem: string, ending?: string): string {
  const folder = folderOf(stem);
  const name = nameOf(stem);
  for (const file of tree.filesIn(folder)) {
    if (!file.startsWith(`${name}.`)) continue;
    const rest = file.slice(name.length + 1).toLowerCase();
    if (ending === undefined && isUnreadImage(file) && rest === endingOf(file)) {
      return ` ${file} is there; .${endingOf(file)} is not read, convert it to PNG or JPEG.`;
    }
    const last = endingOf(file);
    if (rest !== last && (ending === undefined ? isImage(file) : last === ending)) {
      return ` ${file} is there: rename it to ${name}.${last}.`;
    }
  }
  return "";
}
