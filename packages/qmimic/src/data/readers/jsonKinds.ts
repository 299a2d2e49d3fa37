// Tells COCO's and labelme's JSON files apart by their top-level keys.
import { mapConcurrent } from "../concurrent.js";
import { type FolderTree, withEnding } from "../folderTree.js";
import { readStart } from "../text.js";

export type JsonKind = "coco" | "labelme" | undefined;

/** Bytes to search for keys: the values before them are small in practice. */
const START = 65536;
const known = new WeakMap<FolderTree, Promise<Map<string, JsonKind>>>();

/** JSON files by path. */
export function jsonKinds(tree: FolderTree): Promise<Map<string, JsonKind>> {
  const before = known.get(tree);
  if (before) return before;
  const read = look(tree);
  known.set(tree, read);
  return read;
}

async function look(tree: FolderTree): Promise<Map<string, JsonKind>> {
  const paths = withEnding(tree, "json");
  const kinds = await mapConcurrent(paths, 8, async (path) =>
    kindOf(await readStart(tree.absolute(path), START)),
  );
  return new Map(paths.map((path, i) => [path, kinds[i]]));
}

function kindOf(start: string): JsonKind {
  const names = topNames(start);
  if (names.has("shapes") || names.has("imagePath")) return "labelme";
  // Label Studio's notes.json has only categories, qmimic's own results a count of images, or weights.
  const found = ["images", "annotations", "categories"].filter((name) => names.has(name));
  const lists = found.some((name) => name !== "categories" && names.get(name) === true);
  // Long categories may come before the rest.
  const isCut = Buffer.byteLength(start) > START - 4 && names.get("categories") === true;
  return (lists || isCut || found.length > 1) && !names.has("weights") ? "coco" : undefined;
}

/** Keys of the top-level object, as far as the text goes, and whether their values are lists. */
function topNames(text: string): Map<string, boolean> {
  const names = new Map<string, boolean>();
  let depth = 0;
  for (const [token, colon, list] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:\s*(\[)?)?|[{}[\]]/g)) {
    if (depth === 1 && colon !== undefined)
      names.set(token.slice(1, token.lastIndexOf('"')), list !== undefined);
    if (token === "{" || token.endsWith("[")) depth++;
    else if (token === "}" || token === "]") depth--;
  }
  return text.trimStart().startsWith("{") ? names : new Map();
}
