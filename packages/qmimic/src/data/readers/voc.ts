// Pascal VOC: one XML file per image, with or without lists in ImageSets, in the layouts that tools write.
import { InputError } from "../../errors.js";
import { listed } from "../../text.js";
import { mapConcurrent } from "../concurrent.js";
import { stemOf } from "../endings.js";
import { type FolderTree, folderOf, nameOf, withEnding } from "../folderTree.js";
import { attempt, type Findings } from "../problems.js";
import { belowSplit, splitOfFolders, usualSplit, WHOLE } from "../splitNames.js";
import { readStart, readText, splitLines } from "../text.js";
import { depthOf } from "./depth.js";
import { findImage, nearMiss } from "./findImage.js";
import type { LabelledImage, LabelSource } from "./types.js";
import { readList, sortLists } from "./vocLists.js";
import { readVocAnnotation, type VocAnnotation } from "./vocXml.js";
import { rootElement } from "./xml.js";

const FILES_IN_FLIGHT = 16;
/** Bytes to read to find a document's root element. */
const START = 4096;
/** CVAT's list of classes: lines "name:color:parts:actions" in label order. */
const LABEL_MAP = "labelmap.txt";

/** An image's annotation, and its id in lists. */
interface Entry {
  id: string;
  /** Relative to the root. */
  xml: string;
}

export async function findVoc(tree: FolderTree): Promise<LabelSource | undefined> {
  const base = findBase(tree);
  const below = base === "" ? "" : `${base}/`;
  const xmls = withEnding(tree, "xml").filter((path) => path.startsWith(below));
  const listPaths = listsOf(tree, below);
  if (listPaths.length === 0 && !(await someAreVoc(tree, xmls))) return undefined;

  const annotations = xmls.some((path) => path.startsWith(`${below}Annotations/`))
    ? `${below}Annotations/`
    : below;
  const found = {
    format: "voc",
    base,
    sizes: "each",
    depth: depthOf([...xmls, ...listPaths]),
    classes: () => readLabelMap(tree, `${below}${LABEL_MAP}`),
    ownFiles: [...listPaths, `${below}${LABEL_MAP}`],
  } as const;
  const notes = base === "" ? [] : [`Reading its VOC subfolder: ${base}.`];
  if (listPaths.length > 0) {
    const source = await fromLists(tree, { below, annotations, listPaths, notes, found });
    if (source.splits.length > 0) return source;
    notes.push(...source.notes);
  }
  const inFolder = xmls.filter((path) => path.startsWith(annotations));
  const splits = new Map<string, Entry[]>();
  for (const xml of inFolder) {
    const split = splitOfFolders(xml);
    const id = stemOf(
      split === undefined ? xml.slice(annotations.length) : withoutLabelFolder(belowSplit(xml)),
    );
    const entries = splits.get(split ?? WHOLE);
    if (entries) entries.push({ id, xml });
    else splits.set(split ?? WHOLE, [{ id, xml }]);
  }
  return {
    ...found,
    layout: splits.has(WHOLE) ? "XML files without lists" : "XML files, one folder per split",
    splits: [...splits.keys()].sort(),
    notes,
    read: (split, findings) => readEntries(tree, splits.get(split) ?? [], findings),
  };
}

const withoutLabelFolder = (path: string): string => path.replace(/^Annotations\//i, "");

interface Lists {
  /** The VOC folder, empty or with a trailing slash. */
  below: string;
  annotations: string;
  listPaths: string[];
  notes: string[];
  found: Pick<LabelSource, "format" | "base" | "sizes" | "depth" | "classes" | "ownFiles">;
}

async function fromLists(
  tree: FolderTree,
  { below, annotations, listPaths, notes, found }: Lists,
): Promise<LabelSource> {
  const folders = ["JPEGImages/", "images/", ...(annotations === below ? [""] : [])];
  const known = {
    annotation: (id: string) => tree.find(`${annotations}${id}.xml`) !== undefined,
    image: (id: string) => folders.some((folder) => tree.images.has(`${below}${folder}${id}`.normalize())),
  };
  const lists = await Promise.all(listPaths.map((path) => readList(tree, path, known)));
  const sorted = sortLists(lists, known);
  return {
    ...found,
    layout: `lists in ${folderOf(listPaths[0])}`,
    splits: [...sorted.lists.keys()].sort(),
    hidden: [...sorted.ofOneClass.keys()],
    notes: [...notes, ...sorted.notes],
    read: (split, findings) => {
      const list = sorted.lists.get(split) ?? sorted.ofOneClass.get(split);
      if (list === undefined) return Promise.resolve([]);
      for (const message of list.problems) findings.problem(tree.absolute(list.path), message);
      const entries = list.ids.map((id) => ({ id, xml: `${annotations}${id}.xml` }));
      return readEntries(tree, entries, findings);
    },
  };
}

async function readEntries(
  tree: FolderTree,
  entries: readonly Entry[],
  findings: Findings,
): Promise<LabelledImage[]> {
  const read = await mapConcurrent(entries, FILES_IN_FLIGHT, async ({ id, xml }) => {
    const problems: [string, string][] = [];
    const problem = (file: string, message: string): void => void problems.push([file, message]);
    const file = tree.absolute(tree.find(xml) ?? xml);
    if (tree.find(xml) === undefined) {
      problem(file, missing(tree, xml));
      return { problems };
    }
    const annotation = await attempt(file, problem, () =>
      readVocAnnotation(file, (message) => problem(file, message)),
    );
    return { problems, image: annotation && toImage(tree, id, xml, annotation), annotation };
  });
  // Reported here, not while reading, to keep the order deterministic.
  return read.flatMap(({ problems, image, annotation }) => {
    for (const [file, message] of problems) findings.problem(file, message);
    for (const what of annotation?.unread ?? []) findings.unread(what);
    return image ?? [];
  });
}

function missing(tree: FolderTree, xml: string): string {
  const near = nearMiss(tree, stemOf(xml), "xml");
  const remedy =
    near === ""
      ? " Add it (an image without objects has an annotation without <object>), or remove the id from the list."
      : near;
  return `the annotation is missing.${remedy}`;
}

function toImage(
  tree: FolderTree,
  id: string,
  xml: string,
  { size, image: named, objects }: VocAnnotation,
): LabelledImage {
  return { id, ...findImage(tree, xml, named), labels: xml, size, objects };
}

/** The folder with Annotations or ImageSets: the root, or the only one below it. */
function findBase(tree: FolderTree): string {
  const bases = new Set<string>();
  for (const path of tree.files) {
    const parts = path.split("/");
    const at = parts.findIndex((part, i) => i < parts.length - 1 && /^(Annotations|ImageSets)$/.test(part));
    if (at >= 0 && (parts[at] === "ImageSets" ? path.endsWith(".txt") : path.endsWith(".xml"))) {
      bases.add(parts.slice(0, at).join("/"));
    }
  }
  const found = [...bases].sort();
  if (bases.has("") || found.length === 0 || found.every((base) => usualSplit(nameOf(base)) !== undefined)) {
    return "";
  }
  if (found.length > 1) {
    throw new InputError(
      `${tree.root}: has ${found.length} VOC folders: ${listed(found)}. Choose one of them, such as ${tree.absolute(found[0])}.`,
    );
  }
  return found[0];
}

function listsOf(tree: FolderTree, below: string): string[] {
  const texts = withEnding(tree, "txt");
  const inMain = texts.filter((path) => folderOf(path) === `${below}ImageSets/Main`);
  return inMain.length > 0 ? inMain : texts.filter((path) => folderOf(path) === `${below}ImageSets`);
}

/** Whether one of a few XML files is a VOC annotation. */
async function someAreVoc(tree: FolderTree, xmls: readonly string[]): Promise<boolean> {
  const step = Math.max(1, Math.floor(xmls.length / 8));
  for (let i = 0; i < xmls.length; i += step) {
    const start = await readStart(tree.absolute(xmls[i]), START);
    if (rootElement(start) === "annotation") return true;
  }
  return false;
}

async function readLabelMap(tree: FolderTree, path: string): Promise<string[] | undefined> {
  if (!tree.has(path)) return undefined;
  const names = splitLines(await readText(tree.absolute(path)))
    .filter((line) => line.trim() !== "" && !line.startsWith("# label:"))
    .map((line) => line.replace(/:[^:]*:[^:]*:[^:]*$/, "").trim());
  // Label 0.
  if (names[0] === "background") names.shift();
  return names.length > 0 ? [...new Set(names)] : undefined;
}
