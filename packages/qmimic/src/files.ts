// Writing files so that a reader never sees half of one, and reading what is a file alone.
import { randomBytes } from "node:crypto";
import { constants, existsSync, rmSync, type Stats, statSync } from "node:fs";
import { access, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { InputError, isSystemError } from "./errors.js";

/**
 * Makes a folder and those above it. Node's own recursive mkdir never returns where an existing folder refuses
 * with ENOENT, as /proc does. Throws what node:fs throws.
 */
export async function makeFolders(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await stat(path)).isDirectory()) return;
    const above = dirname(path);
    const exists = await stat(above).catch(() => null);
    if (code !== "ENOENT" || exists !== null || above === path) throw error;
    await makeFolders(above);
    await makeFolders(path);
  }
}

/**
 * Whether files can be written in the folder, which need not be there yet; nothing is made.
 * @throws InputError when it, or what is there of its path, is not a directory or not writable
 */
export async function checkWritable(folder: string): Promise<void> {
  let found = resolve(folder);
  while (!existsSync(found) && found !== dirname(found)) found = dirname(found);
  const status = await stat(found).catch(() => null);
  if (!status?.isDirectory())
    throw new InputError(`${folder}: cannot be written: ${found} is not a directory`);
  await access(found, constants.W_OK).catch(() => {
    throw new InputError(`${folder}: cannot be written: permission denied in ${found}`);
  });
}

/** What is there in the place of a file to read; undefined where it is one. Reading a pipe or a device may never end. */
function otherThanFile(found: Stats): string | undefined {
  if (found.isFile()) return undefined;
  const what = found.isDirectory()
    ? "a directory"
    : found.isFIFO()
      ? "a named pipe"
      : found.isSocket()
        ? "a socket"
        : "a device";
  return `it is ${what}; a regular file expected`;
}

/**
 * For readers that open a path by other means.
 * @throws Error saying, without the path, what is there instead of a regular file; what node:fs throws
 */
export async function requireFile(path: string): Promise<void> {
  const other = otherThanFile(await stat(path));
  if (other !== undefined) throw new Error(other);
}

/** The same for files that are there or not yet. @throws InputError naming the path */
export function requireFileSync(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  const other = found && otherThanFile(found);
  if (other !== undefined) throw new InputError(`${path}: ${other}. Remove it, or name another path.`);
}

/** Node reads no larger file at once. */
const MAX_BYTES = 2 ** 31 - 1;
/** Texts of more bytes do not fit into a string. */
const MAX_TEXT_BYTES = 500e6;

/** The bytes of a file. @throws Error as requireFile does, and for one of more than `most` bytes */
export async function readBytes(path: string, most = MAX_BYTES): Promise<Buffer> {
  const found = await stat(path);
  const other = otherThanFile(found);
  if (other !== undefined) throw new Error(other);
  if (found.size > most) throw new Error(`it has ${found.size} bytes; at most ${most} are read`);
  return readFile(path);
}

/** A text in UTF-8, without a mark of the byte order. @throws Error as readBytes does */
export const readText = async (path: string, most = MAX_TEXT_BYTES): Promise<string> =>
  (await readBytes(path, most)).toString("utf8").replace(/^\uFEFF/, "");

/** Runs `write`; errors of the file system that name no file, as those of a full disk, then name `path`. */
export function namingPath<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw withPath(path, error);
  }
}

function withPath(path: string, error: unknown): unknown {
  if (isSystemError(error) && error.path === undefined) {
    error.path = path;
    error.message = `${path}: ${error.message}`;
  }
  return error;
}

/** Temporary files and folders that are being written at this moment. */
const unfinished = new Set<string>();

/** Removes them: for a process that is about to end. */
export function removeUnfinished(): void {
  // Writes that are under way on other threads may put a file into a folder that is being removed.
  for (const path of unfinished)
    rmSync(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 20 });
}

/** A name beside `path` that no other process takes, and that removeTemporary knows. */
export const temporaryName = (path: string): string =>
  `${path}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;

/** Removes what writes that were cut off have left in a folder: files with the temporary names given here and by torch. */
export async function removeTemporary(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (/\.\d+\.[0-9a-f]{8}\.tmp$/.test(name)) await rm(join(folder, name), { force: true });
  }
}

/**
 * Writes `data` under a temporary name in the same folder, then renames it to `path`: after a crash or a full disk
 * the old file (or none) is there, never a part of the new one. Missing folders are made. Throws what node:fs throws.
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  await makeFolders(dirname(path));
  const temporary = temporaryName(path);
  unfinished.add(temporary);
  try {
    await writeFile(temporary, data);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw withPath(path, error);
  } finally {
    unfinished.delete(temporary);
  }
}

/**
 * Makes a folder of files that appears complete or not at all: `fill` writes into a temporary one beside it, which is
 * then renamed to `place`, or to place-2, place-3, ... when that is taken.
 * @returns the folder's path
 * @throws InputError when the place cannot be written to, and what `fill` throws
 */
export async function writeFolderAtomic(
  place: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  // Without a slash at the end, or the next free name would be one in the folder.
  const path = resolve(place);
  const temporary = temporaryName(path);
  unfinished.add(temporary);
  await makeFolders(temporary).catch((error: Error) => {
    throw new InputError(`${path}: the folder cannot be written: ${error.message}`);
  });
  try {
    await fill(temporary);
    for (let number = 1; ; number++) {
      const folder = number === 1 ? path : `${path}-${number}`;
      try {
        await rename(temporary, folder);
        return folder;
      } catch (error) {
        const { code = "" } = error as NodeJS.ErrnoException;
        // A file in the place, or a folder that is not empty.
        if (!["EEXIST", "ENOTEMPTY", "ENOTDIR"].includes(code) || number === 10000) throw error;
      }
    }
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw withPath(path, error);
  } finally {
    unfinished.delete(temporary);
  }
}
