// One process at a time: a lock file that holds the number of the process that made it.
import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeFolders } from "../files.js";

const POLL_MS = 500;

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

const besides = (path: string): string => `${path}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;

/** Makes the lock with its content at once: one that is seen is never empty. */
function take(path: string): boolean {
  const own = besides(path);
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(own);
  }
}

/** What the lock says, or null when it has just been released. */
function holderOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return null;
  }
}

/** Removes a dead holder's lock, and only that: another process that waits may have put its own in the place. */
function removeStale(path: string, dead: string): void {
  const taken = besides(path);
  try {
    renameSync(path, taken);
    if (readFileSync(taken, "utf8") !== dead) linkSync(taken, path);
  } catch (error) {
    if (!["ENOENT", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
  rmSync(taken, { force: true });
}

function isAlive(holder: string, path: string): boolean {
  const pid = Number(holder);
  if (!(pid > 0) || (pid === process.pid && !held.has(path))) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
