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
    requireFileSync(path);
    const hash = createHash("sha256").update(readFileSync(path)).digest("hex");
    return `${hash} ${isSettled(path) ? state : "changing"}`;
  });
  if (changed) await writeFileAtomic(memory, `${lines.join("\n")}\n`);
  return lines.map((line) => line.slice(0, HEX));
}

const isSettled = (path: string): boolean => Date.now() - statSync(path).ctimeMs > SETTLED_MS;
