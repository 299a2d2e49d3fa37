// Folders that appear whole, and what writes that were cut off have left.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { removeTemporary, shortName, writeFileAtomic, writeFolderAtomic } from "../src/files.js";
import { put, temporaryFolder } from "./data/temporary.js";

const root = await temporaryFolder();

test("a folder that exists gets a number, with and without a slash at the end", async () => {
  const fill = (folder: string) => put(join(folder, "a"), "a");
  const out = join(root, "out");
  expect(await writeFolderAtomic(`${out}/`, fill)).toBe(out);
  expect(await writeFolderAtomic(`${out}/`, fill)).toBe(`${out}-2`);
  expect(await writeFolderAtomic(out, fill)).toBe(`${out}-3`);
  expect(await readdir(out)).toEqual(["a"]);
});

test.each(["x".repeat(255), "я".repeat(127), "🙂".repeat(63), `${"a".repeat(199)}🙂`])(
  "a name that is as long as names may be is shortened, so that a file can be written: %s",
  async (name) => {
    const short = shortName(name);
    expect(Buffer.byteLength(short)).toBeLessThanOrEqual(200);
    expect(short.slice(0, 20)).toBe(name.slice(0, 20));
    expect(Buffer.from(short).toString()).toBe(short);
    expect(shortName(`${name}y`)).not.toBe(short);
    await writeFileAtomic(join(root, "long", `${short}.png`), "");
    expect(await readdir(join(root, "long"))).toContain(`${short}.png`);
    expect(shortName("a.jpg")).toBe("a.jpg");
  },
);

test("temporary files of writes that were cut off are removed, other files are not", async () => {
  const folder = join(root, "left");
  const [stale, own] = ["last.safetensors.7.0badcafe.tmp", "notes.tmp"];
  for (const name of [stale, own, "last.safetensors"]) await put(join(folder, name), "");
  await removeTemporary(folder);
  expect((await readdir(folder)).sort()).toEqual(["last.safetensors", own]);
  await removeTemporary(join(root, "absent"));
});
