// COCO JSON: instances_train2017.json, Roboflow's _annotations.coco.json, CVAT's instances_default.json.
// The format: Lin et al., Microsoft COCO: Common Objects in Context, and cocodataset.org, Data format.
import { stemOf } from "../endings.js";
import { type FolderTree, folderOf, nameOf } from "../folderTree.js";
import { attempt, counted, type Findings, someOf, unlessInput } from "../problems.js";
import { splitOfFolders, splitOfName, usualSplit, WHOLE } from "../splitNames.js";
import { type CocoFile, readCocoFile } from "./cocoFile.js";
import { depthOf } from "./depth.js";
import { findNamed, idOfNamed } from "./findImage.js";
import { jsonKinds } from "./jsonKinds.js";
import type { LabelledImage, LabelSource, SplitFile } from "./types.js";

/** Files of the COCO data set for other tasks. */
const OTHER_TASKS = /^(captions|person_keypoints|stuff|panoptic|image_info)_/;

export async function findCoco(tree: FolderTree): Promise<LabelSource | undefined> {
  const all = [...(await jsonKinds(tree))].flatMap(([path, kind]) => (kind === "coco" ? path : []));
  const instances = all.filter((path) => !OTHER_TASKS.test(nameOf(path)));
  const paths = instances.length > 0 ? instances : all;
  if (paths.length === 0) return undefined;
  const others = all.filter((path) => !paths.includes(path));
  const notes =
    others.length === 0
      ? []
      : [`${counted(others.length, "JSON file")} for other tasks skipped (${someOf(others)}).`];

  const splits = nameSplits(paths);
  const files = new Map<string, Promise<CocoFile>>();
  const fileOf = (split: string): Promise<CocoFile> => {
    const read = files.get(split) ?? readCocoFile(tree.absolute(splits.get(split)!));
    files.set(split, read);
    return read;
  };
  return {
    format: "coco",
    layout: paths.join(", "),
    depth: depthOf(paths),
    splits: [...splits.keys()].sort(),
    sizes: "together",
    notes,
    ownFiles: all,
    classes: async () => {
      const first = splits.has("train") ? "train" : [...splits.keys()].sort()[0];
      // Problems of the file are reported when its split is read.
      const file = await fileOf(first).catch(unlessInput(undefined));
      return file && classesOf(file);
    },
    read: async (split, findings) => {
      const path = splits.get(split)!;
      const file = await attempt(tree.absolute(path), findings.problem, () => fileOf(split));
      return file === undefined ? [] : toImages(tree, { path, split }, file, findings);
    },
  };
}

/** The split of each file: by its name or folder, or one for all; if that is ambiguous, its whole path. */
function nameSplits(paths: readonly string[]): Map<string, string> {
  const names = paths.map((path) => {
    // COCO's and CVAT's file names state it explicitly.
    const stated = /^instances_(.+)$/.exec(stemOf(nameOf(path)))?.[1];
    if (stated !== undefined && stated !== "default") return usualSplit(stated) ?? stated;
    const usual = splitOfName(nameOf(path)) ?? splitOfFolders(path);
    return usual ?? (paths.length === 1 ? WHOLE : stemOf(nameOf(path)));
  });
  return new Map(
    paths.map((path, i) => [
      names.indexOf(names[i]) === names.lastIndexOf(names[i]) ? names[i] : stemOf(path),
      path,
    ]),
  );
}

/** Names in id order, without categories that only group others, as Roboflow writes them. */
function classesOf({ categories, objects }: CocoFile): string[] {
  const groups = new Set(categories.map(({ supercategory }) => supercategory));
  const used = new Set<string>();
  for (const list of objects.values()) for (const { name } of list) used.add(name);
  return [...categories]
    .sort((a, b) => a.id - b.id)
    .map(({ name }) => name)
    .filter((name) => {
      const ownGroup = categories.some(
        (category) => category.name === name && category.supercategory === name,
      );
      return used.has(name) || ownGroup || !groups.has(name);
    });
}

function toImages(
  tree: FolderTree,
  { path, split }: SplitFile,
  { images, objects, problems, unread }: CocoFile,
  findings: Findings,
): LabelledImage[] {
  for (const message of problems) findings.problem(tree.absolute(path), message);
  for (const [what, count] of unread) findings.unread(what, count);
  const stems = new Map<string, number>();
  for (const { name } of images) stems.set(stemOf(name), (stems.get(stemOf(name)) ?? 0) + 1);
  return images.map(({ id, name, size }) => ({
    // a.jpg and a.png in one file are different images.
    id: idOfNamed(stems.get(stemOf(name)) === 1 ? stemOf(name) : name),
    ...findNamed(tree, name, folderOf(path), split),
    labels: path,
    size,
    objects: objects.get(id) ?? [],
  }));
}
