// What lies in a data folder besides what its splits use: every file is accounted for.
import type { DataFolder } from "./dataset.js";
import { endingOf, isImage, isUnreadImage } from "./endings.js";
import { counted, someOf } from "./problems.js";
import { findImage } from "./readers/findImage.js";
import type { Format } from "./readers/types.js";

/** Ending of the files that have the labels of one image each. */
const LABEL_ENDING: Partial<Record<Format, string>> = { voc: "xml", yolo: "txt", labelme: "json" };

/** @param used files of all splits, relative to the root */
export function unusedFiles({ tree, source }: DataFolder, used: ReadonlySet<string>): string[] {
  const own = new Set(source.ownFiles);
  const rest = tree.files.filter((path) => !used.has(path) && !own.has(path));
  const ending = LABEL_ENDING[source.format];
  const pairs: string[] = [];
  const withoutImage: string[] = [];
  const accounted = new Set<string>();
  for (const path of rest) {
    if (ending === undefined || endingOf(path) !== ending || isText(path)) continue;
    const { image } = findImage(tree, path);
    if (image === undefined) withoutImage.push(path);
    else if (!used.has(image)) pairs.push(image);
    else continue;
    accounted.add(path);
    if (image !== undefined) accounted.add(image);
  }
  const left = rest.filter((path) => !accounted.has(path));
  const images = left.filter(isImage);
  const unread = left.filter(isUnreadImage);
  const others = left.filter((path) => !isImage(path) && !isUnreadImage(path));
  const say = (paths: readonly string[], what: string, text: string): string[] =>
    paths.length === 0 ? [] : [`${counted(paths.length, what)} ${text} (${someOf(paths)}).`];
  return [
    ...say(pairs, "image", "with labels in no split, and not used"),
    ...say(images, "image", ending === undefined ? "that no label file names" : "without labels"),
    ...say(withoutImage, "label file", "without an image"),
    ...say(unread, "image", `of a kind that is not read; convert to PNG or JPEG what is needed`),
    ...say(others, "other file", "not read"),
  ];
}

/** Texts that people put beside labels. */
const isText = (path: string): boolean =>
  /(^|\/)(readme|license|licence|notice|classes|notes?|labels?)[^/]*$/i.test(path);
