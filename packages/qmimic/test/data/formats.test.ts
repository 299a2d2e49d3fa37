// One set in every format reads back to the same samples in the same order.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { convertDataset, TARGETS } from "../../src/data/convert/convert.js";
import { type DataFolder, openData, readSplit } from "../../src/data/dataset.js";
import { createRandom } from "../../src/data/random.js";
import type { Dataset } from "../../src/data/types.js";
import { makeVoc, plainImage, put, type TestObject, temporaryFolder } from "./temporary.js";
import { writeCvat, writeLabelme, writeWider } from "./writeOthers.js";

const root = await temporaryFolder();
const image = await plainImage(100, 80);
const random = createRandom("formats");

/** A box of a 100 x 80 image with borders, thirds and plain numbers among its coordinates. */
function box(): number[] {
  const [x1, y1] = [random() < 0.2 ? 0 : random() * 50, random() < 0.2 ? 0 : random() * 40];
  const [x2, y2] = [random() < 0.2 ? 100 : 55 + random() * 45, random() < 0.2 ? 80 : 45 + random() * 35];
  return [x1, y1, x2, y2].map((value) => (random() < 0.3 ? Math.round(value) : value));
}

const NAMES = ["дог & кот", "a<b>", "cat", "no entry"];
const objects = (count: number): TestObject[] =>
  Array.from({ length: count }, (_, i) => ({
    name: NAMES[i % NAMES.length].replaceAll("&", "&amp;").replaceAll("<", "&lt;"),
    box: box(),
  }));

/** Ids are not in the order of their names, and one is in a folder. */
async function makeSet(name: string, flatIds = false): Promise<DataFolder> {
  const far = flatIds ? "far" : "sub/far";
  const annotations = {
    z: objects(4),
    b: [],
    "m 1": objects(3),
    [far]: objects(9),
    a: objects(5),
    c: objects(4),
  };
  const lists = { train: `z\nb\n${far}\na\n`, val: "m 1\n", test: "c\n" };
  return openData(await makeVoc(join(root, name), annotations, lists));
}

const readAll = (folder: DataFolder): Promise<Dataset[]> =>
  Promise.all(["train", "val", "test"].map((split) => readSplit(folder, split)));

/** Everything that training sees of a set. */
const seen = (datasets: readonly Dataset[]): unknown =>
  datasets.map(({ split, classes, samples }) => ({
    split,
    classes,
    samples: samples.map(({ imagePath: _, ...sample }) => sample),
  }));

describe("conversions", () => {
  it.each(["voc", "yolo"] as const)(
    "%s: an image with other labels in each split is written for each",
    async (to) => {
      const set = join(root, `twice-${to}`);
      const categories = [
        { id: 1, name: "cat" },
        { id: 2, name: "dog" },
      ];
      for (const [split, category_id] of [
        ["train", 1],
        ["val", 2],
      ] as const) {
        const images = [{ id: 1, file_name: "0.png", width: 100, height: 80 }];
        const annotations = [{ id: 1, image_id: 1, category_id, bbox: [10, 20, 30, 40] }];
        const json = JSON.stringify({ images, annotations, categories });
        await put(join(set, "annotations", `instances_${split}.json`), json);
      }
      await put(join(set, "images", "0.png"), image);
      const { folder, lost } = await convertDataset(await openData(set), {
        to,
        out: join(root, `both-${to}`),
      });
      expect(lost.join()).toMatch(/each id is prefixed with its split/);
      const written = await openData(folder);
      for (const [split, name] of [
        ["train", "cat"],
        ["val", "dog"],
      ]) {
        const { classes, samples } = await readSplit(written, split);
        expect(samples.map(({ labels }) => [...labels].map((label) => classes[label - 1]))).toEqual([[name]]);
      }
    },
  );

  for (const to of TARGETS) {
    it(`${to}: the same samples in the same order, and back through every other format`, async () => {
      const folder = await makeSet(`for-${to}`);
      const before = await readAll(folder);
      const { folder: out, lost } = await convertDataset(folder, { to, out: join(root, `to-${to}`) });
      expect(lost).toEqual([]);
      const converted = await openData(out);
      expect(converted.source.format).toBe(to);
      expect(seen(await readAll(converted))).toEqual(seen(before));
      for (const back of TARGETS) {
        const again = await convertDataset(converted, { to: back, out: join(root, `${to}-${back}`) });
        expect(seen(await readAll(await openData(again.folder)))).toEqual(seen(before));
      }
    });
  }

  it("difficult objects stay in VOC and COCO; YOLO leaves them out, and says so", async () => {
    const difficult = {
      name: "cat",
      box: [1, 2, 30, 40],
      extra: "<difficult>1</difficult><pose>Left</pose>",
    };
    const folder = await openData(
      await makeVoc(join(root, "difficult"), { a: [difficult, { name: "cat" }] }),
    );
    for (const to of ["voc", "coco"] as const) {
      const { folder: out, lost } = await convertDataset(folder, { to, out: join(root, `difficult-${to}`) });
      expect(lost).toEqual(["pose: 1"]);
      const { samples } = await readSplit(await openData(out), "train");
      expect([...samples[0].difficult]).toEqual([1, 0]);
    }
    const { folder: out, lost } = await convertDataset(folder, {
      to: "yolo",
      out: join(root, "difficult-yolo"),
    });
    expect(lost.join("\n")).toMatch(/pose: 1[\s\S]*1 object marked difficult or crowd: YOLO/);
    const { samples } = await readSplit(await openData(out), "train");
    expect(samples[0].labels).toHaveLength(1);
  });

  it("marks stay in VOC; the others lose them, and say so; splits without a usable image are left out on request", async () => {
    const marked = { name: "cat", extra: "<truncated>1</truncated><occluded>0</occluded>" };
    const lists = { train: "a\nb\n", val: "" };
    const set = await makeVoc(
      join(root, "marked"),
      { a: [marked, { name: "cat" }], b: [{ name: "cat" }] },
      lists,
    );
    await expect(
      convertDataset(await openData(set), { to: "coco", out: join(root, "marked-out") }),
    ).rejects.toThrow(/val\.txt: the list is empty/);
    const lost: Record<string, string[]> = {};
    for (const to of TARGETS) {
      const made = await convertDataset(await openData(set), {
        to,
        out: join(root, `marked-${to}`),
        skipBad: true,
      });
      lost[to] = made.lost;
    }
    const empty = "split val: none of its images is usable";
    expect(lost).toEqual({ voc: [empty], coco: [empty, "truncated: 1"], yolo: [empty, "truncated: 1"] });
    const { samples } = await readSplit(await openData(join(root, "marked-voc")), "train", {
      ignore: ["truncated"],
    });
    expect([...samples[0].difficult]).toEqual([1, 0]);
  });

  it("a set without splits, other splits, and ids that two splits share", async () => {
    const folder = await openData(
      await makeVoc(join(root, "whole"), { b: objects(2), a: objects(1) }, { default: "b\na\n" }),
    );
    for (const to of TARGETS) {
      const { folder: out } = await convertDataset(folder, { to, out: join(root, `whole-${to}`) });
      const { samples } = await readSplit(await openData(out), "train");
      expect(samples.map(({ id }) => id)).toEqual(["b", "a"]);
    }
    const night = await openData(
      await makeVoc(
        join(root, "night"),
        { b: objects(4), a: objects(4) },
        { train: "b\n", night_test: "a\n", test: "b\n" },
      ),
    );
    for (const to of TARGETS) {
      const { folder: out } = await convertDataset(night, { to, out: join(root, `night-${to}`) });
      expect((await readSplit(await openData(out), "night_test")).samples[0].labels).toHaveLength(4);
    }
  });

  it("a class that the declared list lacks is written too", async () => {
    const set = await makeVoc(
      join(root, "lacks"),
      { a: [{ name: "dog" }], b: [{ name: "cat" }, {}] },
      { train: "a\n", val: "b\n" },
    );
    await put(join(set, "labelmap.txt"), "background:::\ndog:::\n");
    await expect(readSplit(await openData(set), "val")).rejects.toThrow(/unknown class "cat"/);
    for (const to of TARGETS) {
      const { folder: out, classes } = await convertDataset(await openData(set), {
        to,
        out: join(root, `lacks-${to}`),
      });
      expect(classes).toEqual(["dog", "cat"]);
      expect([...(await readSplit(await openData(out), "val", { classes })).samples[0].labels]).toEqual([
        2, 2,
      ]);
    }
  });

  it("fills an existing folder's neighbour, and writes nothing when the data is wrong", async () => {
    const folder = await openData(await makeVoc(join(root, "wrong"), { a: [{ box: [5, 5, 1, 1] }] }));
    await expect(convertDataset(folder, { to: "coco", out: join(root, "wrong-out") })).rejects.toThrow(
      /inverted/,
    );
    await expect(openData(join(root, "wrong-out"))).rejects.toThrow(/no such directory/);
  });
});

describe("formats that are not written", () => {
  it("labelme: the samples, in the order of their names", async () => {
    const before = await readAll(await makeSet("for-labelme", true));
    await writeLabelme(join(root, "labelme"), before, image);
    const folder = await openData(join(root, "labelme"));
    expect(folder.source.format).toBe("labelme");
    const sorted = before.map((dataset) => ({
      ...dataset,
      samples: [...dataset.samples].sort((a, b) => (`${a.id}.json` < `${b.id}.json` ? -1 : 1)),
    }));
    expect(seen(await readAll(folder))).toEqual(seen(sorted));
  });

  it("CVAT: the same samples in the same order", async () => {
    const before = await readAll(await makeSet("for-cvat"));
    await writeCvat(join(root, "cvat"), before, image);
    const folder = await openData(join(root, "cvat"));
    expect(folder.source.format).toBe("cvat");
    expect(seen(await readAll(folder))).toEqual(seen(before));
  });

  it("WIDER FACE: the same samples in the same order, invalid faces among them", async () => {
    const face = (...numbers: number[]): TestObject => ({ name: "face", box: numbers });
    const invalid = { ...face(1, 2, 9, 9), extra: "<difficult>1</difficult>" };
    const set = {
      "0--Parade/b": [face(1, 2, 30, 40), invalid],
      "0--Parade/a": [],
      "1--Handshaking/a": [face(0, 0, 100, 80)],
    };
    const lists = { train: "0--Parade/b\n0--Parade/a\n", val: "1--Handshaking/a\n", test: "0--Parade/b\n" };
    const before = await readAll(await openData(await makeVoc(join(root, "faces"), set, lists)));
    await writeWider(join(root, "wider"), before, image);
    const folder = await openData(join(root, "wider"));
    expect(folder.source.format).toBe("wider");
    expect(seen(await readAll(folder))).toEqual(seen(before));
  });
});
