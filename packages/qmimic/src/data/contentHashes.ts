// What is in the files of a data set, without reading them all in every run.
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { readBytes, requireFileSync, writeFileAtomic } from "../files.js";

const HEX = 64;
/** A file that changes so soon after it was read may still have the same time of change: clocks of file systems are coarse. */
const SETTLED_MS = 2000;

/**
 * Size, times of change and inode of a file: another text as soon as the file is written to or replaced. The inode's own
 * time (ctime) is there because tools set the other one back (cp -p, rsync -t).
 */
export function fileState(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found ? `${found.size} ${found.mtimeNs} ${found.ctimeNs} ${found.ino}` : "missing";
}

/**
 * SHA-256 of the content of every file, as hexadecimal. They are remembered in a file of `folder`, one for each list of
 * paths, with a line for each: hash and state. Only files whose state is another are read.
 * @throws what node:fs throws, also for a file that is missing
 */
export async function contentHashes(paths: readonly string[], folder: string): Promise<string[]> {
  const list = createHash("sha256").update(JSON.stringify(paths)).digest("hex");
  const memory = join(folder, `image-hashes-${list.slice(0, 16)}.txt`);
  const known = (await readBytes(memory).then(String, () => "")).split("\n");
  let changed = false;
  const lines = paths.map((path, i) => {
    const state = fileState(path);
    if (/^[0-9a-f]{64} /.test(known[i]) && known[i].slice(HEX + 1) === state) return known[i];
    changed = true;
    // The state first: what changes while it is read has another one then.
    const settled = settledState(path);
    return `${contentHash(path)} ${settled}`;
  });
  if (changed) await writeFileAtomic(memory, `${lines.join("\n")}\n`);
  return lines.map((line) => line.slice(0, HEX));
}

/** SHA-256 of a file's content, as hexadecimal. @throws InputError for what is not a file, and what node:fs throws */
export function contentHash(path: string): string {
  requireFileSync(path);
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** The file's state if it can be told from later ones by it, else a word that is no state. */
export const settledState = (path: string): string =>
  Date.now() - statSync(path).ctimeMs > SETTLED_MS ? fileState(path) : "changing";
