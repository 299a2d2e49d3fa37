import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, expect, it } from "vitest";
import { openData } from "../../src/data/dataset.js";
import { createRandom } from "../../src/data/random.js";
import { imagesOfOtherSplits, readUnlabelled, type UnlabelledOptions } from "../../src/data/unlabelled.js";
import { makeVoc, plainImage, put, temporaryFolder } from "./temporary.js";

const root = await temporaryFolder();
const folder = join(root, "photographs");
const labelled = join(root, "labelled.png");
const read = (more: Partial<UnlabelledOptions> = {}, from = folder) =>
  readUnlabelled(from, { exclude: [], unlike: [], skipBad: false, ...more });
const colour = (i: number) => plainImage(60, 40, "png", `#40${i}0c0`);

beforeAll(async () => {
  await put(labelled, await colour(0));
  await put(join(folder, "b.png"), await colour(1));
  await put(join(folder, "deep/er/a.png"), await plainImage(40, 60, "jpeg"));
  await put(join(folder, "deep/copy.png"), await colour(0));
  await put(join(folder, "notes.txt"), "not an image");
  await put(join(folder, ".hidden.png"), await colour(2));
  await put(join(folder, "raw.heic"), "?");
});

it("images of all depths are samples without objects, by name", async () => {
  const { samples, notes } = await read();
  expect(samples.map(({ id, width, height }) => [id, width, height])).toEqual([
    ["unlabelled/b.png", 60, 40],
    ["unlabelled/deep/copy.png", 60, 40],
    ["unlabelled/deep/er/a.png", 40, 60],
  ]);
  expect(
    samples.every(({ boxes, labels, difficult }) => boxes.length + labels.length + difficult.length === 0),
  );
  expect(notes).toEqual([expect.stringMatching(/1 image in an unsupported format \(raw\.heic\)/)]);
});

it("the bytes of an excluded image are excluded, under whatever name, and so is a second copy", async () => {
  await copyFile(join(folder, "b.png"), join(folder, "z.png"));
  const { samples, notes } = await read({ exclude: [labelled, join(root, "missing.png")] });
  expect(samples.map(({ id }) => id)).toEqual(["unlabelled/b.png", "unlabelled/deep/er/a.png"]);
  expect(notes[1]).toMatch(/skipped 2 images that are also in the splits, or duplicates/);
  const all = samples.map(({ imagePath }) => imagePath);
  await expect(read({ exclude: [labelled, ...all] })).rejects.toThrow(
    /all images in this folder are also in the label/,
  );
});

it("near-duplicates of images that are scored are excluded, resized and recompressed too", async () => {
  const near = join(root, "near");
  const scored = join(root, "scored.png");
  const photograph = (seed: number) =>
    sharp(noisePicture(seed), { raw: { width: 90, height: 60, channels: 3 } });
  await put(scored, await photograph(1).png().toBuffer());
  await put(join(near, "same.jpg"), await photograph(1).resize(60, 40).jpeg({ quality: 80 }).toBuffer());
  await put(join(near, "other.jpg"), await photograph(2).jpeg().toBuffer());
  const { samples, notes } = await read({ unlike: [scored] }, near);
  expect(samples.map(({ id }) => id)).toEqual(["unlabelled/other.jpg"]);
  expect(notes[0]).toMatch(/skipped 1 image nearly the same as one of val or test \(same\.jpg\)/);
  expect((await read({}, near)).samples).toHaveLength(2);
  await expect(read({ unlike: [scored, join(near, "other.jpg")] }, near)).rejects.toThrow(
    /all images in this folder are also in the label/,
  );
});

/** Large patches of random grey. */
function noisePicture(seed: number): Uint8Array {
  const random = createRandom(seed);
  const patches = Array.from({ length: 54 }, () => Math.floor(256 * random()));
  return Uint8Array.from({ length: 90 * 60 * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % 90, Math.floor(i / 270)];
    return patches[9 * Math.floor(y / 10) + Math.floor(x / 10)];
  });
}

it("what cannot be used is refused by name, or left out where that is wished", async () => {
  const bad = join(root, "bad");
  const whole = await plainImage(300, 200, "jpeg");
  await put(join(bad, "cut.jpg"), whole.subarray(0, whole.length / 2));
  await put(join(bad, "thin.png"), await plainImage(900, 4));
  await put(join(bad, "empty.jpg"), "");
  await expect(read({}, bad)).rejects.toThrow(/bad: 2 problems.*\n.*empty\.jpg: .*\n.*thin\.png: /);
  await expect(read({ skipBad: true }, bad)).rejects.toThrow(/cut\.jpg/);
  await put(join(bad, "good.png"), await colour(6));
  const { samples, notes } = await read({ skipBad: true }, bad);
  expect(samples.map(({ id }) => id)).toEqual(["unlabelled/good.png"]);
  expect(notes).toEqual([expect.stringMatching(/Skipped \(skip-bad\): .*3 problems/)]);
});

it("a folder that is missing or without images is refused", async () => {
  await expect(read({}, join(root, "nowhere"))).rejects.toThrow(/nowhere: no such directory/);
  await mkdir(join(root, "empty"));
  await expect(read({}, join(root, "empty"))).rejects.toThrow(/empty: this folder has no images/);
});

it("other splits are those that are not train, and what train has too is not theirs", async () => {
  const lists = { train: "a\nb\n", val: "c\n", test: "d\n", trainval: "a\nb\nc\n" };
  const data = await makeVoc(join(root, "voc"), { a: [{}], b: [{}], c: [{}], d: [{}] }, lists);
  const found = await imagesOfOtherSplits(await openData(data), "train");
  expect(found.map((path) => path.slice(-5)).sort()).toEqual(["c.png", "d.png"]);
});

it("a set without splits has no others", async () => {
  const data = await makeVoc(join(root, "whole"), { a: [{}], b: [{}] }, {});
  const opened = await openData(data);
  expect(opened.source.splits).toEqual(["all"]);
  expect(await imagesOfOtherSplits(opened, "train")).toEqual([]);
});

it("only in the given folders, if any", async () => {
  const { samples, notes } = await read({ folders: new Set([folder]) });
  expect(samples.map(({ id }) => id)).toEqual(["unlabelled/b.png"]);
  expect(notes[0]).toMatch(/skipped 2 images in folders without labelled images \(deep\/copy\.png, deep/);
});
