// Which format the labels of a folder have, found by looking.
import { didYouMean, InputError } from "../../errors.js";
import { listed, quoted } from "../../text.js";
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

/** @throws InputError for a name that is not a format's */
export function parseFormat(name: string): Format | "auto" {
  const known = ["auto", ...FORMATS] as const;
  const found = known.find((one) => one === name);
  if (found === undefined) {
    throw new InputError(
      `format: ${quoted(name)} is not one of ${known.join(", ")}.${didYouMean(name, known)}`,
    );
  }
  return found;
}

/**
 * The labels of a folder. Of several formats the one whose files lie higher is meant; a note names the others.
 * @throws InputError when there are none, or two formats lie equally high
 */
export async function findLabels(tree: FolderTree, format: Format | "auto"): Promise<LabelSource> {
  if (format !== "auto") {
    const source = await FINDERS[format](tree);
    if (source !== undefined) return source;
    const others = await findAll(tree);
    throw new InputError(
      `${tree.root}: holds no labels in the format ${named(format)}. ${others.length > 0 ? `Found: ${others.map((one) => named(one.format)).join(", ")}.` : inside(tree)}`,
    );
  }
  const found = (await findAll(tree)).sort((a, b) => a.depth - b.depth);
  if (found.length === 0)
    throw new InputError(`${tree.root}: holds no labels of a known format. ${inside(tree)}`);
  const [first, ...others] = found;
  const equal = others.filter(({ depth }) => depth === first.depth);
  if (equal.length > 0) {
    const formats = [first, ...equal];
    throw new InputError(
      `${tree.root}: holds labels in ${formats.length} formats: ${formats.map((one) => `${named(one.format)}, ${one.layout}`).join("; ")}. Say which is meant: --format ${formats.map((one) => one.format).join(" or --format ")}.`,
    );
  }
  if (others.length === 0) return first;
  const note = `Labels in other formats are there too, deeper, and left out: ${others.map((one) => named(one.format)).join(", ")} (--format reads them).`;
  return { ...first, notes: [...first.notes, note] };
}

/** All formats that the folder has. What one finder refuses counts only when no other finds anything. */
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

/** What is there, and what was looked for. */
function inside({ files }: FolderTree): string {
  const tops = [...new Set(files.map((path) => (path.includes("/") ? `${path.split("/")[0]}/` : path)))];
  const there = tops.length === 0 ? "It is empty" : `It holds ${listed(tops)}`;
  return `${there}. Expected XML files of Pascal VOC or CVAT, JSON files of COCO or labelme, text files of YOLO, or a list of WIDER FACE.`;
}
