import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { crc32c, tryLockFile, unlockFile } from "../../src/native/files.js";

const root = mkdtempSync(join(tmpdir(), "qmimic-files-"));
afterAll(() => rmSync(root, { recursive: true }));

test("a lock is one open file's, until it is released or the file is closed", () => {
  const path = join(root, "a.lock");
  const [one, two] = [openSync(path, "a"), openSync(path, "a")];
  expect(tryLockFile(one)).toBe(true);
  expect(tryLockFile(one)).toBe(true);
  expect(tryLockFile(two)).toBe(false);
  unlockFile(one);
  expect(tryLockFile(two)).toBe(true);
  expect(tryLockFile(one)).toBe(false);
  closeSync(two);
  expect(tryLockFile(one)).toBe(true);
  closeSync(one);
});

test("what cannot be locked is an error with its reason", () => {
  expect(() => tryLockFile(987654)).toThrow(/tryLockFile: flock: Bad file descriptor/);
  expect(() => tryLockFile("1" as never)).toThrow(/number/);
  expect(() => crc32c("abc" as never)).toThrow();
});
