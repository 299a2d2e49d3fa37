// YOLO text files: one line per object with class number and box or outline, as fractions of the image's sides.
// The format: Ultralytics, Object Detection Datasets Overview; AlexeyAB/darknet, How to train.

import { quoted } from "../../text.js";
import { type Box, boxAround } from "../boxes.js";
import { mapConcurrent } from "../concurrent.js";
import { isImage, stemOf } from "../endings.js";
import { type FolderTree, folderOf, nameOf, withEnding } from "../folderTree.js";
import { fromCentre } from "../fractions.js";
import { attempt, type Findings, unlessInput } from "../problems.js";
import { belowSplit, splitOfFolders, usualSplit, WHOLE } from "../splitNames.js";
import { readText, splitLines } from "../text.js";
import { depthOf, IMAGE_FOLDERS, idWithout } from "./depth.js";
import { twoImages } from "./findImage.js";
import type { LabelledImage, LabelledObject, LabelSource } from "./types.js";
import { parseDecimal } from "./xml.js";
import { readYoloConfig, resolveEntry, resolveFile, type YoloConfig } from "./yoloConfig.js";

const FILES_IN_FLIGHT = 16;

/** A line of a list, or a file in a folder. */
interface Entry {
  id: string;
  /** Relative to the root; undefined: a line without an existing file. */
  image: string | undefined;
  written: string;
}

export async function findYolo(tree: FolderTree): Promise<LabelSource | undefined> {
  const all = [...tree.images.values()].flat().sort();
  const labelled = all.filter((image) => labelsOf(tree, image) !== undefined);
  const labels = labelled.map((image) => labelsOf(tree, image)!);
  if (labels.length === 0) return undefined;
  const config = await readYoloConfig(tree);
  // All files may be empty if a configuration file says that they are labels.
  if (config.path === undefined && !(await someAreYolo(tree, labels))) return undefined;
  const lists = rootLists(tree, config);
  const splits = new Map<string, (findings: Findings) => Promise<Entry[]>>();
  for (const [split, entries] of lists)
    splits.set(split, (findings) => readEntries(tree, { split, entries }, config, findings));
  if (lists.size === 0) {
    // Images in folders without labels (charts of an earlier training) are not part of the set.
    const folders = new Set(labelled.map(folderOf));
    const images = all.filter((image) => folders.has(folderOf(image)) || splitOfFolders(image) !== undefined);
    for (const image of images) {
      const name = splitOfFolders(image) ?? WHOLE;
      if (!splits.has(name))
        splits.set(name, async () =>
          entriesOf(
            images.filter((image) => (splitOfFolders(image) ?? WHOLE) === name),
            "",
          ),
        );
    }
  }
  const { names } = config;
  return {
    format: "yolo",
    layout:
      config.path ??
      (lists.size > 0 ? "lists of images" : "text files next to images or in folders called labels"),
    depth: depthOf(labels),
    splits: [...splits.keys()].sort(),
    sizes: "none",
    notes:
      names === undefined
        ? ["There are no class names (data.yaml, classes.txt): class numbers are used as names."]
        : [],
    ownFiles: [
      ...config.files,
      ...[...lists.values()].flat().flatMap((entry) => resolveEntry(tree, entry, config.bases)?.file ?? []),
    ],
    classes: async () => names,
    read: async (split, findings) =>
      toImages(
        tree,
        { split, entries: withDistinctIds(await splits.get(split)!(findings)) },
        config,
        findings,
      ),
  };
}

/** Lists and folders of each split: from the configuration, else train.txt, val.txt and test.txt at the root. */
function rootLists(tree: FolderTree, { splits }: YoloConfig): Map<string, string[]> {
  if (splits.size > 0) return splits;
  const found = new Map<string, string[]>();
  for (const path of withEnding(tree, "txt")) {
    const split = path.includes("/") ? undefined : usualSplit(stemOf(path));
    if (split !== undefined) found.set(split, [...(found.get(split) ?? []), path]);
  }
  return found;
}

async function readEntries(
  tree: FolderTree,
  { split, entries }: { split: string; entries: readonly string[] },
  { path, bases }: YoloConfig,
  findings: Findings,
): Promise<Entry[]> {
  const read: Entry[][] = [];
  for (const entry of entries) {
    const found = resolveEntry(tree, entry, bases);
    if (found?.folder !== undefined) {
      const below = found.folder === "" ? "" : `${found.folder}/`;
      const inside = tree.files.filter((path) => path.startsWith(below) && isImage(path));
      read.push(entriesOf(inside, below));
    } else if (found?.file !== undefined) {
      read.push(await readImageList(tree, found.file, bases));
    } else {
      findings.problem(
        tree.absolute(path ?? entry),
        `${split}: ${quoted(entry)}: no such file or folder in the set. Add it, or remove it from the splits.`,
      );
    }
  }
  return read.flat();
}

async function readImageList(tree: FolderTree, list: string, bases: readonly string[]): Promise<Entry[]> {
  const places = [...new Set([folderOf(list), ...bases])];
  const lines = splitLines(await readText(tree.absolute(list))).map((line) => line.trim());
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const image = resolveFile(tree, line, places);
      return { id: stemOf(belowImages(image ?? line)), image, written: line };
    });
}

/** Ids are paths below the split's folder; if that has folders `images` and `labels`, below `images`. */
function entriesOf(paths: readonly string[], below: string): Entry[] {
  return paths.map((image) => {
    const inside = below === "" ? belowSplit(image) : image.slice(below.length);
    return { id: stemOf(belowImages(inside)), image, written: image };
  });
}

/** If folders of one split have images of the same name, such as cam1/images/0.png, their ids tell the folders. */
function withDistinctIds(entries: readonly Entry[]): readonly Entry[] {
  const images = new Map(entries.map(({ id, image }) => [id, image]));
  if (entries.every(({ id, image }) => images.get(id) === image)) return entries;
  return entries.map((entry) =>
    entry.image === undefined ? entry : { ...entry, id: idWithout(IMAGE_FOLDERS, entry.image) },
  );
}

function belowImages(path: string): string {
  const parts = path.split("/");
  const at = parts.slice(0, -1).findIndex((part) => IMAGE_FOLDERS.has(part.toLowerCase()));
  return parts.slice(at + 1).join("/");
}

/** The label file of an image: with `labels` for the last `images` in its path, or next to it. */
function labelsOf(tree: FolderTree, image: string): string | undefined {
  const parts = stemOf(image).split("/");
  const places: string[] = [];
  for (let i = parts.length - 2; i >= 0; i--) {
    if (!IMAGE_FOLDERS.has(parts[i].toLowerCase())) continue;
    places.push([...parts.slice(0, i), "labels", ...parts.slice(i + 1)].join("/"));
  }
  places.push(
    parts.join("/"),
    [...parts.slice(0, -1), "labels", parts.at(-1)].join("/"),
    `labels/${parts.join("/")}`,
  );
  return places.map((place) => tree.find(`${place}.txt`)).find((path) => path !== undefined);
}

async function toImages(
  tree: FolderTree,
  { split, entries }: { split: string; entries: readonly Entry[] },
  config: YoloConfig,
  findings: Findings,
): Promise<LabelledImage[]> {
  const read = await mapConcurrent(entries, FILES_IN_FLIGHT, async ({ id, image, written }) => {
    const problems: [string, string][] = [];
    const labels = image === undefined ? undefined : labelsOf(tree, image);
    const file = labels && tree.absolute(labels);
    const text =
      file &&
      (await attempt(
        file,
        (...problem) => void problems.push(problem),
        () => readText(file),
      ));
    const objects = text ? readLines(text, config, (message) => void problems.push([file!, message])) : [];
    const found: LabelledImage = {
      id,
      image,
      expected: written,
      labels: labels ?? image ?? config.path ?? written,
      size: undefined,
      objects,
      relative: true,
    };
    const others = image === undefined ? [] : tree.images.get(stemOf(image).normalize())!;
    // Without its labels it would be an image without objects.
    if (file !== undefined && text === undefined) return { labels, problems };
    if (others.length > 1)
      return { found: { ...found, image: undefined, problem: twoImages(others) }, labels, problems };
    return { found, labels, problems };
  });
  for (const { problems } of read) for (const [file, message] of problems) findings.problem(file, message);
  const without = read.flatMap(({ found, labels }) => (labels === undefined && found?.image) || []);
  if (without.length === read.length && read.length > 0) {
    findings.problem(
      tree.absolute(without[0]),
      `none of the ${read.length} images of split ${split} has a label file, such as ${stemOf(nameOf(without[0]))}.txt next to it or in a folder called labels.`,
    );
  } else {
    for (const image of without) findings.note("noLabels", image);
  }
  return read.flatMap(({ found }) => found ?? []);
}

function readLines(text: string, config: YoloConfig, report: (message: string) => void): LabelledObject[] {
  return splitLines(text).flatMap((line, i) => {
    if (line.trim() === "") return [];
    const read = readLine(line, config);
    if (typeof read !== "string") return [{ ...read, at: `line ${i + 1}` }];
    report(`line ${i + 1}: ${quoted(line.trim())}: ${read}`);
    return [];
  });
}

/** An object, or a message about a problem. */
function readLine(line: string, { names, extra, path }: YoloConfig): Omit<LabelledObject, "at"> | string {
  const numbers = line.trim().split(/\s+/).map(parseDecimal);
  if (numbers.includes(undefined)) return "a value is not a number. Expected: class, x, y, width, height.";
  const [number, ...rest] = numbers as number[];
  if (!Number.isInteger(number) || number < 0)
    return `the class is ${number}; expected a non-negative integer.`;
  if (names !== undefined && number >= names.length) {
    return `the class is ${number}; ${path ?? "the list of classes"} has ${names.length}, 0 to ${names.length - 1}.`;
  }
  const box = toBox(rest, extra);
  if (typeof box === "string") return box;
  return { name: names?.[number] ?? String(number), box, difficult: false };
}

function toBox(numbers: readonly number[], extra: number): Box | string {
  const count = numbers.length;
  if (count === 4 || (extra > 0 && count === 4 + extra)) {
    return fromCentre(numbers);
  }
  if (count === 5) return "six numbers; the sixth is a score: these are detections, not labels.";
  if (count < 6 || count % 2 === 1) {
    return `${count + 1} numbers; expected class, x, y, width and height, or a class and at least three points.`;
  }
  return boxAround(numbers)!;
}

/** How many files that are not YOLO to look at before giving up. */
const LOOKED_AT = 16;

/** Whether one of a few files that are not empty, from all over the set, begins with a YOLO line. */
async function someAreYolo(tree: FolderTree, paths: readonly string[]): Promise<boolean> {
  const step = Math.max(1, Math.floor(paths.length / LOOKED_AT));
  const order = [...paths.keys()].sort((a, b) => (a % step) - (b % step) || a - b);
  let others = 0;
  for (const i of order) {
    if (others === LOOKED_AT) return false;
    // A .txt file of another program may be binary.
    const text = await readText(tree.absolute(paths[i])).catch(unlessInput(""));
    const first = splitLines(text).find((line) => line.trim() !== "");
    if (first === undefined) continue;
    const words = first.trim().split(/\s+/);
    if (words.length >= 5 && words.every((word) => parseDecimal(word) !== undefined)) return true;
    others++;
  }
  return false;
}
