// Images beyond the memory budget, kept in a file instead of being decoded again.
import { readdir, readFile, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { createImageStore } from "../../src/data/imageStore.js";
import { createPixelFile } from "../../src/data/pixelFile.js";
import type { Sample } from "../../src/data/types.js";
import { readVoc } from "../../src/data/voc.js";
import { profiled } from "../../src/profile.js";
import { prepareRun } from "../../src/train/prepare.js";
import { parseRecipe } from "../../src/train/recipe.js";
import { makeVoc, temporaryFolder } from "./temporary.js";

const root = await temporaryFolder();
const data = join(root, "data");
const cache = join(root, "cache");
let samples: readonly Sample[];

beforeAll(async () => {
  const objects = { a: [{ name: "cat", box: [10, 20, 50, 60] }], b: [{ name: "cat", box: [1, 2, 30, 40] }] };
  await makeVoc(data, objects, { train: "a\nb\n", val: "a\n" });
  samples = (await readVoc(data, "train")).samples;
});

/** All images through a store with no memory, how many were decoded, and what was said. */
async function readAll(maxSide = 48) {
  const said: string[] = [];
  const file = createPixelFile(cache, samples, maxSide, (text) => said.push(text));
  const store = createImageStore(samples, { maxSide, memoryBudgetBytes: 0, file });
  const { result, profile } = await profiled(() => Promise.all(samples.map((_, i) => store.get(i))));
  return { images: result, decoded: profile.parts.get("decode")?.calls ?? 0, said };
}

/** The file of images, which is the only one. */
async function fileOfImages(): Promise<string> {
  const names = (await readdir(cache)).filter((name) => name.endsWith(".bin"));
  expect(names).toHaveLength(1);
  return join(cache, names[0]);
}

it("is filled by the first reader, and read by the next, with the same pixels and sizes", async () => {
  const first = await readAll();
  const second = await readAll();
  expect([first.decoded, second.decoded]).toEqual([2, 0]);
  expect(second.images).toEqual(first.images);
  expect(first.images[0]).toMatchObject({ width: 48, originalWidth: samples[0].width });
});

it("does not hide that labels state another size than the image has", async () => {
  const wrong = samples.map((sample) => ({ ...sample, width: 2 * sample.width, height: 2 * sample.height }));
  const file = createPixelFile(join(root, "sizes"), samples, 48, () => {});
  await createImageStore(samples, { maxSide: 48, memoryBudgetBytes: 0, file }).get(0);
  const again = createPixelFile(join(root, "sizes"), wrong, 48, () => {});
  const store = createImageStore(wrong, { maxSide: 48, memoryBudgetBytes: 0, file: again });
  await expect(store.get(0)).rejects.toThrow(/states 200 x 160/);
});

it.each([
  ["changed", async (path: string) => writeFile(path, (await readFile(path)).fill(7, 200))],
  ["cut short", (path: string) => truncate(path, 300)],
])("%s while it is open: said once, decoded again, with the same pixels", async (_, damage) => {
  const path = await fileOfImages();
  const whole = await readAll();
  const said: string[] = [];
  const file = createPixelFile(cache, samples, 48, (text) => said.push(text));
  const store = createImageStore(samples, { maxSide: 48, memoryBudgetBytes: 0, file });
  await store.get(0);
  await damage(path);
  for (const _ of [1, 2]) {
    for (const i of samples.keys()) expect(await store.get(i)).toEqual(whole.images[i]);
  }
  expect(said).toEqual([expect.stringMatching(/damaged: .* Lost images are decoded again$/)]);
  expect(await readAll()).toEqual({ ...whole, decoded: 0 });
});

it("with a damaged index is read as far as it is sound", async () => {
  const index = `${await fileOfImages()}.index`;
  const whole = await readAll();
  await writeFile(index, new Uint8Array(await readFile(index)).fill(7, -20));
  const { images, said } = await readAll();
  expect(images).toEqual(whole.images);
  expect(said).toEqual([expect.stringMatching(/the index is damaged: images lost: 1/)]);
  expect(await readAll()).toEqual({ ...whole, decoded: 0 });
});

it("is not used for another size, or when an image has changed", async () => {
  expect((await readAll(32)).decoded).toBe(2);
  await utimes(samples[1].imagePath, new Date(), new Date(1e12));
  expect((await readAll()).decoded).toBe(2);
});

it("is made when the recipe asks for it and memory does not suffice, else not", async () => {
  const run = async (more: Record<string, unknown>) => {
    const folder = join(root, `cache-${Object.keys(more).length}`);
    await prepareRun(parseRecipe({ data, cache: folder, method: "scratch", ...more }, "test"));
    return readdir(folder).catch(() => []);
  };
  expect(await run({})).toEqual([]);
  // Both fit in a MiB: the file stays without records.
  expect(await run({ "disk-cache": true, memory: 1 })).toContain("images.lock");
});
