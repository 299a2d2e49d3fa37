// One process at a time, by a lock of the kernel (flock) on an open file: it ends with its process, however that ended, and
// is seen from other containers. Numbers of processes would not do: every container counts its own.
import { closeSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { InputError, reasonOf } from "../errors.js";
import { makeFolders, requireFileSync } from "../files.js";
import { tryLockFile, unlockFile } from "../native/files.js";

const POLL_MS = 200;
/** An append takes milliseconds: a process that has a file's own lock for longer has been stopped. */
const APPEND_MS = 60_000;

export interface FileLock {
  release(): void;
}

/**
 * Takes the lock `path`, a file that is made where it is missing and never removed: of two processes, one could otherwise
 * hold the lock of the removed file and the other that of a new one.
 * @param remedy what to do where the file system has no locks, as a sentence
 * @returns null when another process, or this one, has it
 * @throws InputError where the file system has no locks; errors of the file system
 */
export function tryLock(path: string, remedy: string): FileLock | null {
  requireFileSync(path);
  const file = openSync(path, "a");
  try {
    if (take(file, path, remedy)) return { release: () => closeSync(file) };
  } catch (error) {
    closeSync(file);
    throw error;
  }
  closeSync(file);
  return null;
}

const CACHE_REMEDY = "Choose a cache folder on a local disk: --cache DIR";

/**
 * Runs `body` while holding the lock `path` of a cache folder. Waits for who has it; `waiting` is called once.
 * @throws InputError where the file system has no locks; errors of the file system
 */
export async function withLock<T>(path: string, waiting: () => void, body: () => Promise<T>): Promise<T> {
  await makeFolders(dirname(path));
  let lock = tryLock(path, CACHE_REMEDY);
  if (lock === null) waiting();
  for (; lock === null; lock = tryLock(path, CACHE_REMEDY)) await sleep(POLL_MS);
  try {
    return await body();
  } finally {
    lock.release();
  }
}

/**
 * Runs `body` while holding the lock of an open file of a cache folder itself, for a moment.
 * @throws InputError where the file system has no locks, or when another process keeps it for a minute
 */
export function withFileLock<T>(file: number, path: string, body: () => T): T {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (const started = performance.now(); !take(file, path, CACHE_REMEDY); ) {
    if (performance.now() - started > APPEND_MS) {
      throw new InputError(
        `${path}: another process has kept the file locked for a minute. Has it been stopped (Ctrl-Z)? Continue or end it`,
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
    throw new InputError(`${path}: the file cannot be locked: ${reasonOf(error)}. ${remedy}`);
  }
}
