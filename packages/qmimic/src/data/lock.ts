// Mutual exclusion between processes, by a kernel lock (flock) on an open file: it is released when its process
// ends in any way, and works across containers. Process ids would not: every container has its own.
import { closeSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { InputError, reasonOf } from "../errors.js";
import { makeFolders, requireFileSync } from "../files.js";
import { tryLockFile, unlockFile } from "../native/files.js";

const POLL_MS = 200;
/** An append takes milliseconds: a process that holds a file's lock for longer has been stopped. */
const APPEND_MS = 60_000;

export interface FileLock {
  /** The open file; a child process that inherits it holds the lock too, until it ends. */
  file: number;
  release(): void;
}

/**
 * Acquires the lock `path`, a file that is created if missing and never removed: otherwise one process could
 * hold the lock of the removed file, and another that of a new one.
 * @param remedy what to do if the file system has no locks, as a sentence
 * @returns null if another process, or this one, holds it
 * @throws InputError if the file system has no locks; file system errors
 */
export function tryLock(path: string, remedy: string): FileLock | null {
  requireFileSync(path);
  const file = openSync(path, "a");
  try {
    if (take(file, path, remedy)) return { file, release: () => closeSync(file) };
  } catch (error) {
    closeSync(file);
    throw error;
  }
  closeSync(file);
  return null;
}

export const RUNS_LOCK_REMEDY = "Choose a folder on a local disk, or on a server with file locks: --runs DIR";
const CACHE_REMEDY = "Choose a cache folder on a local disk: --cache DIR";

/**
 * Runs `body` while holding the lock `path`, of a cache folder unless another remedy is given. If another process holds
 * it, calls `waiting` once and waits.
 * @throws InputError if the file system has no locks; file system errors
 */
export async function withLock<T>(
  path: string,
  waiting: () => void,
  body: () => Promise<T>,
  remedy = CACHE_REMEDY,
): Promise<T> {
  await makeFolders(dirname(path));
  let lock = tryLock(path, remedy);
  if (lock === null) waiting();
  for (; lock === null; lock = tryLock(path, remedy)) await sleep(POLL_MS);
  try {
    return await body();
  } finally {
    lock.release();
  }
}

/**
 * Runs `body`, which must be short, while holding the lock of an open file of a cache folder.
 * @throws InputError if the file system has no locks, or another process holds it for a minute
 */
export function withFileLock<T>(file: number, path: string, body: () => T): T {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (const started = performance.now(); !take(file, path, CACHE_REMEDY); ) {
    if (performance.now() - started > APPEND_MS) {
      throw new InputError(
        `${path}: another process has held the lock on this file for a minute. Was it stopped (Ctrl-Z)? Continue or end it`,
      );
    }
    Atomics.wait(pause, 0, 0, 1);
  }
  try {
    return body();
  } finally {
    unlockFile(file);
  }
}

function take(file: number, path: string, remedy: string): boolean {
  try {
    return tryLockFile(file);
  } catch (error) {
    throw new InputError(`${path}: cannot lock the file: ${reasonOf(error)}. ${remedy}`);
  }
}
