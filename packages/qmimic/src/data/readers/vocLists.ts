// The lists of a VOC folder: ImageSets/Main/<split>.txt, one image id a line, in the forms that tools write.

import { quoted } from "../../text.js";
import { endingOf, isImage, stemOf } from "../endings.js";
import { type FolderTree, nameOf } from "../folderTree.js";
import { counted, someOf } from "../problems.js";
import { usualSplit, WHOLE } from "../splitNames.js";
import { readText, splitLines } from "../text.js";

export interface VocList {
  /** "train" of ImageSets/Main/train.txt. */
  name: string;
  /** Relative to the root. */
  path: string;
  ids: string[];
  /** Ids of lines that a flag of -1 leaves out of a list of one class. */
  otherIds: string[];
  /** Every line carries a flag (`id 1`, `id 0`, `id -1`), as VOC's lists of one class do. */
  ofOneClass: boolean;
  /** Lines that name a file by more than its id: with an ending, or folders. */
  resolved: number;
  problems: string[];
}

/** What the set has of an id. */
export interface Known {
  annotation(id: string): boolean;
  image(id: string): boolean;
}

/** CVAT's name for the list of everything. */
const DEFAULT = "default";

/** Reads one list. Unsafe, repeated and unknown ids are its problems. @throws InputError when it cannot be read */
export async function readList(tree: FolderTree, path: string, known: Known): Promise<VocList> {
  const lines = splitLines(await readText(tree.absolute(path))).map((line) => line.trim());
  const filled = lines.filter((line) => line !== "");
  const flagged = /^(.*\S)\s+(-1|0|1)$/;
  // Only when all lines agree, and are not themselves ids: "photo 1" in a plain list is a name with a blank.
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
        `line ${index + 1}: the id ${quoted(id)} ${unsafe}, and no file is named so. Expected a file's name without folder and ending.`,
      );
    } else if (first !== undefined) {
      list.problems.push(
        `line ${index + 1}: the id ${quoted(id)} is already in line ${first}. Remove one of them.`,
      );
    } else {
      lineOf.set(id, index + 1);
      if (id !== written) list.resolved++;
      (flag === "-1" ? list.otherIds : list.ids).push(id);
    }
  });
  if (filled.length === 0) list.problems.push("the list is empty. Expected one image id a line.");
  else if (list.ids.length + list.otherIds.length === 0) {
    list.problems.push("the list names no image that can be used.");
  }
  return list;
}

/** The id that a line means: as it is, without its ending, and without folders, as long as there is such a file. */
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
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  if (/[\u0000-\u001f]/.test(id)) return "contains a control character";
  return undefined;
}

export interface VocSplits {
  /** Lists of images, by the name of their split. */
  lists: Map<string, VocList>;
  /** Lists of one class: readable by name, but no splits. */
  ofOneClass: Map<string, VocList>;
  notes: string[];
}

/**
 * Sorts lists into splits, lists of one class, and other texts. Where there are lists of one class alone
 * (VoTT's yield_train.txt, stop_train.txt), the splits are their unions.
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
      `${counted(others.length, "text")} in ImageSets ${others.length === 1 ? "is" : "are"} no list of images, and left out (${someOf(others.map(({ path }) => nameOf(path)))}).`,
    );
  }
  const resolved = lists.filter((list) => list.resolved > 0);
  if (resolved.length > 0) {
    notes.push(
      `Lists with ids that have endings or folders, which are taken off: ${someOf(resolved.map(({ path }) => nameOf(path)))}.`,
    );
  }
  const splits = new Map(lists.map((list) => [nameOfSplit(list, lists), list]));
  if (classLists.length > 0 && splits.size === 0) {
    for (const list of unions(classLists)) splits.set(list.name, list);
    notes.push(
      `There are lists of one class alone: ${[...splits.keys()].join(" and ")} come from all ${classLists.length} of them together, whatever their flags.`,
    );
  } else if (classLists.length > 0) {
    notes.push(
      classLists.length === 1
        ? `ImageSets: ${nameOf(classLists[0].path)} is a list of one class and was left out.`
        : `ImageSets: ${classLists.length} lists of one class were left out (${someOf(classLists.map(({ path }) => nameOf(path)))}).`,
    );
  }
  return { lists: splits, ofOneClass: new Map(classLists.map((list) => [list.name, list])), notes };
}

function nameOfSplit({ name }: VocList, lists: readonly VocList[]): string {
  if (name === DEFAULT && lists.length === 1) return WHOLE;
  const usual = usualSplit(name);
  // Two lists of one usual name (train2014, train2017) keep their own.
  if (usual === undefined || lists.filter((list) => usualSplit(list.name) === usual).length > 1) return name;
  return usual;
}

/** Lists of one class by the split at the end of their names, all lines together, sorted. */
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
