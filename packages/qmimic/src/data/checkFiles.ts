// Files in a data folder that its splits do not use.
import type { DataFolder } from "./dataset.js";
import { endingOf, isImage, isUnreadImage } from "./endings.js";
import { counted, someOf } from "./problems.js";
import { findImage } from "./readers/findImage.js";
import type { Format } from "./readers/types.js";

/** Extension of label files that belong to one image each. */
const LABEL_ENDING: Partial<Record<Format, string>> = { voc: "xml", yolo: "txt", labelme: "json" };

/** @param used files of all splits, relative to the root */
export function unusedFiles({ tree, source }: DataFolder, used: ReadonlySet<string>): string[] {
  const setFiles = new Set(source.ownFiles);
  const rest = tree.files.filter((path) => !used.has(path) && !setFiles.has(path));
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
    ...say(pairs, "image", "with labels but in no split, not used"),
    ...say(images, "image", ending === undefined ? "not mentioned in the labels" : "without labels"),
    ...say(withoutImage, "label file", "without an image"),
    ...say(unread, "image", `in an unsupported format; convert to PNG or JPEG if needed`),
    ...say(others, "other file", "ignored"),
  ];
}

/** Text files commonly found next to labels. */
const isText = (path: string): boolean =>
  /(^|\/)(readme|license|licence|notice|classes|notes?|labels?)[^/]*$/i.test(path);
