// Configuration files of YOLO folders: data.yaml (Ultralytics), obj.data and obj.names (darknet), classes.txt
// (labelImg).
import { parse } from "yaml";
import { InputError, reasonOf } from "../../errors.js";
import { listed, quoted } from "../../text.js";
import { endingOf } from "../endings.js";
import { type FolderTree, folderOf, joinPath, nameOf } from "../folderTree.js";
import { unlessInput } from "../problems.js";
import { usualSplit } from "../splitNames.js";
import { readText, splitLines } from "../text.js";

export interface YoloConfig {
  /** Relative to the root; undefined: no such file. */
  path: string | undefined;
  names: string[] | undefined;
  /** Raw entries for lists or image folders, by split. */
  splits: Map<string, string[]>;
  /** Folders to which entries may be relative. */
  bases: string[];
  /** Count of numbers after the box on a line: keypoints. */
  extra: number;
  /** Files read. */
  files: string[];
}

const NAME_FILES = ["classes.txt", "obj.names", "_darknet.labels", "labels.txt", "predefined_classes.txt"];

/** @throws InputError for a configuration file that is invalid or, except for .data files, cannot be read */
export async function readYoloConfig(tree: FolderTree): Promise<YoloConfig> {
  const shallow = tree.files.filter((path) => path.split("/").length <= 2);
  for (const path of byDepth(shallow.filter((file) => /^ya?ml$/.test(endingOf(file))))) {
    const config = await readYaml(tree, path);
    if (config !== undefined) return config;
  }
  for (const path of byDepth(shallow.filter((file) => endingOf(file) === "data"))) {
    const config = await readDarknet(tree, path);
    if (config !== undefined) return config;
  }
  const files = byDepth(
    shallow.filter((file) => NAME_FILES.includes(nameOf(file)) || endingOf(file) === "names"),
  );
  const [names, ...others] = await Promise.all(files.map((file) => readNames(tree, file)));
  const different = others.findIndex((other) => other.join("\n") !== names.join("\n"));
  if (different >= 0)
    throw new InputError(
      `${tree.absolute(files[different + 1])}: ${listed(others[different])}, but ${tree.absolute(files[0])} has ${listed(names)}: a class number must mean the same in all labels. Keep one file, and renumber the labels of the other, or remove the file that is wrong`,
    );
  return { path: undefined, names, splits: new Map(), bases: [""], extra: 0, files };
}

const byDepth = (paths: readonly string[]): string[] =>
  [...paths].sort((a, b) => a.split("/").length - b.split("/").length || (a < b ? -1 : 1));

/** @returns undefined for unrelated YAML */
async function readYaml(tree: FolderTree, path: string): Promise<YoloConfig | undefined> {
  const file = tree.absolute(path);
  const text = await readText(file);
  if (!/^["']?names["']?\s*:/m.test(text)) return undefined;
  let fields: Record<string, unknown>;
  try {
    fields = parse(text, { maxAliasCount: 0 }) as Record<string, unknown>;
  } catch (error) {
    throw new InputError(`${file}: not YAML: ${reasonOf(error).split("\n")[0]}`);
  }
  const names = toNames(fields.names, file);
  const splits = new Map<string, string[]>();
  for (const [key, value] of Object.entries(fields)) {
    const entries = (Array.isArray(value) ? value : [value]).filter(
      (one) => typeof one === "string" && one !== "",
    );
    const lists = entries.length > 0 && entries.every((entry) => String(entry).endsWith(".txt"));
    const split = usualSplit(key) ?? (lists ? key : undefined);
    if (split !== undefined && entries.length > 0) splits.set(split, entries as string[]);
  }
  const folder = folderOf(path);
  const base = typeof fields.path === "string" ? joinPath(folder, fields.path) : undefined;
  const shape = fields.kpt_shape;
  const extra = Array.isArray(shape) ? Number(shape[0]) * Number(shape[1]) : 0;
  return {
    path,
    names,
    splits,
    bases: [...new Set([folder, ...(base === undefined ? [] : [base]), ""])],
    extra,
    files: [path],
  };
}

/** Names, as a list or by number. */
function toNames(value: unknown, file: string): string[] {
  if (typeof value !== "object")
    throw new InputError(`${file}: names is ${quoted(value)}; expected a list of names, or names by number.`);
  const entries: [string, unknown][] = Object.entries((value ?? {}) as object);
  const names: string[] = [];
  for (const [number, name] of entries) {
    if (!/^\d+$/.test(number) || (typeof name !== "string" && typeof name !== "number")) {
      throw new InputError(
        `${file}: names: ${quoted(number)}: ${quoted(name)}; expected a list of names, or names by number.`,
      );
    }
    names[Number(number)] = String(name).trim();
  }
  // A number such as 4294967296 is not an array index, and "00" is a second 0.
  const without = entries.findIndex((_, i) => names[i] === undefined);
  if (names.length !== entries.length || without >= 0 || entries.length === 0) {
    const max = entries.reduce((largest, [number]) => Math.max(largest, Number(number)), -1);
    throw new InputError(
      `${file}: names: ${entries.length} names for numbers up to ${max}; expected one for each from 0.`,
    );
  }
  return checkNames(names, file);
}

function checkNames(names: string[], file: string): string[] {
  const blank = names.indexOf("");
  if (blank >= 0)
    throw new InputError(`${file}: class ${blank} has no name. Add a name, or remove the blank line.`);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new InputError(`${file}: two classes have the name ${quoted(twice)}. Rename one of them.`);
  return names;
}

/** Lines "train = data/train.txt", "names = data/obj.names". */
async function readDarknet(tree: FolderTree, path: string): Promise<YoloConfig | undefined> {
  // A .data file of another program may be binary.
  const text = await readText(tree.absolute(path)).catch(unlessInput(""));
  const fields = new Map(
    splitLines(text).flatMap((line) => {
      const [, key, value] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      return key === undefined ? [] : [[key, value] as const];
    }),
  );
  if (!fields.has("names") && !fields.has("train")) return undefined;
  const splits = new Map<string, string[]>();
  for (const [key, value] of fields) {
    const split = usualSplit(key);
    if (split !== undefined && value !== "") splits.set(split, [value]);
  }
  const bases = [...new Set([folderOf(path), ""])];
  const written = fields.get("names");
  const namesPath = written === undefined ? undefined : resolveFile(tree, written, bases);
  const names = namesPath === undefined ? undefined : await readNames(tree, namesPath);
  return {
    path,
    names,
    splits,
    bases,
    extra: 0,
    files: [path, ...(namesPath === undefined ? [] : [namesPath])],
  };
}

/** One name per line. */
async function readNames(tree: FolderTree, path: string): Promise<string[]> {
  const lines = splitLines(await readText(tree.absolute(path))).map((line) => line.trim());
  while (lines.at(-1) === "") lines.pop();
  return checkNames(lines, tree.absolute(path));
}

/**
 * Candidates for a path in the set. For paths of other machines ("../train/images", "/home/me/set/train.txt"),
 * every suffix is tried.
 * @param ofFolder whether a suffix must not leave out a split that it begins below: "images" is not "train/images"
 */
function placesOf(written: string, bases: readonly string[], ofFolder: boolean): string[] {
  const path = written.replaceAll("\\", "/").replace(/\/+$/, "");
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const places = bases.flatMap((base) => joinPath(base, path) ?? []);
  for (let i = 0; i < parts.length; i++) {
    const suffix = parts.slice(i);
    const above = i === 0 ? undefined : usualSplit(parts[i - 1]);
    if (suffix[0] === ".." || (ofFolder && above !== undefined)) continue;
    for (const base of bases) {
      const place = joinPath(base, suffix.join("/"));
      if (place !== undefined) places.push(place);
    }
  }
  return places;
}

/** Finds the file of a path in the set. */
export function resolveFile(tree: FolderTree, written: string, bases: readonly string[]): string | undefined {
  for (const place of placesOf(written, bases, false)) {
    const file = tree.find(place);
    if (file !== undefined) return file;
  }
  return undefined;
}

/** Finds the file or folder of a path in the set. */
export function resolveEntry(
  tree: FolderTree,
  written: string,
  bases: readonly string[],
): { file?: string; folder?: string } | undefined {
  for (const place of placesOf(written, bases, true)) {
    const file = tree.find(place);
    if (file !== undefined) return { file };
    const below = place === "" ? "" : `${place}/`;
    if (tree.files.some((file) => file.startsWith(below))) return { folder: place };
  }
  const file = resolveFile(tree, written, bases);
  return file === undefined ? undefined : { file };
}
