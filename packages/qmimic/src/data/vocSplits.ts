// The lists of a VOC folder: ImageSets/Main/<split>.txt, one image id a line.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { didYouMean, InputError } from "../errors.js";
import { readText } from "../files.js";
import { hasControls, listed, quoted } from "../text.js";

export interface SplitList {
  path: string;
  ids: string[];
  /** Every line carries a flag (`id 1`, `id 0`, `id -1`), as VOC's lists of one class do; -1 is left out of ids. */
  ofOneClass: boolean;
}

/** The folder that holds the lists. */
export function splitFolder(root: string): string {
  return join(root, "ImageSets", "Main");
}

/** Names of the lists in a VOC folder, sorted. Throws InputError when the folder has no lists. */
export async function listSplits(root: string): Promise<string[]> {
  const folder = splitFolder(root);
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTDIR")
      throw new InputError(`${folder}: cannot be read: ${message}`);
    throw new InputError(
      `${folder}: no such folder. Expected a VOC layout under ${root}: Annotations/*.xml, ImageSets/Main/<split>.txt and JPEGImages/.`,
    );
  }
  const splits = names.filter((name) => name.endsWith(".txt")).map((name) => name.slice(0, -4));
  if (splits.length === 0) {
    throw new InputError(
      `${folder}: there are no lists. Expected files like train.txt with one image id a line.`,
    );
  }
  return splits.sort();
}

/**
 * Reads one list. Problems of single lines (unsafe or repeated ids) and an empty list go to `report`, their ids are
 * left out. Throws InputError when the list does not exist; the message names those that do.
 */
export async function readSplit(
  root: string,
  split: string,
  report: (message: string) => void,
): Promise<SplitList> {
  const splits = await listSplits(root);
  const path = join(splitFolder(root), `${split}.txt`);
  // Membership also keeps a split like "../../secret" from leaving the folder.
  if (!splits.includes(split)) {
    throw new InputError(
      `${path}: there is no split ${quoted(split)}. Those that exist: ${listed(splits)}.${didYouMean(split, splits)}`,
    );
  }
  const text = await readText(path).catch((error: Error) => {
    throw new InputError(`${path}: the list cannot be read: ${error.message}`);
  });
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const flagged = /^(.*\S)\s+(-1|0|1)$/;
  const filled = lines.filter((line) => line !== "");
  // Only when all lines agree: "photo 1" in a plain list is a name with a blank.
  const ofOneClass = filled.length > 0 && filled.every((line) => flagged.test(line));

  const ids: string[] = [];
  const lineOf = new Map<string, number>();
  lines.forEach((line, index) => {
    if (line === "") return;
    const [, id, flag] = (ofOneClass && flagged.exec(line)) || [line, line, ""];
    if (flag === "-1") return;
    const unsafe = whyUnsafe(id);
    const first = lineOf.get(id);
    if (unsafe !== undefined) {
      report(
        `line ${index + 1}: the id ${quoted(id)} ${unsafe}. Expected a file's name without folder and extension.`,
      );
    } else if (first !== undefined) {
      report(`line ${index + 1}: the id ${quoted(id)} is already in line ${first}. Remove one of them.`);
    } else {
      lineOf.set(id, index + 1);
      ids.push(id);
    }
  });
  if (filled.length === 0) report("the list is empty. Expected one image id a line.");
  else if (ids.length === 0) report("the list names no image that can be used.");
  return { path, ids, ofOneClass };
}

function whyUnsafe(id: string): string | undefined {
  if (/[/\\]/.test(id)) return "contains a path separator";
  if (id.includes("..")) return 'contains ".."';
  if (hasControls(id)) return "contains a control character";
  return undefined;
}
