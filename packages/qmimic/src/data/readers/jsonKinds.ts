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
  if (names.includes("shapes") || names.includes("imagePath")) return "labelme";
  return ["images", "annotations", "categories"].some((name) => names.includes(name)) ? "coco" : undefined;
}

/** Keys of the top-level object, as far as the text goes. */
function topNames(text: string): string[] {
  const names: string[] = [];
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?|[{}[\]]/g)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    else if (depth === 1 && token.endsWith(":")) names.push(token.slice(1, token.lastIndexOf('"')));
  }
  return text.trimStart().startsWith("{") ? names : [];
}
