// labelme: one JSON file per image, with shapes in pixels. The format: wkentaro/labelme,
// labelme/_label_file.py.
import { InputError } from "../../errors.js";
import { quoted, shortened } from "../../text.js";
import { type Box, boxAround } from "../boxes.js";
import { mapConcurrent } from "../concurrent.js";
import { stemOf } from "../endings.js";
import { type FolderTree, folderOf, withEnding } from "../folderTree.js";
import { attempt, type NoteKind } from "../problems.js";
import { splitOfFolders, WHOLE } from "../splitNames.js";
import { readText } from "../text.js";
import { depthOf, idWithout, LABEL_FOLDERS } from "./depth.js";
import { findImage, findNamed } from "./findImage.js";
import { jsonKinds } from "./jsonKinds.js";
import type { LabelledImage, LabelledObject, LabelSource, SplitFile } from "./types.js";
import { isNode, type XmlNode } from "./xml.js";

const FILES_IN_FLIGHT = 8;

/** What is reported about one file. */
interface Remarks {
  problems: string[];
  notes: NoteKind[];
}

export async function findLabelme(tree: FolderTree): Promise<LabelSource | undefined> {
  const kinds = await jsonKinds(tree);
  if (![...kinds.values()].includes("labelme")) return undefined;
  // What is next to its image and not recognized is damaged, or has its keys after the image: it is read, too.
  const paths = withEnding(tree, "json").filter(
    (path) =>
      kinds.get(path) === "labelme" ||
      (kinds.get(path) === undefined && tree.images.has(stemOf(path).normalize())),
  );
  const splits = new Map<string, string[]>();
  for (const path of paths) {
    const split = splitOfFolders(path) ?? WHOLE;
    const list = splits.get(split);
    if (list) list.push(path);
    else splits.set(split, [path]);
  }
  return {
    format: "labelme",
    layout: splits.has(WHOLE) ? "JSON files" : "JSON files, one folder per split",
    depth: depthOf(paths),
    splits: [...splits.keys()].sort(),
    sizes: "each",
    notes: [],
    ownFiles: [],
    classes: async () => undefined,
    read: async (split, findings) => {
      const read = await mapConcurrent(splits.get(split) ?? [], FILES_IN_FLIGHT, async (path) => {
        const file = tree.absolute(path);
        const remarks: Remarks = { problems: [], notes: [] };
        const image = await attempt(
          file,
          (_, message) => void remarks.problems.push(message),
          async () => toImage(tree, { path, split }, parse(await readText(file), file), remarks),
        );
        return { path, file, ...remarks, image };
      });
      return read.flatMap(({ path, file, problems, notes, image }) => {
        for (const message of problems) findings.problem(file, message);
        for (const note of notes) findings.note(note, path);
        return image ?? [];
      });
    },
  };
}

function parse(text: string, file: string): XmlNode {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(
      `${file}: malformed JSON: ${shortened((error as Error).message)}. Export the file again.`,
    );
  }
  if (!isNode(value) || !Array.isArray(value.shapes)) {
    throw new InputError(`${file}: "shapes" is missing or not a list. Expected labelme's layout.`);
  }
  return value;
}

function toImage(
  tree: FolderTree,
  { path, split }: SplitFile,
  { shapes, imagePath, imageWidth, imageHeight }: XmlNode,
  { problems, notes }: Remarks,
): LabelledImage {
  const named = typeof imagePath === "string" && imagePath !== "" ? imagePath : undefined;
  const byName = named === undefined ? undefined : findNamed(tree, named, folderOf(path), split);
  const found = byName?.image === undefined ? findImage(tree, path, named) : byName;
  const sides = [imageWidth, imageHeight];
  const stated = sides.every((side) => Number.isInteger(side) && (side as number) > 0);
  if (!stated && sides.some((side) => side !== undefined && side !== null && side !== 0)) {
    problems.push(`the size is ${sides.map((side) => quoted(side)).join(" x ")}; expected integers.`);
  }
  return {
    id: idWithout(LABEL_FOLDERS, path),
    ...found,
    labels: path,
    size: stated ? { width: sides[0] as number, height: sides[1] as number } : undefined,
    objects: united(
      (shapes as unknown[]).flatMap((shape, i) => {
        const at = `shape ${i + 1}`;
        const object = readShape(shape, at, notes);
        if (typeof object !== "string") return object ? { object, group: groupOf(shape) } : [];
        problems.push(`${at}: ${object}`);
        return [];
      }),
      notes,
    ),
  };
}

/** Shapes of one label with this number are parts of one object. */
const groupOf = (shape: unknown): number | undefined =>
  isNode(shape) && Number.isInteger(shape.group_id) ? (shape.group_id as number) : undefined;

/** Parts of an object, such as a car behind a pole, as one box, as labelme's own converters unite them. */
function united(
  shapes: readonly { object: LabelledObject; group: number | undefined }[],
  notes: NoteKind[],
): LabelledObject[] {
  const objects = new Map<unknown, LabelledObject>();
  for (const { object, group } of shapes) {
    const key = group === undefined ? object : `${String(group)} ${object.name}`;
    const first = objects.get(key);
    if (first) notes.push("united");
    const box = first ? boxAround([...first.box, ...object.box])! : object.box;
    objects.set(key, { ...(first ?? object), box });
  }
  return [...objects.values()];
}

/** An object, undefined for a shape without area, or a message about a problem. */
function readShape(shape: unknown, at: string, notes: NoteKind[]): LabelledObject | undefined | string {
  if (!isNode(shape)) return "not an object.";
  const { label, points, shape_type: type = "polygon" } = shape;
  if (typeof label !== "string" || label.trim() === "")
    return `"label" is ${quoted(label)}; expected the class.`;
  if (!Array.isArray(points) || !points.every(isPoint))
    return `${quoted(label)}: "points" is not a list of [x, y].`;
  if (["point", "points", "line", "linestrip"].includes(type as string)) {
    notes.push("noShape");
    return undefined;
  }
  if (type !== "rectangle") notes.push("shapes");
  const box = type === "circle" ? circleBox(points) : boxAround(points.flat());
  if (box === undefined)
    return `${quoted(label)} has ${points.length} points, too few for a ${type}. Correct or remove it.`;
  return { name: label.trim(), box, difficult: false, at };
}

const isPoint = (value: unknown): value is [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every((coordinate) => typeof coordinate === "number");

/** Points: the centre, and a point on the circle. */
function circleBox([centre, rim]: readonly [number, number][]): Box | undefined {
  if (rim === undefined) return undefined;
  const radius = Math.hypot(rim[0] - centre[0], rim[1] - centre[1]);
  return [centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius];
}
