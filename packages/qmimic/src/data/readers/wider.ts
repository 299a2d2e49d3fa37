// WIDER FACE's lists: an image path, the number of faces, and one line per face. The format: readme.txt of
// wider_face_split: x1, y1, w, h, blur, expression, illumination, invalid, occlusion, pose.

import { quoted } from "../../text.js";
import { isImage, stemOf } from "../endings.js";
import { type FolderTree, folderOf, nameOf, withEnding } from "../folderTree.js";
import { attempt, counted, type Findings } from "../problems.js";
import { splitOfName, WHOLE } from "../splitNames.js";
import { readStart, readText, splitLines } from "../text.js";
import { depthOf } from "./depth.js";
import { findNamed, idOfNamed } from "./findImage.js";
import type { LabelledImage, LabelledObject, LabelSource, Mark, SplitFile } from "./types.js";
import { parseDecimal } from "./xml.js";

const CLASS = "face";
const START = 4096;

export async function findWider(tree: FolderTree): Promise<LabelSource | undefined> {
  const paths: string[] = [];
  for (const path of candidates(tree)) if (await isList(tree.absolute(path))) paths.push(path);
  if (paths.length === 0) return undefined;
  const usual = paths.map((path) => splitOfName(nameOf(path)) ?? (paths.length === 1 ? WHOLE : stemOf(path)));
  const splits = new Map(
    paths.map((path, i) => [
      usual.filter((name) => name === usual[i]).length === 1 ? usual[i] : stemOf(path),
      path,
    ]),
  );
  return {
    format: "wider",
    layout: paths.join(", "),
    depth: depthOf(paths),
    splits: [...splits.keys()].sort(),
    sizes: "none",
    notes: [],
    ownFiles: paths,
    classes: async () => [CLASS],
    read: async (split, findings) => {
      const path = splits.get(split)!;
      const text = await attempt(tree.absolute(path), findings.problem, () => readText(tree.absolute(path)));
      return text === undefined ? [] : readWiderList(tree, { path, split }, text, findings);
    },
  };
}

/** Text files without an image of the same name next to them, which would be YOLO's. */
function candidates(tree: FolderTree): string[] {
  const texts = withEnding(tree, "txt").filter((path) => !/(^|\/)(ImageSets|labels)\//.test(path));
  return texts.length > 200 ? texts.filter((path) => /bbx|wider/i.test(path)) : texts;
}

/** Whether a text begins with an image name, a number, and (unless it is 0) a line of numbers. */
async function isList(file: string): Promise<boolean> {
  const lines = splitLines(await readStart(file, START));
  const [name = "", count = "", next = ""] = lines.map((line) => line.trim());
  return isImage(name) && /^\d+$/.test(count) && (isRow(next) || (Number(count) === 0 && isImage(next)));
}

const isRow = (line: string): boolean => {
  const words = line.trim().split(/\s+/);
  return words.length >= 4 && words.every((word) => parseDecimal(word) !== undefined);
};

/** All images of a list. Exported for tests. */
export function readWiderList(
  tree: FolderTree,
  { path, split }: SplitFile,
  text: string,
  findings: Findings,
): LabelledImage[] {
  const file = tree.absolute(path);
  const lines = splitLines(text);
  while (lines.at(-1)?.trim() === "") lines.pop();
  const images: LabelledImage[] = [];
  for (let at = 0; at < lines.length; ) {
    const name = lines[at].trim();
    const count = /^\s*\d+\s*$/.test(lines[at + 1] ?? "") ? Number(lines[at + 1]) : undefined;
    if (!isImage(name) || count === undefined) {
      findings.problem(
        file,
        `line ${at + 1}: ${quoted(name)} and ${quoted(lines[at + 1] ?? "")}; expected an image path, then its number of faces. The rest of the list is not read.`,
      );
      break;
    }
    at += 2;
    if (count > lines.length - at) {
      findings.problem(
        file,
        `line ${at}: ${quoted(name)} has ${count} faces, but the list has only ${counted(lines.length - at, "more line")}. The rest is not read.`,
      );
      break;
    }
    const objects: LabelledObject[] = [];
    for (let i = 0; i < count; i++) {
      const face = readFace(lines[at + i] ?? "", at + i + 1);
      if (typeof face === "string") findings.problem(file, face);
      else if (face === undefined) findings.note("noArea", name);
      else objects.push(face);
    }
    at += count;
    // An image without faces still has a line of zeros.
    if (count === 0 && isRow(lines[at] ?? "")) at++;
    const found = findNamed(tree, name, folderOf(path), split);
    images.push({ id: idOfNamed(stemOf(name)), ...found, labels: path, size: undefined, objects });
  }
  return images;
}

/** A face, undefined for one without area, or a message about a problem. */
function readFace(line: string, number: number): LabelledObject | undefined | string {
  const values = line.trim().split(/\s+/).map(parseDecimal);
  if (values.includes(undefined) || (values.length !== 4 && values.length !== 10)) {
    return `line ${number}: ${quoted(line.trim())}; expected x, y, width, height, and either six attributes or none.`;
  }
  const [x, y, width, height, blur = 0, , , invalid = 0, occlusion = 0] = values as number[];
  if (width <= 0 || height <= 0) return undefined;
  const marks: Mark[] = [
    ...(blur === 2 ? ["heavy-blur" as const] : []),
    ...(occlusion === 2 ? ["heavy-occlusion" as const] : []),
  ];
  return {
    name: CLASS,
    box: [x, y, x + width, y + height],
    difficult: invalid !== 0,
    at: `line ${number}`,
    ...(marks.length > 0 ? { marks } : {}),
  };
}
