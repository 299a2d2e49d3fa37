// Hashes of files that are remembered: a file is read again only when it has become another.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { contentHashes } from "../../src/data/contentHashes.js";
import { temporaryFolder } from "./temporary.js";

const root = await temporaryFolder();
const cache = join(root, "cache");
const paths = ["a", "b"].map((name) => join(root, name));
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const hashes = () => contentHashes(paths, cache);
const memory = () => join(cache, readdirSync(cache)[0]);
const WRONG = "0".repeat(64);

/** Replaces the remembered hashes: they are returned where a file is not read. */
const forge = () => writeFileSync(memory(), readFileSync(memory(), "utf8").replace(/^\w{64}/gm, WRONG));
/** As if all files had been written an hour ago. */
const later = () => vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3600e3);

beforeEach(async () => {
  rmSync(cache, { recursive: true, force: true });
  for (const path of paths) writeFileSync(path, "first");
  // Longer than a tick of the clock that files' times are from.
  await sleep(20);
});
afterEach(() => vi.restoreAllMocks());

it("are those of the contents, and remembered", async () => {
  later();
  expect(await hashes()).toEqual([sha256("first"), sha256("first")]);
  forge();
  expect(await hashes()).toEqual([WRONG, WRONG]);
  expect(await contentHashes(paths.toReversed(), cache)).toEqual([sha256("first"), sha256("first")]);
  expect(readdirSync(cache)).toHaveLength(2);
});

it("are not remembered of files that have just been written", async () => {
  await hashes();
  forge();
  expect(await hashes()).toEqual([sha256("first"), sha256("first")]);
});

it.each([
  ["written to", (path: string) => writeFileSync(path, "other")],
  [
    "written to with its time set back",
    (path: string) => {
      const { atime, mtime } = statSync(path);
      writeFileSync(path, "other");
      utimesSync(path, atime, mtime);
    },
  ],
  [
    "replaced by one of the same time and size",
    (path: string) => {
      const { atime, mtime } = statSync(path);
      writeFileSync(`${path}.new`, "other");
      utimesSync(`${path}.new`, atime, mtime);
      renameSync(`${path}.new`, path);
    },
  ],
])("a file %s is read again, the others are not", async (_, change) => {
  later();
  await hashes();
  forge();
  change(paths[1]);
  expect(await hashes()).toEqual([WRONG, sha256("other")]);
});

it("are made again where the memory is damaged, and a missing file is an error", async () => {
  later();
  await hashes();
  for (const content of ["", "\n\n\n", `${WRONG}\n${WRONG}`, readFileSync(memory(), "utf8").slice(3)]) {
    writeFileSync(memory(), content);
    expect(await hashes()).toEqual([sha256("first"), sha256("first")]);
  }
  await expect(contentHashes([join(root, "nowhere")], cache)).rejects.toThrow(/ENOENT.*nowhere/);
});
