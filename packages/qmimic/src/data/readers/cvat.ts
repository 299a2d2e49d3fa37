// CVAT for images 1.1: one XML with all images and their shapes.
// The format: CVAT, XML annotation format.

import { quoted } from "../../text.js";
import { type Box, boxAround } from "../boxes.js";
import { mapConcurrent } from "../concurrent.js";
import { stemOf } from "../endings.js";
import { type FolderTree, folderOf, withEnding } from "../folderTree.js";
import { attempt, type Findings, unlessInput } from "../problems.js";
import { splitOfFolders, splitOfName, usualSplit, WHOLE } from "../splitNames.js";
import { readStart, readText } from "../text.js";
import { depthOf } from "./depth.js";
import { findNamed, idOfNamed } from "./findImage.js";
import type { LabelledImage, LabelledObject, LabelSource, SplitFile } from "./types.js";
import {
  ATTRIBUTE,
  children,
  isNode,
  parseDecimal,
  parseXml,
  rootElement,
  textOf,
  type XmlNode,
} from "./xml.js";

const MAX_XML_BYTES = 400e6;
/** Files to inspect first: a folder of many XML files none of which is CVAT's is VOC. */
const LOOKED_AT = 16;
/** Bytes to read to find a document's root element. */
const START = 4096;

export async function findCvat(tree: FolderTree): Promise<LabelSource | undefined> {
  const candidates = withEnding(tree, "xml");
  const ofCvat = async (some: readonly string[]): Promise<string[]> => {
    const starts = await mapConcurrent(some, 8, (path) => readStart(tree.absolute(path), START));
    return some.filter((_, i) => rootElement(starts[i]) === "annotations");
  };
  const first = await ofCvat(candidates.slice(0, LOOKED_AT));
  if (first.length === 0) return undefined;
  const paths = [...first, ...(await ofCvat(candidates.slice(LOOKED_AT)))];
  const files = new Map<string, Promise<XmlNode>>();
  const read = (path: string): Promise<XmlNode> => {
    const file = tree.absolute(path);
    const root =
      files.get(path) ?? readText(file, MAX_XML_BYTES).then((text) => parseXml(text, file, "annotations"));
    files.set(path, root);
    return root;
  };
  const splits = await listSplits(paths, read);
  return {
    format: "cvat",
    layout: paths.join(", "),
    depth: depthOf(paths),
    splits: [...splits.keys()].sort(),
    sizes: "together",
    notes: [],
    ownFiles: paths,
    classes: async () => {
      const roots = await Promise.all(paths.map((path) => read(path).catch(unlessInput<XmlNode>({}))));
      const names = [...new Set(roots.flatMap(labelNames))];
      return names.length > 0 ? names : undefined;
    },
    read: async (split, findings) => {
      const all: LabelledImage[] = [];
      for (const path of splits.get(split) ?? []) {
        const root = await attempt(tree.absolute(path), findings.problem, () => read(path));
        if (root === undefined) continue;
        if (children(root, "track").length > 0) {
          findings.problem(
            tree.absolute(path),
            'it has <track>s: this is "CVAT for video". Export it as "CVAT for images 1.1".',
          );
        }
        for (const node of children(root, "image")) {
          if (isNode(node) && splitOf(node, path, paths.length) === split)
            all.push(toImage(tree, { path, split }, node, findings));
        }
      }
      return all;
    },
  };
}

/** The files of each split. */
async function listSplits(
  paths: readonly string[],
  read: (path: string) => Promise<XmlNode>,
): Promise<Map<string, string[]>> {
  const splits = new Map<string, string[]>();
  for (const path of paths) {
    // Problems of a file are reported when its split is read.
    const root = await read(path).catch(unlessInput<XmlNode>({}));
    const nodes = children(root, "image").filter(isNode);
    const names = new Set(nodes.map((node) => splitOf(node, path, paths.length)));
    for (const name of names.size > 0 ? names : [splitOf({}, path, paths.length)]) {
      splits.set(name, [...(splits.get(name) ?? []), path]);
    }
  }
  return splits;
}

/** The image's subset, else the split named by the file or folder, else the whole set. */
function splitOf(image: XmlNode, path: string, files: number): string {
  const subset = image[`${ATTRIBUTE}subset`];
  if (typeof subset === "string" && subset !== "" && subset !== "default")
    return usualSplit(subset) ?? subset;
  return (
    splitOfName(path.slice(path.lastIndexOf("/") + 1)) ??
    splitOfFolders(path) ??
    (files === 1 ? WHOLE : stemOf(path))
  );
}

/** Names of the <label>s in the task's or project's metadata. */
function labelNames({ meta }: XmlNode): string[] {
  const of = (node: unknown): string[] => {
    if (!isNode(node)) return [];
    const labels = isNode(node.labels) ? children(node.labels, "label") : [];
    const declared = labels.flatMap((label) => (isNode(label) ? (textOf(label.name)?.trim() ?? []) : []));
    return [...declared, ...["task", "project", "job"].flatMap((key) => of(node[key]))];
  };
  return of(meta);
}

function toImage(
  tree: FolderTree,
  { path, split }: SplitFile,
  node: XmlNode,
  findings: Findings,
): LabelledImage {
  const attribute = (name: string): string => String(node[`${ATTRIBUTE}${name}`] ?? "");
  const name = attribute("name").replaceAll("\\", "/");
  const [width, height] = [attribute("width"), attribute("height")].map(parseDecimal);
  const stated = [width, height].every((side) => side !== undefined && Number.isInteger(side) && side > 0);
  const objects: LabelledObject[] = [];
  for (const [kind, shape] of Object.entries(node)) {
    for (const shape of kind.startsWith(ATTRIBUTE) ? [] : children(node, kind)) {
      const at = `image ${quoted(name)}, ${kind}`;
      const read = isNode(shape) ? readShape(kind, shape, at) : undefined;
      if (typeof read === "string") findings.problem(tree.absolute(path), `${at}: ${read}`);
      else if (read !== undefined) objects.push(read);
      if (kind === "points" || kind === "polyline" || kind === "skeleton") findings.note("noShape", name);
      else if (kind !== "box" && read !== undefined) findings.note("shapes", name);
    }
    if (!kind.startsWith(ATTRIBUTE) && !kind.startsWith("#") && !SHAPES.has(kind) && shape !== undefined)
      findings.unread(kind);
  }
  return {
    id: idOfNamed(stemOf(name)),
    ...findNamed(tree, name, folderOf(path), split),
    labels: path,
    size: stated ? { width: width!, height: height! } : undefined,
    objects,
  };
}

/** Elements of an image that are read, or reported by a note. */
const SHAPES = new Set(["box", "cuboid", "ellipse", "mask", "polygon", "points", "polyline", "skeleton"]);

/** An object, a message about a problem, or undefined for a shape without area. */
function readShape(kind: string, node: XmlNode, at: string): LabelledObject | string | undefined {
  const box = boxOf(kind, node);
  if (box === undefined) return undefined;
  const label = node[`${ATTRIBUTE}label`];
  if (typeof label !== "string" || label.trim() === "") return "it has no label. Export the file again.";
  if (typeof box === "string") return `${quoted(label)}: ${box}`;
  const occluded = node[`${ATTRIBUTE}occluded`] === "1";
  return { name: label.trim(), box, difficult: false, at, ...(occluded ? { marks: ["occluded"] } : {}) };
}

function boxOf(kind: string, node: XmlNode): Box | string | undefined {
  const numbers = (...names: string[]): number[] | string => {
    const values = names.map((name) => parseDecimal(node[`${ATTRIBUTE}${name}`]));
    const missing = values.indexOf(undefined);
    return missing < 0
      ? (values as number[])
      : `${names[missing]} is ${quoted(node[`${ATTRIBUTE}${names[missing]}`])}; expected a number.`;
  };
  const on = (values: number[] | string, make: (values: number[]) => Box): Box | string =>
    typeof values === "string" ? values : make(values);
  const degrees = parseDecimal(node[`${ATTRIBUTE}rotation`]) ?? 0;
  switch (kind) {
    case "box":
      return on(numbers("xtl", "ytl", "xbr", "ybr"), (box) => turned(box as Box, degrees));
    case "ellipse":
      return on(numbers("cx", "cy", "rx", "ry"), ([x, y, rx, ry]) =>
        turned([x - rx, y - ry, x + rx, y + ry], degrees),
      );
    case "mask":
      return on(numbers("left", "top", "width", "height"), ([x, y, width, height]) => [
        x,
        y,
        x + width,
        y + height,
      ]);
    case "cuboid": {
      const corners = ["tl1", "bl1", "tr1", "br1", "tl2", "bl2", "tr2", "br2"];
      return on(
        numbers(...corners.flatMap((corner) => [`x${corner}`, `y${corner}`])),
        (all) => boxAround(all)!,
      );
    }
    case "polygon": {
      const points = String(node[`${ATTRIBUTE}points`] ?? "")
        .split(/[;,]/)
        .map((coordinate) => parseDecimal(coordinate.trim()));
      const known = points.filter((coordinate) => coordinate !== undefined);
      return known.length === points.length && known.length >= 6 && known.length % 2 === 0
        ? boxAround(known)!
        : "expected at least three points, each a pair of numbers.";
    }
    default:
      return undefined;
  }
}

/** The bounding box of a rectangle rotated about its centre. */
function turned([xmin, ymin, xmax, ymax]: Box, degrees: number): Box {
  if (degrees === 0) return [xmin, ymin, xmax, ymax];
  const [sin, cos] = [Math.sin, Math.cos].map((f) => Math.abs(f((degrees * Math.PI) / 180)));
  const [x, y] = [(xmin + xmax) / 2, (ymin + ymax) / 2];
  const [w, h] = [(xmax - xmin) / 2, (ymax - ymin) / 2];
  const [reachX, reachY] = [w * cos + h * sin, w * sin + h * cos];
  return [x - reachX, y - reachY, x + reachX, y + reachY];
}
