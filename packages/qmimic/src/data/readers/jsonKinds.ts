// Which JSON files are COCO's and which labelme's, by the names at their top.
import { open } from "node:fs/promises";
import { mapConcurrent } from "../concurrent.js";
import { type FolderTree, withEnding } from "../folderTree.js";

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
  const kinds = await mapConcurrent(looked, 8, async (path) => kindOf(await startOf(tree.absolute(path))));
  return new Map(looked.map((path, i) => [path, kinds[i]]));
}

async function startOf(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const bytes = Buffer.alloc(START);
    const { bytesRead } = await handle.read(bytes, 0, START, 0);
    return bytes.subarray(0, bytesRead).toString("latin1").replaceAll("\0", "");
  } finally {
    await handle.close();
  }
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
  return text
    .trimStart()
    .replace(/^[\xef\xbb\xbf\xff\xfe]+/, "")
    .startsWith("{")
    ? names
    : [];
}
