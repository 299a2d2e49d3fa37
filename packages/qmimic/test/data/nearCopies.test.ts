// Near copies: found through resizing, recompression, brightness and a small crop; other pictures are none.
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { checkDataset } from "../../src/data/check.js";
import { openData, readDataset } from "../../src/data/dataset.js";
import { divideSamples, stratify } from "../../src/data/holdOut.js";
import { decodeImage } from "../../src/data/images.js";
import { fingerprint, groupCopies } from "../../src/data/nearCopies.js";
import { createRandom } from "../../src/data/random.js";
import { readTrainVal } from "../../src/data/trainVal.js";
import { writeSplits } from "../../src/data/writeSplits.js";
import { makeVoc, put, temporaryFolder } from "./temporary.js";

const root = await temporaryFolder();

/** A picture of soft blobs, another one for each seed. */
async function picture(seed: string, width = 160, height = 120): Promise<Buffer> {
  const random = createRandom(seed);
  const raw = { width: 8, height: 6, channels: 3 } as const;
  const pixels = Uint8Array.from({ length: 8 * 6 * 3 }, () => Math.floor(256 * random()));
  return sharp(pixels, { raw }).resize(width, height, { kernel: "cubic" }).png().toBuffer();
}

async function printsOf(images: readonly Buffer[]) {
  const prints = [];
  for (const [i, image] of images.entries()) {
    await put(join(root, `${i}.png`), image);
    prints.push(fingerprint(await decodeImage(join(root, `${i}.png`))));
  }
  return prints;
}

describe("near copies", () => {
  it("are found whatever was done to them", async () => {
    const original = await picture("a");
    const copies = [
      original,
      await sharp(original).resize(61, 44).png().toBuffer(),
      await sharp(original).jpeg({ quality: 30 }).toBuffer(),
      await sharp(original).modulate({ brightness: 1.1 }).png().toBuffer(),
      await sharp(original).extract({ left: 2, top: 2, width: 156, height: 116 }).png().toBuffer(),
      await picture("b"),
    ];
    expect(groupCopies(await printsOf(copies))).toEqual([0, 0, 0, 0, 0, 1]);
  });

  it("two hundred different pictures are none", async () => {
    const pictures = await Promise.all(
      Array.from({ length: 200 }, (_, i) => picture(`picture ${i}`, 40, 30)),
    );
    expect(new Set(groupCopies(await printsOf(pictures))).size).toBe(200);
  });

  it("plain images are equal when their colours are", async () => {
    const plain = (grey: number) =>
      sharp({ create: { width: 50, height: 40, channels: 3, background: { r: grey, g: grey, b: grey } } })
        .png()
        .toBuffer();
    expect(groupCopies(await printsOf([await plain(10), await plain(200), await plain(11)]))).toEqual([
      0, 1, 0,
    ]);
  });
});

describe("dividing a set", () => {
  it("shares out each class, keeps groups together, and is the same each time", () => {
    const random = createRandom("labels");
    const samples = Array.from({ length: 300 }, (_, i) => ({
      labels: Int32Array.from(i % 10 === 0 ? [3] : random() < 0.5 ? [1] : [1, 2, 2]),
    }));
    const groups = samples.map((_, i) => Math.floor(i / 2));
    const shares = { train: 0.7, val: 0.15, test: 0.15 };
    const split = () => stratify(samples, groups, shares, createRandom(1));
    const splits = split();
    expect(split()).toEqual(splits);
    expect(stratify(samples, groups, shares, createRandom(2))).not.toEqual(splits);
    expect(splits).toEqual(groups.map((group) => splits[groups.indexOf(group)]));
    for (const [name, share] of Object.entries(shares)) {
      const inside = samples.filter((_, i) => splits[i] === name);
      expect(Math.abs(inside.length - 300 * share)).toBeLessThanOrEqual(4);
      expect(
        Math.abs(inside.filter(({ labels }) => labels[0] === 3).length - 30 * share),
      ).toBeLessThanOrEqual(2);
    }
  });

  it("of few images each split gets one", () => {
    const samples = Array.from({ length: 3 }, () => ({ labels: Int32Array.of(1) }));
    const splits = stratify(samples, [0, 1, 2], { train: 0.7, val: 0.15, test: 0.15 }, createRandom(0));
    expect([...splits].sort()).toEqual(["test", "train", "val"]);
  });

  /** Twelve pictures without lists; each even one has a smaller copy with the next number. */
  async function copiesSet(name: string): Promise<string> {
    const ids = Array.from({ length: 12 }, (_, i) => `p${String(i).padStart(2, "0")}`);
    const set = await makeVoc(join(root, name), Object.fromEntries(ids.map((id) => [id, [{}]])), {});
    for (const [i, id] of ids.entries()) {
      const seed = `set ${Math.floor(i / 2)}`;
      const image = await picture(seed, 100, 80);
      const softened = i % 2 === 0 ? image : await sharp(image).blur(1).png().toBuffer();
      await put(join(set, "JPEGImages", `${id}.png`), softened);
    }
    return set;
  }

  it("val is held out with its near copies, the same each time", async () => {
    const set = await copiesSet("held-out");
    const options = { trainSplit: "train", valSplit: "val", valShare: 0.3 };
    const { train, val, heldOut } = await readTrainVal(await openData(set), options, {});
    expect(heldOut).toMatch(
      /no val split: 4 of the 12 images of the set are held out as val \(val-share 0\.3; the same ones for every seed/,
    );
    expect([train.samples.length, val.samples.length]).toEqual([8, 4]);
    const pairs = new Set(val.samples.map(({ id }) => Math.floor(Number(id.slice(1)) / 2)));
    expect(pairs.size).toBe(2);
    const again = await readTrainVal(await openData(set), options, {});
    expect(again.val.samples.map(({ id }) => id)).toEqual(val.samples.map(({ id }) => id));
    await expect(readTrainVal(await openData(set), { ...options, valSplit: "vall" }, {})).rejects.toThrow(
      /no split "vall"/,
    );
  });

  it("written lists are read, and leave no near copies across splits; lists that cut through them do", async () => {
    const set = await copiesSet("written");
    const { counts } = await writeSplits(await openData(set), {
      shares: { train: 0.5, val: 0.25, test: 0.25 },
      seed: 1,
    });
    expect(Object.values(counts).reduce((a, b) => a + b)).toBe(12);
    const report = await checkDataset(set);
    expect(report.splits.map(({ name, images }) => [name, images])).toEqual(
      Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    expect(report.notes.join("\n")).not.toMatch(/nearly the same/);
    await expect(writeSplits(await openData(set), { shares: { train: 1 }, seed: 1 })).rejects.toThrow(
      /the set already has splits: test, train, val/,
    );
    await put(join(set, "ImageSets", "Main", "train.txt"), "p00\np02\n");
    await put(join(set, "ImageSets", "Main", "val.txt"), "p01\np05\n");
    expect((await checkDataset(set)).notes.join("\n")).toMatch(
      /1 image of val is nearly the same as one of train \(p01: p00\): results would be too good/,
    );
  });

  it("a list of train alone stays as all.txt; other formats get lists beside their labels", async () => {
    const set = await copiesSet("train-alone");
    await put(join(set, "ImageSets", "Main", "train.txt"), "p00\np02\np04\np06\n");
    await writeSplits(await openData(set), { shares: { train: 0.5, val: 0.5 }, seed: 1 });
    expect((await readDataset(set, "all")).samples).toHaveLength(4);
    expect((await readDataset(set, "val")).samples).toHaveLength(2);

    const yolo = join(root, "yolo");
    for (const i of [0, 1, 2, 3]) {
      await put(join(yolo, "images", `${i}.png`), await picture(`yolo ${i}`));
      await put(join(yolo, "labels", `${i}.txt`), "0 0.5 0.5 0.5 0.5\n");
    }
    await writeSplits(await openData(yolo), { shares: { train: 0.5, val: 0.25, test: 0.25 }, seed: 1 });
    const folder = await openData(yolo);
    expect(folder.source.splits).toEqual(["test", "train", "val"]);
    expect((await readDataset(yolo, "train")).samples).toHaveLength(2);
    await put(join(yolo, "splits", "val.txt"), "9\n");
    await expect(readDataset(yolo, "val")).rejects.toThrow(/splits.val\.txt: "9" is not an image of the set/);
  });

  it("shares that do not add up are refused, and damaged images divided like others", async () => {
    const set = await copiesSet("shares");
    await expect(
      writeSplits(await openData(set), { shares: { train: 0.7, val: 0.2 }, seed: 1 }),
    ).rejects.toThrow(/--train 0\.7 --val 0\.2: the fractions add up to 0\.9; expected 1/);
    const { samples } = await readDataset(set, "train");
    await put(samples[0].imagePath, "not a picture");
    const splits = await divideSamples(samples, { shares: { train: 0.5, val: 0.5 }, seed: 1 });
    expect(splits.filter((name) => name === "train").length).toBeGreaterThanOrEqual(5);
  });
});
