import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkDataset } from "../../../src/data/check.js";
import { readDataset } from "../../../src/data/dataset.js";
import { put } from "../temporary.js";
import { boxesOf, folder, IMAGE, message, read } from "./labelFolders.js";

describe("YOLO", () => {
  // 10, 20, 30, 40 of 100 x 80.
  const line = "0 0.2 0.375 0.2 0.25\n";
  const box = [10, 20, 30, 40];
  const names = "names: [cat, dog]\n";

  it.each([
    [
      "Ultralytics",
      {
        "data.yaml": `path: ../datasets/x\ntrain: images/train\nval: images/val\n${names}`,
        "images/train/a.jpg": IMAGE,
        "labels/train/a.txt": line,
      },
    ],
    [
      "Roboflow",
      {
        "data.yaml": `train: ../train/images\nval: ../valid/images\nnc: 2\n${names}`,
        "train/images/a.jpg": IMAGE,
        "train/labels/a.txt": line,
      },
    ],
    [
      "a list of images",
      {
        "data.yaml": `train: train.txt\n${names}`,
        "train.txt": "./images/a.jpg\n",
        "images/a.jpg": IMAGE,
        "labels/a.txt": line,
      },
    ],
    [
      "a list of another machine",
      {
        "data.yaml": `train: /home/me/set/train.txt\n${names}`,
        "train.txt": "C:\\me\\set\\images\\a.jpg",
        "images/a.jpg": IMAGE,
        "labels/a.txt": line,
      },
    ],
    [
      "names by number",
      {
        "data.yaml": "train: images\nnames:\n  0: cat\n  1: dog\n",
        "images/a.jpg": IMAGE,
        "labels/a.txt": line,
      },
    ],
    [
      "darknet",
      {
        "obj.data": "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n",
        "obj.names": "cat\ndog\n",
        "train.txt": "data/obj_train_data/a.jpg\n",
        "obj_train_data/a.jpg": IMAGE,
        "obj_train_data/a.txt": line,
      },
    ],
    ["labelImg", { "classes.txt": "cat\ndog\n", "a.jpg": IMAGE, "a.txt": line }],
    [
      "folders without settings",
      { "classes.txt": "cat\r\ndog\r\n", "train/images/a.jpg": IMAGE, "train/labels/a.txt": line },
    ],
  ])("%s", async (_, files) => {
    const { classes, samples } = await readDataset(await folder(files), "train");
    expect(classes).toEqual(["cat", "dog"]);
    expect(boxesOf(samples)).toEqual({ a: box });
  });

  it("segments become their bounding boxes; keypoints are passed over; empty files are images without objects", async () => {
    const base = { "images/a.jpg": IMAGE, "images/b.jpg": IMAGE, "labels/b.txt": "" };
    const segment = "1 0.1 0.25 0.3 0.25 0.3 0.5 0.1 0.5\n";
    expect(boxesOf(await read(await folder({ ...base, "labels/a.txt": segment })))).toEqual({
      a: box,
      b: [],
    });
    const pose = { "data.yaml": `train: images\nkpt_shape: [2, 3]\n${names}`, ...base };
    const set = await folder({ ...pose, "labels/a.txt": `${line.trim()} 0.5 0.5 2 0.6 0.6 1` });
    expect(boxesOf(await read(set))).toEqual({ a: box, b: [] });
  });

  it("pictures in folders without labels are no part of the set", async () => {
    const set = await folder({ "images/a.jpg": IMAGE, "labels/a.txt": line, "runs/chart.png": IMAGE });
    const report = await checkDataset(set);
    expect(report.splits.map(({ name, images }) => [name, images])).toEqual([["all", 1]]);
    expect(report.notes.join("\n")).toMatch(/1 image without labels \(runs\/chart\.png\)/);
  });

  it("label files that are all empty, where data.yaml says that they are labels", async () => {
    const set = await folder({
      "data.yaml": `train: images\n${names}`,
      "images/a.jpg": IMAGE,
      "labels/a.txt": "",
    });
    expect(boxesOf(await read(set))).toEqual({ a: [] });
  });

  it("binary files of other programs with the extensions .data and .txt are passed over", async () => {
    const set = await folder({ "images/a.jpg": IMAGE, "labels/a.txt": line, "images/0.jpg": IMAGE });
    const binary = Uint8Array.of(0x80, 0xff, 0xc3, 0x28);
    for (const name of ["weights.data", "labels/0.txt"]) await put(join(set, name), binary);
    expect((await checkDataset(set)).format).toBe("yolo");
    expect(await message(set)).toMatch(/labels\/0\.txt: the byte 80 at offset 0 is not valid UTF-8/);
  });

  it("without names classes are called by their numbers, and a missing label file is said", async () => {
    const set = await folder({ "images/a.jpg": IMAGE, "labels/a.txt": line, "images/b.jpg": IMAGE });
    const report = await checkDataset(set);
    expect(report.classes).toEqual(["0"]);
    expect(report.notes.join("\n")).toMatch(
      /class numbers are used[\s\S]*images without labels.*: 1 \(images\/b\.jpg\)/,
    );
    const unlabelled = { "val/images/b.jpg": IMAGE, "train/images/a.jpg": IMAGE, "train/labels/a.txt": line };
    expect(await message(await folder(unlabelled), "val")).toMatch(
      /none of the 1 images of split val has a label file/,
    );
  });

  it.each([
    ["0 0.2 0.375 0.2\n", /line 1: "0 0\.2 0\.375 0\.2": 4 numbers/],
    [`${line}0 0.2 0.375 0.2 0.25 0.9\n`, /line 2: .*six numbers; the sixth is a score/],
    ["2 0.2 0.375 0.2 0.25\n", /the class is 2; data\.yaml has 2, 0 to 1/],
    ["0.5 0.2 0.375 0.2 0.25\n", /the class is 0\.5/],
    ["-1 0.2 0.375 0.2 0.25\n", /the class is -1/],
    ["0 0,2 0.375 0.2 0.25\n", /not a number/],
    ["0 20 30 20 20\n", /line 1: "cat" has a box.*outside the image of 100 x 80/],
    ["0 0.2 0.375 0 0.25\n", /line 1: .*no area/],
    ["0 0.1 0.25 0.3 0.25 0.3 0.5 0.1\n", /8 numbers/],
  ])("refuses %j", async (text, expected) => {
    const files = { "data.yaml": `train: images\n${names}`, "images/a.jpg": IMAGE, "images/b.jpg": IMAGE };
    const set = await folder({ ...files, "labels/a.txt": text, "labels/b.txt": line });
    expect(await message(set)).toMatch(expected);
  });

  it.each([
    ["names: [cat, cat]", /two classes have the name "cat"/],
    ["names:\n  0: cat\n  2: dog", /2 names for numbers up to 2/],
    ["names: [cat, '']", /class 1 has no name/],
    ["names: [", /data\.yaml: not YAML/],
    ["names: [cat]\ntrain: nowhere", /data\.yaml: train: "nowhere": no such file or folder in the set/],
    [
      "names: [cat]\ntrain: ../train/images",
      /data\.yaml: train: "\.\.\/train\/images": no such file or folder/,
    ],
    ["names: [cat]\ntrain: a/../../../train/images", /data\.yaml: train: .*: no such file or folder/],
  ])("refuses data.yaml with %j", async (yaml, expected) => {
    const set = await folder({ "data.yaml": yaml, "images/a.jpg": IMAGE, "labels/a.txt": line });
    expect(await message(set)).toMatch(expected);
  });

  it("folders of a split that are not there are not taken for their parents", async () => {
    const set = await folder({
      "data.yaml": `train: train/images\nval: val/images\n${names}`,
      "images/train/a.jpg": IMAGE,
      "labels/train/a.txt": line,
      "images/val/b.jpg": IMAGE,
      "labels/val/b.txt": line,
    });
    expect(await message(set)).toMatch(/data\.yaml: train: "train\/images": no such file or folder/);
  });

  it.each(["/home/dev/set/images", "/content/test/set/images", "C:\\training\\set\\images"])(
    "folders above the set may have the name of a split: %s",
    async (path) => {
      const set = await folder({
        ...{ "data.yaml": `train: ${path}\n${names}`, "images/a.jpg": IMAGE, "labels/a.txt": line },
      });
      expect(boxesOf(await read(set))).toEqual({ a: box });
    },
  );

  it("with skip-bad, an image whose labels cannot be read is left out, not one without objects", async () => {
    const files = { "data.yaml": `train: images\n${names}`, "images/a.jpg": IMAGE, "images/b.jpg": IMAGE };
    const set = await folder({ ...files, "labels/b.txt": line });
    await put(join(set, "labels/a.txt"), Buffer.from([0x30, 0xa0, 0xff]));
    const { samples } = await readDataset(set, "train", { skipBad: true });
    expect(samples.map(({ id }) => id)).toEqual(["b"]);
  });

  it("images of the same name in several folders of a split have ids of their own", async () => {
    const set = await folder({
      "data.yaml": `train: [cam1/images, cam2/images]\n${names}`,
      ...{ "cam1/images/0.jpg": IMAGE, "cam1/labels/0.txt": line },
      ...{ "cam2/images/0.jpg": IMAGE, "cam2/labels/0.txt": "" },
    });
    expect(boxesOf(await read(set))).toEqual({ "cam1/0": box, "cam2/0": [] });
  });

  it("many empty label files do not hide the others, also without data.yaml", async () => {
    const files: Record<string, string | Buffer> = { "classes.txt": "cat\n" };
    for (let i = 0; i < 40; i++) {
      const name = String(i).padStart(2, "0");
      Object.assign(files, { [`${name}.jpg`]: IMAGE, [`${name}.txt`]: i % 2 === 0 ? "" : line });
    }
    expect(await read(await folder(files))).toHaveLength(40);
  });

  it("label files are found whatever the case of their extension", async () => {
    const set = await folder({
      ...{ "data.yaml": `train: images\n${names}`, "images/a.jpg": IMAGE, "labels/a.TXT": line },
    });
    expect(boxesOf(await read(set))).toEqual({ a: box });
  });
});
