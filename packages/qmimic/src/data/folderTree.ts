// Lists all files below a folder once: thousands of single lookups would be slow on network disks.
import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { endingOf, isImage, isLeftover, stemOf } from "./endings.js";

export interface FolderTree {
  root: string;
  /**
   * Paths relative to the root with "/" between folders, sorted by code units. Without leftovers of operating
   * systems.
   */
  files: readonly string[];
  /** Number of files and folders ignored as leftovers. */
  leftovers: number;
  /** Image paths by path without extension. */
  images: ReadonlyMap<string, readonly string[]>;
  /** Image paths by file name without extension. */
  imagesByName: ReadonlyMap<string, readonly string[]>;
  has(path: string): boolean;
  /** A file's path as on disk, even if the given name is in another Unicode form, or its extension in another case. */
  find(path: string): string | undefined;
  /** Number of files with this name in all folders. */
  count(name: string): number;
  /** Names of the files directly in a folder. */
  filesIn(folder: string): readonly string[];
  /** The file's path including the root. */
  absolute(path: string): string;
}

/** @throws InputError if it does not exist or is not a directory */
export async function readTree(root: string): Promise<FolderTree> {
  const found = await stat(root).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(
      error.code === "ENOENT" ? `${root}: no such directory` : `${root}: cannot be read: ${error.message}`,
    );
  });
  if (!found.isDirectory()) {
    throw new InputError(`${root}: not a directory; expected the folder with images and labels`);
  }
  const files: string[] = [];
  const leftovers = await collect(root, "", files, new Set());
  return toTree(root, files.sort(), leftovers);
}

/** @returns the number of leftovers */
async function collect(root: string, folder: string, files: string[], above: Set<string>): Promise<number> {
  const path = join(root, folder);
  const real = await realpath(path);
  // A link to a parent folder would recurse forever.
  if (above.has(real)) return 0;
  const inside = new Set(above).add(real);
  let leftovers = 0;
  const entries = await readdir(path, { withFileTypes: true }).catch((error: Error) => {
    throw new InputError(`${path}: cannot read the folder: ${error.message}`);
  });
  for (const entry of entries) {
    const name = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (isLeftover(entry.name)) {
      leftovers++;
      continue;
    }
    const isFolder = entry.isSymbolicLink()
      ? await stat(join(root, name)).then(
          (target) => target.isDirectory(),
          () => false,
        )
      : entry.isDirectory();
    if (isFolder) leftovers += await collect(root, name, files, inside);
    else files.push(name);
  }
  return leftovers;
}

function toTree(root: string, files: string[], leftovers: number): FolderTree {
  const images = new Map<string, string[]>();
  const imagesByName = new Map<string, string[]>();
  const folders = new Map<string, string[]>();
  const byNormalForm = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const path of files) {
    const normal = path.normalize();
    byNormalForm.set(withLowerEnding(normal), path);
    byNormalForm.set(normal, path);
    counts.set(nameOf(normal), (counts.get(nameOf(normal)) ?? 0) + 1);
    const slash = path.lastIndexOf("/");
    add(folders, path.slice(0, Math.max(0, slash)), path.slice(slash + 1));
    if (!isImage(path)) continue;
    const stem = stemOf(path).normalize();
    add(images, stem, path);
    add(imagesByName, stem.slice(stem.lastIndexOf("/") + 1), path);
  }
  const all = new Set(files);
  return {
    root,
    files,
    leftovers,
    images,
    imagesByName,
    has: (path) => all.has(path),
    find: (path) =>
      all.has(path)
        ? path
        : (byNormalForm.get(path.normalize()) ?? byNormalForm.get(withLowerEnding(path.normalize()))),
    count: (name) => counts.get(name.normalize()) ?? 0,
    filesIn: (folder) => folders.get(folder) ?? [],
    absolute: (path) => join(root, path),
  };
}

/** "labels/a.txt" for "labels/a.TXT" */
const withLowerEnding = (path: string): string => {
  const ending = endingOf(path);
  return ending === "" ? path : `${stemOf(path)}.${ending}`;
};

function add(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

/** "a/b" and "c.txt" to "a/b/c.txt"; resolves "." and ".."; undefined for a path outside the root. */
export function joinPath(folder: string, path: string): string | undefined {
  const parts: string[] = folder === "" ? [] : folder.split("/");
  for (const part of path.replaceAll("\\", "/").split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}

export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Files with this extension. */
export const withEnding = ({ files }: FolderTree, ending: string): string[] =>
  files.filter((path) => endingOf(path) === ending);
