// The lists of a VOC folder: ImageSets/Main/<split>.txt, one image id per line, in the variants that tools
// write.

import { quoted } from "../../text.js";
import { endingOf, isImage, stemOf } from "../endings.js";
import { type FolderTree, nameOf } from "../folderTree.js";
import { counted, someOf } from "../problems.js";
import { usualSplit, WHOLE } from "../splitNames.js";
import { readText, splitLines } from "../text.js";

export interface VocList {
  /** "train" for ImageSets/Main/train.txt. */
  name: string;
  /** Relative to the root. */
  path: string;
  ids: string[];
  /** Ids with flag -1, which are not in a per-class list. */
  otherIds: string[];
  /** Every line has a flag (`id 1`, `id 0`, `id -1`), as in VOC's per-class lists. */
  ofOneClass: boolean;
  /** Lines with more than an id: with an extension, or folders. */
  resolved: number;
  problems: string[];
}

/** Looks up an id in the set. */
export interface Known {
  annotation(id: string): boolean;
  image(id: string): boolean;
}

/** CVAT's name for the list of all images. */
const DEFAULT = "default";

/** Reads one list; reports unsafe, repeated and unknown ids. @throws InputError if it cannot be read */
export async function readList(tree: FolderTree, path: string, known: Known): Promise<VocList> {
  const lines = splitLines(await readText(tree.absolute(path))).map((line) => line.trim());
  const filled = lines.filter((line) => line !== "");
  const flagged = /^(.*\S)\s+(-1|0|1)$/;
  // Only if all lines have a flag and are not ids themselves: "photo 1" in a plain list is a name with a space.
  const ofOneClass =
    filled.length > 0 &&
    filled.every((line) => flagged.test(line)) &&
    !filled.some((line) => toId(line, known) !== undefined);
  const list: VocList = {
    name: stemOf(nameOf(path)),
    path,
    ids: [],
    otherIds: [],
    ofOneClass,
    resolved: 0,
    problems: [],
  };
  const lineOf = new Map<string, number>();
  lines.forEach((line, index) => {
    if (line === "") return;
    const [, written, flag] = (ofOneClass && flagged.exec(line)) || [line, line, ""];
    const found = toId(written, known);
    const id = found ?? written;
    const unsafe = found === undefined ? whyUnsafe(id) : undefined;
    const first = lineOf.get(id);
    if (unsafe !== undefined) {
      list.problems.push(
        `line ${index + 1}: the id ${quoted(id)} ${unsafe}, and there is no such file. Expected a file name without folder and extension.`,
      );
    } else if (first !== undefined) {
      list.problems.push(
        `line ${index + 1}: the id ${quoted(id)} is already on line ${first}. Remove one of them.`,
      );
    } else {
      lineOf.set(id, index + 1);
      if (id !== written) list.resolved++;
      (flag === "-1" ? list.otherIds : list.ids).push(id);
    }
  });
  if (filled.length === 0) list.problems.push("the list is empty. Expected one image id per line.");
  else if (list.ids.length + list.otherIds.length === 0) {
    list.problems.push("the list has no usable images.");
  }
  return list;
}

/** The id of a line: as is, without extension, or without folders, whichever exists. */
function toId(line: string, known: Known): string | undefined {
  const path = line.replaceAll("\\", "/").normalize();
  const parts = path.split("/");
  const forms = parts.flatMap((_, i) => {
    const form = parts.slice(i).join("/");
    return isImage(form) || endingOf(form) === "xml" ? [form, stemOf(form)] : [form];
  });
  return forms.find(known.annotation) ?? forms.find(known.image);
}

function whyUnsafe(id: string): string | undefined {
  if (/[/\\]/.test(id)) return "contains a path separator";
  if (id.includes("..")) return 'contains ".."';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the point is to match control characters.
  if (/[\u0000-\u001f]/.test(id)) return "contains a control character";
  return undefined;
}

export interface VocSplits {
  /** Image lists by split. */
  lists: Map<string, VocList>;
  /** Per-class lists: readable by name, but not splits. */
  ofOneClass: Map<string, VocList>;
  notes: string[];
}

/**
 * Sorts lists into splits, per-class lists, and other text files. If there are only per-class lists (VoTT's
 * yield_train.txt, stop_train.txt), the splits are their unions.
 */
export function sortLists(all: readonly VocList[], known: Known): VocSplits {
  const notes: string[] = [];
  const named = (list: VocList): boolean => usualSplit(list.name) !== undefined || list.name === DEFAULT;
  const classLists = all.filter(({ ofOneClass }) => ofOneClass);
  const plain = all.filter(({ ofOneClass }) => !ofOneClass);
  const lists = plain.filter((list) => named(list) || list.ids.some((id) => toId(id, known) !== undefined));
  const others = plain.filter((list) => !lists.includes(list));
  if (others.length > 0) {
    notes.push(
      `${counted(others.length, "text file")} in ImageSets ${others.length === 1 ? "is not an image list" : "are not image lists"}, skipped (${someOf(others.map(({ path }) => nameOf(path)))}).`,
    );
  }
  const resolved = lists.filter((list) => list.resolved > 0);
  if (resolved.length > 0) {
    notes.push(
      `Lists with extensions or folders in ids, which were removed: ${someOf(resolved.map(({ path }) => nameOf(path)))}.`,
    );
  }
  const splits = new Map(lists.map((list) => [nameOfSplit(list, lists), list]));
  if (classLists.length > 0 && splits.size === 0) {
    for (const list of unions(classLists)) splits.set(list.name, list);
    notes.push(
      `There are only per-class lists: ${[...splits.keys()].join(" and ")} are the union of all ${classLists.length}, ignoring their flags.`,
    );
  } else if (classLists.length > 0) {
    notes.push(
      classLists.length === 1
        ? `ImageSets: ${nameOf(classLists[0].path)} is a per-class list and was skipped.`
        : `ImageSets: ${classLists.length} per-class lists were skipped (${someOf(classLists.map(({ path }) => nameOf(path)))}).`,
    );
  }
  return { lists: splits, ofOneClass: new Map(classLists.map((list) => [list.name, list])), notes };
}

function nameOfSplit({ name }: VocList, lists: readonly VocList[]): string {
  if (name === DEFAULT && lists.length === 1) return WHOLE;
  const usual = usualSplit(name);
  // Two lists of the same split (train2014, train2017) keep their names.
  if (usual === undefined || lists.filter((list) => usualSplit(list.name) === usual).length > 1) return name;
  return usual;
}

/** Merges per-class lists by the split at the end of their names, sorted. */
function unions(classLists: readonly VocList[]): VocList[] {
  const merged = new Map<string, VocList>();
  for (const list of classLists) {
    const end = list.name.slice(list.name.lastIndexOf("_") + 1);
    const name = usualSplit(end) ?? WHOLE;
    const into = merged.get(name) ?? {
      ...list,
      name,
      ids: [],
      otherIds: [],
      ofOneClass: false,
      problems: [],
    };
    const ids = new Set([...into.ids, ...list.ids, ...list.otherIds]);
    merged.set(name, { ...into, ids: [...ids], problems: [...into.problems, ...list.problems] });
  }
  return [...merged.values()].map((list) => ({ ...list, ids: [...list.ids].sort() }));
}
