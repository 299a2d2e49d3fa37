// All files below a folder, listed once: thousands of single look-ups would be slow on network disks.
import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { endingOf, isImage, isLeftover, stemOf } from "./endings.js";

export interface FolderTree {
  root: string;
  /** Paths relative to the root with "/" between folders, sorted by code units. Leftovers of operating systems are not among them. */
  files: readonly string[];
  /** How many files and folders were passed over as leftovers. */
  leftovers: number;
  /** Paths of images by their path without ending. */
  images: ReadonlyMap<string, readonly string[]>;
  /** Paths of images by the name alone, without folders and ending. */
  imagesByName: ReadonlyMap<string, readonly string[]>;
  has(path: string): boolean;
  /** The path of a file as it is on disk, also where the name is written in another Unicode form. */
  find(path: string): string | undefined;
  /** How many files have this name, in whatever folders. */
  count(name: string): number;
  /** Names of the files that lie directly in a folder. */
  filesIn(folder: string): readonly string[];
  /** The file's path with the root. */
  absolute(path: string): string;
}

/** @throws InputError when the folder is not there, or not a folder */
export async function readTree(root: string): Promise<FolderTree> {
  const found = await stat(root).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(
      error.code === "ENOENT" ? `${root}: no such directory` : `${root}: cannot be read: ${error.message}`,
    );
  });
  if (!found.isDirectory()) {
    throw new InputError(`${root}: is a file; name the folder that holds images and labels`);
  }
  const files: string[] = [];
  const leftovers = await collect(root, "", files, new Set());
  return toTree(root, files.sort(), leftovers);
}

/** @returns the number of leftovers */
async function collect(root: string, folder: string, files: string[], above: Set<string>): Promise<number> {
  const path = join(root, folder);
  const real = await realpath(path);
  // A link to a folder above would never end.
  if (above.has(real)) return 0;
  const inside = new Set(above).add(real);
  let leftovers = 0;
  const entries = await readdir(path, { withFileTypes: true }).catch((error: Error) => {
    throw new InputError(`${path}: the folder cannot be read: ${error.message}`);
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
    find: (path) => (all.has(path) ? path : byNormalForm.get(path.normalize())),
    count: (name) => counts.get(name.normalize()) ?? 0,
    filesIn: (folder) => folders.get(folder) ?? [],
    absolute: (path) => join(root, path),
  };
}

function add(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

/** "a/b" and "c.txt" to "a/b/c.txt"; "." and ".." are resolved, and undefined is returned for a path that leaves the root. */
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

/** Files with this ending. */
export const withEnding = ({ files }: FolderTree, ending: string): string[] =>
  files.filter((path) => endingOf(path) === ending);
