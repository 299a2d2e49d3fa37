// Atomic writes, and reads that accept only regular files.
import { createHash, randomBytes } from "node:crypto";
import { constants, existsSync, rmSync, type Stats, statSync } from "node:fs";
import {
  access,
  lstat,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { InputError, isSystemError } from "./errors.js";

/**
 * Creates a folder and its parents. Node's recursive mkdir never returns where mkdir fails with ENOENT in an
 * existing folder, as in /proc. Throws what node:fs throws.
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
 * Checks that files can be written to a folder, which may not exist yet. Creates nothing.
 * @throws InputError if it, or its nearest existing parent, is not a directory or not writable
 */
export async function checkWritable(folder: string): Promise<void> {
  let found = resolve(folder);
  while (!existsSync(found) && found !== dirname(found)) found = dirname(found);
  const status = await stat(found).catch(() => null);
  if (!status?.isDirectory()) throw new InputError(`${folder}: not writable: ${found} is not a directory`);
  await access(found, constants.W_OK).catch(() => {
    throw new InputError(`${folder}: not writable: permission denied in ${found}`);
  });
}

/** What a path is if not a regular file; undefined if it is one. Reading a pipe or a device may never end. */
function otherThanFile(found: Stats): string | undefined {
  if (found.isFile()) return undefined;
  const what = found.isDirectory()
    ? "a directory"
    : found.isFIFO()
      ? "a named pipe"
      : found.isSocket()
        ? "a socket"
        : "a device";
  return `it is ${what}; expected a regular file`;
}

/**
 * For readers that open a path themselves.
 * @throws Error if it is not a regular file, without the path in its message; what node:fs throws
 */
export async function requireFile(path: string): Promise<void> {
  const other = otherThanFile(await stat(path));
  if (other !== undefined) throw new Error(other);
}

/** The same for a file that may not exist yet. @throws InputError naming the path */
export function requireFileSync(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  const other = found && otherThanFile(found);
  if (other !== undefined) throw new InputError(`${path}: ${other}. Remove it, or choose another path.`);
}

/** Node's limit for reading a file at once. */
const MAX_BYTES = 2 ** 31 - 1;
/** Larger texts do not fit into a string. */
const MAX_TEXT_BYTES = 500e6;

/** The bytes of a file. @throws Error as requireFile does, and if it is larger than `max` bytes */
export async function readBytes(path: string, max = MAX_BYTES): Promise<Buffer> {
  const found = await stat(path);
  const other = otherThanFile(found);
  if (other !== undefined) throw new Error(other);
  if (found.size > max) throw new Error(`it has ${found.size} bytes; the limit is ${max}`);
  return readFile(path);
}

/** A UTF-8 text, without its byte order mark. @throws Error as readBytes does */
export const readText = async (path: string, max = MAX_TEXT_BYTES): Promise<string> =>
  (await readBytes(path, max)).toString("utf8").replace(/^\uFEFF/, "");

/** Runs `write`, and adds `path` to file system errors that name no file, such as a full disk. */
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

/** Temporary files and folders being written. */
const unfinished = new Set<string>();

/** Removes them, before the process exits. */
export function removeUnfinished(): void {
  // Other threads may still be writing files into a folder that is being removed.
  for (const path of unfinished)
    rmSync(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 20 });
}

/** File systems allow 255 bytes, of which temporary names and extensions need some. */
const MAX_NAME_BYTES = 200;

/** A name of a file as it is, or, if it is too long to be written, its beginning and a hash of all of it. */
export function shortName(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 12);
  const characters = [...name].slice(0, MAX_NAME_BYTES);
  while (Buffer.byteLength(characters.join("")) > MAX_NAME_BYTES - hash.length - 1) characters.pop();
  return `${characters.join("")}-${hash}`;
}

/** A unique name next to `path`, which removeTemporary recognizes. */
export const temporaryName = (path: string): string =>
  `${path}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;

/**
 * Removes leftovers of interrupted writes from a folder: files with the temporary names of this module and
 * torch.
 */
export async function removeTemporary(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (/\.\d+\.[0-9a-f]{8}\.tmp$/.test(name)) await rm(join(folder, name), { force: true });
  }
}

/**
 * Writes `data` to a temporary file in the same folder, then renames it to `path`: if the process is killed or
 * the disk is full, the old file (or none) is there, never part of the new one. After a power failure the new
 * file may be empty or incomplete: it is not flushed to the disk, which would be slow for the many small files
 * of a converted data set. Creates missing folders. Throws what node:fs throws.
 */
export async function writeFileAtomic(named: string, data: string | Uint8Array): Promise<void> {
  await makeFolders(dirname(named));
  // What a link refers to is replaced, not the link. Devices and pipes cannot be replaced, only written to.
  const path = await realpath(named).catch(() => named);
  const before = await lstat(path).catch(() => undefined);
  if (before && !before.isFile() && !before.isDirectory()) {
    await writeFile(path, data).catch((error) => {
      throw withPath(named, error);
    });
    return;
  }
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
 * Creates a folder atomically: `fill` writes into a temporary folder next to it, which is then renamed to
 * `place`, or place-2, place-3, ... if that is taken.
 * @returns the folder's path
 * @throws InputError if `place` is not writable, and what `fill` throws
 */
export async function writeFolderAtomic(
  place: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  // Without a trailing slash, or the next free name would be inside the folder.
  const path = resolve(place);
  const temporary = temporaryName(path);
  unfinished.add(temporary);
  await makeFolders(temporary).catch((error: Error) => {
    throw new InputError(`${path}: cannot create the folder: ${error.message}`);
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
        // The name is taken by a file or a non-empty folder.
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
