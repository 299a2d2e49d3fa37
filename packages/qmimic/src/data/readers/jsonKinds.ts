// Which JSON files are COCO's and which labelme's, by the names at their top.
import { mapConcurrent } from "../concurrent.js";
import { type FolderTree, withEnding } from "../folderTree.js";
import { readStart } from "../text.js";

export type JsonKind = "coco" | "labelme" | undefined;

/** Names are looked for in so many bytes: the values before them are small in all programs' files. */
const START = 65536;
/** A folder of more JSON files than these has one for each image, and some are enough to tell. */
const LOOKED_AT = 64;

const known = new WeakMap<FolderTree, Promise<Map<string, JsonKind>>>();

/** JSON files by path; of many, a sample. */
export function jsonKinds(tree: FolderTree): Promise<Map<string, JsonKind>> {
  const before = known.get(tree);
  if (before) return before;
  const read = look(tree);
  known.set(tree, read);
  return read;
}

async function look(tree: FolderTree): Promise<Map<string, JsonKind>> {
  const paths = withEnding(tree, "json");
  const step = Math.max(1, Math.ceil(paths.length / LOOKED_AT));
  const looked = paths.filter((_, i) => i % step === 0);
  const kinds = await mapConcurrent(looked, 8, async (path) =>
    kindOf(await readStart(tree.absolute(path), START)),
  );
  return new Map(looked.map((path, i) => [path, kinds[i]]));
}

function kindOf(start: string): JsonKind {
  const names = topNames(start);
  if (names.includes("shapes") || names.includes("imagePath")) return "labelme";
  return ["images", "annotations", "categories"].some((name) => names.includes(name)) ? "coco" : undefined;
}

/** Names of the object at the top, as far as the text goes. */
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
