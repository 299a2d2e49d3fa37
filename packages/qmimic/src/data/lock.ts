// One process at a time: a lock file that holds the number of the process that made it.
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeFolders, temporaryName } from "../files.js";

const POLL_MS = 500;
/** A lock without a number that is older was left by a process that died between making and writing it. */
const EMPTY_MS = 5000;

interface Holder {
  pid: string;
  /** Milliseconds since the lock was made. */
  age: number;
}

/** Locks that this process holds: its number in any other is that of a process before it, as in a container. */
const held = new Set<string>();

/**
 * Runs `body` while holding the lock `path`. Waits for a living holder (`waiting` is called once), and takes the lock
 * over from one that has died. Throws what node:fs throws.
 */
export async function withLock<T>(path: string, waiting: () => void, body: () => Promise<T>): Promise<T> {
  await makeFolders(dirname(path));
  for (let told = false; !take(path); ) {
    const holder = holderOf(path);
    if (holder === null) continue;
    if (isAlive(holder, path)) {
      if (!told) waiting();
      told = true;
      await sleep(POLL_MS);
    } else {
      removeStale(path, holder);
    }
  }
  held.add(path);
  try {
    return await body();
  } finally {
    held.delete(path);
    rmSync(path, { force: true });
  }
}

function take(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  }
}

/** What the lock says and how old it is, or null when it has just been released. */
function holderOf(path: string): Holder | null {
  try {
    return { pid: readFileSync(path, "utf8"), age: Date.now() - statSync(path).mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return null;
  }
}

/** Removes a dead holder's lock, and only that: another process that waits may have put its own in the place. */
function removeStale(path: string, { pid }: Holder): void {
  const taken = temporaryName(path);
  try {
    renameSync(path, taken);
    if (readFileSync(taken, "utf8") === pid) rmSync(taken);
    else renameSync(taken, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function isAlive(holder: Holder, path: string): boolean {
  const pid = Number(holder.pid);
  if (!(pid > 0)) return holder.age < EMPTY_MS;
  if (pid === process.pid) return held.has(path);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
