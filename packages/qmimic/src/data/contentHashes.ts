// Content hashes of a data set's files, without reading them all in every run.
import { createHash, type Hash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { readBytes, requireFileSync, writeFileAtomic } from "../files.js";
import type { Sample } from "./types.js";

const HEX = 64;
/**
 * A file that changes this soon after being read may have the same modification time: file system clocks are
 * coarse.
 */
const SETTLED_MS = 2000;

/**
 * Size, mtime, ctime and inode of a file: changes whenever the file is written or replaced. ctime is included
 * because tools restore mtime (cp -p, rsync -t).
 */
export function fileState(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found ? `${found.size} ${found.mtimeNs} ${found.ctimeNs} ${found.ino}` : "missing";
}

/**
 * SHA-256 of the content of every file, as hexadecimal. Cached in a file in `folder`, one per list of paths,
 * with one line per path: hash and state. Only files whose state has changed are read.
 * @throws what node:fs throws, for a missing file too
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
    // The state first: a file that changes while it is read then has a different one.
    const settled = settledState(path);
    return `${contentHash(path)} ${settled}`;
  });
  if (changed) await writeFileAtomic(memory, `${lines.join("\n")}\n`);
  return lines.map((line) => line.slice(0, HEX));
}

/**
 * Adds the images' ids and the content of their files to a hash.
 * @param folder caches the contents' hashes, see contentHashes
 */
export async function hashImages(hash: Hash, samples: readonly Sample[], folder: string): Promise<Hash> {
  const contents = await contentHashes(
    samples.map(({ imagePath }) => imagePath),
    folder,
  );
  samples.forEach(({ id }, i) => {
    hash.update(JSON.stringify([id, contents[i]]));
  });
  return hash;
}

/**
 * SHA-256 of a file's content, as hexadecimal.
 * @throws InputError if it is not a file, and what node:fs throws
 */
export function contentHash(path: string): string {
  requireFileSync(path);
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** The file's state if old enough to be reliable, else a word that never matches one. */
export const settledState = (path: string): string =>
  Date.now() - statSync(path).ctimeMs > SETTLED_MS ? fileState(path) : "changing";
