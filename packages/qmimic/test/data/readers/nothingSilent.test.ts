// Labels in large, damaged and unusual folders: everything is read, or said to be missing, and nothing is taken for
// something else.
import { existsSync, lstatSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { checkDataset } from "../../../src/data/check.js";
import { convertDataset } from "../../../src/data/convert/convert.js";
import { notesOf, openData, readDataset, readSplit } from "../../../src/data/dataset.js";
import { writeSplits } from "../../../src/data/writeSplits.js";
import { writeFileAtomic } from "../../../src/files.js";
import { put, temporaryFolder, xmlOf } from "../temporary.js";
import { boxesOf, folder, IMAGE, message, read } from "./labelFolders.js";

const BOX = { id: 1, image_id: 1, category_id: 1, bbox: [10, 20, 20, 20] };
const coco = (file_name: string) => ({
  images: [{ id: 1, file_name, width: 100, height: 80 }],
  annotations: [BOX],
  categories: [{ id: 1, name: "cat" }],
});
const cvat = (name: string, shapes: string) =>
  `<annotations><image id="0" name="${name}" width="100" height="80">${shapes}</image></annotations>`;
const CVAT_BOX = '<box label="cat" xtl="10" ytl="20" xbr="30" ybr="40"/>';
const labelme = (imagePath: string) => ({
  ...{ version: "5", flags: {}, imagePath, imageData: null, imageHeight: 80, imageWidth: 100 },
  shapes: [
    {
      label: "cat",
      shape_type: "rectangle",
      points: [
        [10, 20],
        [30, 40],
      ],
    },
  ],
});

it.each([
  ["COCO", { "sub/set/instances_train.json": coco("../../shots/a.jpg") }],
  ["CVAT", { "sub/set/annotations.xml": cvat("../../shots/a.jpg", CVAT_BOX) }],
  ["with backslashes", { "sub/set/instances_train.json": coco("..\\..\\shots\\a.jpg") }],
  ["absolute", { "sub/set/instances_train.json": coco("/home/me/shots/a.jpg") }],
  ["of Windows", { "sub/set/instances_train.json": coco("C:\\me\\shots\\a.jpg") }],
])("names that lead out of the folder do not lead out of what is written: %s", async (_, labels) => {
  const set = await folder({ ...labels, "shots/a.jpg": IMAGE });
  const [{ id }] = await read(set);
  expect(id).not.toMatch(/\.\.|\\|:|^\//);
  for (const to of ["voc", "coco", "yolo"] as const) {
    const parent = await temporaryFolder();
    await put(join(parent, "shots", "a.jpg"), "mine");
    const { folder: out } = await convertDataset(await openData(set), { to, out: join(parent, "out") });
    expect(dirname(out)).toBe(parent);
    expect(readFileSync(join(parent, "shots", "a.jpg"), "utf8")).toBe("mine");
    expect(Object.values(boxesOf(await read(out)))).toEqual([[10, 20, 30, 40]]);
  }
});

it("CVAT: more files than are inspected to recognize the format", async () => {
  const files: Record<string, string> = {
    "val/annotations.xml": cvat("v.jpg", CVAT_BOX),
    "val/v.jpg": IMAGE,
  };
  for (let i = 0; i < 18; i++) {
    files[`train/job_${i}/annotations.xml`] = cvat(`job_${i}/t${i}.jpg`, CVAT_BOX);
    files[`train/job_${i}/t${i}.jpg`] = IMAGE;
  }
  const data = await openData(await folder(files));
  expect(data.source.splits).toEqual(["train", "val"]);
  expect((await readSplit(data, "train")).samples.length).toBe(18);
});

it("CVAT: cuboids are read as their bounding boxes, and unknown shapes counted", async () => {
  const corners = {
    tl1: [20, 30],
    bl1: [20, 50],
    tr1: [40, 30],
    br1: [40, 50],
    tl2: [30, 20],
    bl2: [30, 40],
    tr2: [60, 20],
    br2: [60, 40],
  };
  const attributes = Object.entries(corners).map(([name, [x, y]]) => `x${name}="${x}" y${name}="${y}"`);
  const shapes = `<cuboid label="car" ${attributes.join(" ")}/><blob label="car"/>`;
  const set = await folder({ "annotations.xml": cvat("a.jpg", shapes), "a.jpg": IMAGE });
  expect(boxesOf(await read(set))).toEqual({ a: [20, 20, 60, 50] });
  const { lost } = await convertDataset(await openData(set), {
    to: "coco",
    out: join(await temporaryFolder(), "out"),
  });
  expect(lost).toContain("blob: 1");
});

it("convert counts what is lost in every split of a file, and once in the lists of one set", async () => {
  const image = (name: string, subset: string) =>
    `<image name="${name}" subset="${subset}" width="100" height="80">${CVAT_BOX}<tag label="x"/></image>`;
  const subsets = await folder({
    "annotations.xml": `<annotations>${image("a.jpg", "train")}${image("b.jpg", "val")}</annotations>`,
    ...{ "a.jpg": IMAGE, "b.jpg": IMAGE },
  });
  const out = join(await temporaryFolder(), "out");
  expect((await convertDataset(await openData(subsets), { to: "voc", out })).lost).toContain("tag: 2");
  const whole = await folder({
    "annotations.xml": `<annotations>${image("a.jpg", "default")}${image("b.jpg", "default")}</annotations>`,
    ...{ "a.jpg": IMAGE, "b.jpg": IMAGE, "splits/train.txt": "a\n", "splits/val.txt": "b\n" },
  });
  const again = join(await temporaryFolder(), "out");
  expect((await convertDataset(await openData(whole), { to: "voc", out: again })).lost).toContain("tag: 2");
});

it("converting to YOLO keeps images that are in no split beside those of train", async () => {
  const image = (name: string, subset: string) =>
    `<image name="${name}" ${subset} width="100" height="80">${CVAT_BOX}</image>`;
  const [a, b] = [image("a.jpg", 'subset="train"'), image("b.jpg", "")];
  const set = await folder({
    ...{ "annotations.xml": `<annotations>${a}${b}</annotations>`, "a.jpg": IMAGE, "b.jpg": IMAGE },
  });
  const out = join(await temporaryFolder(), "out");
  const { folder: written, lost } = await convertDataset(await openData(set), { to: "yolo", out });
  expect(lost.join()).not.toMatch(/called train/);
  const ids = async (split: string) => (await readDataset(written, split)).samples.map(({ id }) => id);
  expect([await ids("train"), await ids("all")]).toEqual([["a"], ["b"]]);
});

it("lists in splits/ that are not used are not passed over in silence", async () => {
  const line = "0 0.2 0.375 0.2 0.25\n";
  const set = await folder({
    ...{ "classes.txt": "cat\n", "train/a.jpg": IMAGE, "train/a.txt": line },
    ...{ "val/b.jpg": IMAGE, "val/b.txt": line, "splits/test.txt": "a\n" },
  });
  const notes = (await notesOf(await openData(set))).join("\n");
  expect(notes).toMatch(/lists in splits\/ are not used: the labels have splits of their own \(train, val\)/);
  const used = await folder({
    "data.yaml": "train: splits/train.txt\nval: splits/val.txt\nnames: [cat]\n",
    ...{ "images/a.jpg": IMAGE, "labels/a.txt": line, "images/b.jpg": IMAGE, "labels/b.txt": line },
    ...{ "splits/train.txt": "images/a.jpg\n", "splits/val.txt": "images/b.jpg\n" },
  });
  expect((await notesOf(await openData(used))).join("\n")).not.toMatch(/not used/);
});

it("COCO among a hundred other JSON files", async () => {
  const files: Record<string, string | object> = {};
  for (let i = 0; i < 100; i++) files[`meta/${i}.json`] = { camera: i };
  const set = await folder({
    ...files,
    "annotations/instances_train.json": coco("a.jpg"),
    "annotations/instances_val.json": coco("b.jpg"),
    "images/a.jpg": IMAGE,
    "images/b.jpg": IMAGE,
  });
  expect((await openData(set)).source.splits).toEqual(["train", "val"]);
});

it("labelme: files that are damaged, empty, or have the image before the shapes", async () => {
  const sorted = (imagePath: string) => {
    const { shapes, ...rest } = labelme(imagePath);
    return `{"imageData": "${"A".repeat(70_000)}", ${JSON.stringify(rest).slice(1, -1)}, "shapes": ${JSON.stringify(shapes)}}`;
  };
  const good = { "a.json": labelme("a.jpg"), "a.jpg": IMAGE, "c.json": sorted("c.jpg"), "c.jpg": IMAGE };
  expect((await read(await folder(good))).map(({ id }) => id)).toEqual(["a", "c"]);
  for (const damaged of ["", '{"version": "5", "fl']) {
    const set = await folder({ ...good, "b.json": damaged, "b.jpg": IMAGE });
    expect(await message(set)).toMatch(/b\.json: malformed JSON/);
  }
});

it("YOLO: class files that differ are refused, equal ones are not", async () => {
  const files = {
    ...{ "train/images/a.jpg": IMAGE, "train/labels/a.txt": "0 0.5 0.5 0.2 0.2" },
    ...{ "val/images/b.jpg": IMAGE, "val/labels/b.txt": "0 0.5 0.5 0.2 0.2" },
    "train/classes.txt": "dog\ncat\n",
  };
  expect(await message(await folder({ ...files, "val/classes.txt": "cat\ndog\n" }))).toMatch(
    /val\/classes\.txt: cat, dog, but .*train\/classes\.txt has dog, cat: a class number must mean the same/,
  );
  expect((await read(await folder({ ...files, "val/classes.txt": "dog\ncat\n" }), "val")).length).toBe(1);
});

it("YOLO: two lists of one split are joined", async () => {
  const label = "0 0.5 0.5 0.2 0.2";
  const set = await folder({
    ...{ "images/a.jpg": IMAGE, "labels/a.txt": label, "images/b.jpg": IMAGE, "labels/b.txt": label },
    ...{ "train2014.txt": "images/a.jpg\n", "train2017.txt": "images/b.jpg\n" },
  });
  expect((await read(set)).map(({ id }) => id).sort()).toEqual(["a", "b"]);
});

it.each(["face", 3, true])("YOLO: names: %s is not a list", async (names) => {
  const set = await folder({
    ...{ "data.yaml": `train: images\nnc: 1\nnames: ${names}\n` },
    ...{ "images/a.jpg": IMAGE, "labels/a.txt": "0 0.5 0.5 0.2 0.2" },
  });
  expect(await message(set)).toMatch(/names is .*; expected a list of names/);
});

it("VOC: a mask is not the photograph", async () => {
  const xml = xmlOf(100, 80, [{}]);
  const set = await folder({
    ...{ "Annotations/a.xml": xml, "JPEGImages/a.jpg": IMAGE },
    ...{ "Annotations/b.xml": xml, "SegmentationClass/b.png": IMAGE },
    "ImageSets/Main/train.txt": "a\nb\n",
  });
  expect(await message(set)).toMatch(/image of .*b\.xml is missing/);
});

it("data split: a set whose layout has no lists is left as it was", async () => {
  const xml = xmlOf(100, 80, [{}]);
  const files: Record<string, string> = {};
  for (let i = 0; i < 9; i++) Object.assign(files, { [`train/${i}.xml`]: xml, [`train/${i}.jpg`]: IMAGE });
  const set = await folder(files);
  const before = (await read(set)).map(({ id }) => id);
  const shares = { train: 0.4, val: 0.3, test: 0.3 };
  const outcome = await writeSplits(await openData(set), { shares, seed: 0 }).then(
    () => "split",
    (error: Error) => error.message,
  );
  const after = await openData(set);
  if (outcome === "split") {
    for (const split of ["train", "val", "test"])
      expect((await readSplit(after, split)).samples.length).toBeGreaterThan(0);
  } else {
    expect(outcome).toMatch(/cannot be split by lists, because of its layout/);
    expect((await read(set)).map(({ id }) => id)).toEqual(before);
  }
});

it("data split of a set with bad labels: they do not spoil the splits without them", async () => {
  const files: Record<string, string | object> = { "bad.json": "{", "bad.jpg": IMAGE };
  for (let i = 0; i < 9; i++)
    Object.assign(files, { [`${i}.json`]: labelme(`${i}.jpg`), [`${i}.jpg`]: IMAGE });
  const set = await folder(files);
  const shares = { train: 0.4, val: 0.3, test: 0.3 };
  const { counts } = await writeSplits(await openData(set), { shares, seed: 0, skipBad: true });
  const again = await openData(set);
  for (const [split, count] of Object.entries(counts))
    expect((await readSplit(again, split)).samples.length).toBe(count);
  const list = join(set, "splits", "val.txt");
  await put(list, `${readFileSync(list, "utf8")}bad\n`);
  expect(await message(set, "val")).toMatch(/bad\.json: malformed JSON/);
  expect(await message(set, "train")).toBe("nothing was refused");
});

it("convert: names of splits with folders become names of files, and this is said", async () => {
  const set = await folder({
    ...{ "a/labels.json": coco("x.jpg"), "a/x.jpg": IMAGE, "b/labels.json": coco("y.jpg"), "b/y.jpg": IMAGE },
  });
  for (const to of ["voc", "coco", "yolo"] as const) {
    const out = join(await temporaryFolder(), "out");
    const { lost, folder: written } = await convertDataset(await openData(set), { to, out });
    expect(lost.join("\n")).toMatch(
      /split a\/labels: written as a-labels\nsplit b\/labels: written as b-labels/,
    );
    expect((await openData(written)).source.splits).toEqual(["a-labels", "b-labels"]);
  }
});

it("check: orientation and shape of images whose sizes are in one file", async () => {
  const { default: sharp } = await import("sharp");
  const set = await folder({ "instances_train.json": coco("a.jpg") });
  const turned = await sharp({ create: { width: 100, height: 80, channels: 3, background: "#333" } })
    .withMetadata({ orientation: 3 })
    .jpeg()
    .toBuffer();
  await put(join(set, "a.jpg"), turned);
  const { notes } = await checkDataset(set);
  expect(notes.join("\n")).toMatch(/EXIF orientation that keeps their sides.*1/);
});

it("files are written through links, and devices stay devices", async () => {
  const path = await temporaryFolder();
  await put(join(path, "real.json"), "before");
  symlinkSync("real.json", join(path, "link.json"));
  await writeFileAtomic(join(path, "link.json"), "after");
  expect(lstatSync(join(path, "link.json")).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(path, "real.json"), "utf8")).toBe("after");
  await writeFileAtomic("/dev/null", "x");
  expect(existsSync("/dev/null") && lstatSync("/dev/null").isCharacterDevice()).toBe(true);
});
