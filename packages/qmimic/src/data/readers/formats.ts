// Detects the label format of a folder.
import { InputError } from "../../errors.js";
import { listed } from "../../text.js";
import type { FolderTree } from "../folderTree.js";
import { findCoco } from "./coco.js";
import { findCvat } from "./cvat.js";
import { findLabelme } from "./labelme.js";
import { type FindLabels, FORMAT_NAMES, FORMATS, type Format, type LabelSource } from "./types.js";
import { findVoc } from "./voc.js";
import { findWider } from "./wider.js";
import { findYolo } from "./yolo.js";

const FINDERS: Readonly<Record<Format, FindLabels>> = {
  voc: findVoc,
  coco: findCoco,
  yolo: findYolo,
  labelme: findLabelme,
  cvat: findCvat,
  wider: findWider,
};

const named = (format: Format): string => `${FORMAT_NAMES[format]} (${format})`;

/**
 * The labels of a folder. If there are several formats, the least deep one is used; a note lists the others.
 * @throws InputError if there are no labels, or two formats at the same depth
 */
export async function findLabels(tree: FolderTree, format: Format | "auto"): Promise<LabelSource> {
  if (format !== "auto") {
    const source = await FINDERS[format](tree);
    if (source !== undefined) return source;
    const others = await findAll(tree);
    throw new InputError(
      `${tree.root}: has no labels in the format ${named(format)}. ${others.length > 0 ? `Found: ${others.map(({ format }) => named(format)).join(", ")}.` : inside(tree)}`,
    );
  }
  const found = (await findAll(tree)).sort((a, b) => a.depth - b.depth);
  if (found.length === 0)
    throw new InputError(`${tree.root}: has no labels in a known format. ${inside(tree)}`);
  const [first, ...others] = found;
  const equal = others.filter(({ depth }) => depth === first.depth);
  if (equal.length > 0) {
    const formats = [first, ...equal];
    throw new InputError(
      `${tree.root}: has labels in ${formats.length} formats: ${formats.map(({ format, layout }) => `${named(format)}, ${layout}`).join("; ")}. Choose one: --format ${formats.map(({ format }) => format).join(" or --format ")}.`,
    );
  }
  if (others.length === 0) return first;
  const note = `Ignored labels in other formats in deeper folders: ${others.map(({ format }) => named(format)).join(", ")} (--format reads them).`;
  return { ...first, notes: [...first.notes, note] };
}

/** All formats found in the folder. A finder's error counts only if no other finder finds anything. */
async function findAll(tree: FolderTree): Promise<LabelSource[]> {
  const found: LabelSource[] = [];
  let refusal: InputError | undefined;
  for (const format of FORMATS) {
    try {
      const source = await FINDERS[format](tree);
      if (source !== undefined) found.push(source);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      refusal ??= error;
    }
  }
  if (found.length === 0 && refusal !== undefined) throw refusal;
  return found;
}

/** What the folder contains, and what was expected. */
function inside({ files }: FolderTree): string {
  const tops = [...new Set(files.map((path) => (path.includes("/") ? `${path.split("/")[0]}/` : path)))];
  const there = tops.length === 0 ? "It is empty" : `It contains ${listed(tops)}`;
  return `${there}. Expected XML files of Pascal VOC or CVAT, JSON files of COCO or labelme, text files of YOLO, or a list of WIDER FACE.`;
}
