// Pascal VOC as tools write it, and what is refused of it.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkDataset } from "../../../src/data/check.js";
import { notesOf, openData, readDataset, readSplit } from "../../../src/data/dataset.js";
import { makeVoc, plainImage, put, temporaryFolder, xmlOf } from "../temporary.js";
import { boxesOf, folder, IMAGE, message, read } from "./labelFolders.js";

const root = await temporaryFolder();

describe("Pascal VOC", () => {
  const xml = xmlOf(100, 80, [{ box: [10, 20, 30, 40] }]);
  const box = [10, 20, 30, 40];

  it.each([
    ["labelImg, one folder", { "a.xml": xml, "a.png": IMAGE }, "a"],
    ["images in folders", { "day/a.xml": xml, "day/a.png": IMAGE }, "day/a"],
    ["Roboflow", { "train/a.xml": xml, "train/a.jpg": IMAGE, "valid/b.xml": xml, "valid/b.jpg": IMAGE }, "a"],
    ["Label Studio", { "images/a.jpg": IMAGE, "Annotations/a.xml": xml }, "a"],
    ["folders of splits in both", { "images/train/a.jpg": IMAGE, "Annotations/train/a.xml": xml }, "a"],
    ["split above", { "train/Annotations/a.xml": xml, "train/JPEGImages/a.jpg": IMAGE }, "a"],
    [
      "CVAT's default.txt",
      { "ImageSets/Main/default.txt": "a\n", "Annotations/a.xml": xml, "JPEGImages/a.jpg": IMAGE },
      "a",
    ],
    [
      "lists in ImageSets",
      { "ImageSets/train.txt": "a", "Annotations/a.xml": xml, "JPEGImages/a.jpg": IMAGE },
      "a",
    ],
    [
      "ids in folders",
      { "ImageSets/Main/train.txt": "s/a", "Annotations/s/a.xml": xml, "JPEGImages/s/a.jpg": IMAGE },
      "s/a",
    ],
    [
      "backslashes and endings",
      {
        "ImageSets/Main/train.txt": "C:\\set\\s\\a.JPG",
        "Annotations/s/a.xml": xml,
        "JPEGImages/s/a.jpg": IMAGE,
      },
      "s/a",
    ],
    [
      "a devkit above",
      {
        "VOCdevkit/VOC2007/ImageSets/Main/train.txt": "a",
        "VOCdevkit/VOC2007/Annotations/a.xml": xml,
        "VOCdevkit/VOC2007/JPEGImages/a.jpg": IMAGE,
      },
      "a",
    ],
    [
      "VoTT's lists",
      {
        "ImageSets/Main/cat_train.txt": "a.jpg 1\nb.jpg -1",
        "Annotations/a.xml": xml,
        "Annotations/b.xml": xml,
        "JPEGImages/a.jpg": IMAGE,
        "JPEGImages/b.jpg": IMAGE,
      },
      "a",
    ],
    [
      "VoTT's lists, all flags -1",
      { "ImageSets/Main/dog_train.txt": "a.jpg -1", "Annotations/a.xml": xml, "JPEGImages/a.jpg": IMAGE },
      "a",
    ],
  ])("%s", async (_, files, id) => {
    expect(boxesOf(await read(await folder(files)))).toMatchObject({ [id]: box });
  });

  it("two VOC folders are named, and either is read by its name", async () => {
    const devkit = await folder({
      "VOC2007/Annotations/a.xml": xml,
      "VOC2007/JPEGImages/a.jpg": IMAGE,
      "VOC2012/Annotations/b.xml": xml,
      "VOC2012/JPEGImages/b.jpg": IMAGE,
    });
    expect(await message(devkit)).toMatch(/has 2 VOC folders: VOC2007, VOC2012\. Choose one of them/);
    expect(await read(join(devkit, "VOC2012"))).toHaveLength(1);
  });

  it("two images of one id are refused, unless <filename> tells which", async () => {
    const both = { "JPEGImages/a.jpg": IMAGE, "JPEGImages/a.png": IMAGE };
    const set = await folder({ "Annotations/a.xml": xml, ...both });
    expect(await message(set)).toMatch(
      /two images with the same id: JPEGImages\/a\.jpg and JPEGImages\/a\.png/,
    );
    expect((await checkDataset(set)).ok).toBe(false);
    const named = xml.replace("<size>", "<filename>a.png</filename><size>");
    const [sample] = await read(await folder({ "Annotations/a.xml": named, ...both }));
    expect(sample.imagePath).toMatch(/a\.png$/);
  });

  it("an image is never taken from another label file, or another split", async () => {
    const named = (name: string) => xml.replace("<size>", `<filename>${name}</filename><size>`);
    const renamed = await folder({ "a.xml": named("old.jpg"), "old.jpg": IMAGE });
    expect((await read(renamed))[0]).toMatchObject({ id: "a", imagePath: join(renamed, "old.jpg") });
    const taken = await folder({ "a.xml": named("b.jpg"), "b.xml": named("b.jpg"), "b.jpg": IMAGE });
    expect(await message(taken)).toMatch(/a\.\*: the image of .*a\.xml is missing/);
    const both = await folder({ "a.xml": named("old.jpg"), "b.xml": named("old.jpg"), "old.jpg": IMAGE });
    expect(await message(both)).toMatch(/b\.xml: its image old\.jpg also belongs to "a" in a\.xml/);
    const splits = { "train/0.xml": xml, "val/0.xml": xml, "val/0.jpg": IMAGE };
    expect(await message(await folder(splits))).toMatch(/train\/0\.\*: the image of .*0\.xml is missing/);
  });

  it("labelmap.txt gives the order of the classes", async () => {
    const labelmap = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nzebra:1,2,3::\ncat:3,2,1::\n";
    const set = await folder({
      "labelmap.txt": labelmap,
      "Annotations/a.xml": xml,
      "JPEGImages/a.jpg": IMAGE,
    });
    const { classes, samples } = await readDataset(set, "train");
    expect(classes).toEqual(["zebra", "cat"]);
    expect([...samples[0].labels]).toEqual([2]);
  });

  it("classes of a train split that cannot be read are not unknown in val", async () => {
    const set = await makeVoc(
      join(root, "knock-on"),
      { a: "<annotation>", b: [{ name: "cat" }], c: [{ name: "dog" }] },
      { train: "a\nb\n", val: "c\n" },
    );
    const { problems } = await checkDataset(set);
    expect(problems.map(({ file }) => file)).toEqual([join(set, "Annotations", "a.xml")]);
  });

  it("skip-bad clips and leaves out, and counts both", async () => {
    const set = await makeVoc(join(root, "skip"), {
      a: [{ box: [-9, 10, 50, 90] }, { box: [5, 5, 1, 1] }],
      b: "<annotation>",
    });
    const data = await openData(set);
    const { samples } = await readSplit(data, "train", { skipBad: true });
    expect(boxesOf(samples)).toEqual({ a: [0, 10, 50, 80] });
    const notes = (await notesOf(data)).join("\n");
    expect(notes).toMatch(/boxes clipped to their images: 1/);
    expect(notes).toMatch(
      /2 problems in the data[\s\S]*inverted[\s\S]*malformed XML|malformed XML[\s\S]*inverted/,
    );
    // Images whose pixels are damaged too, which only decoding finds.
    const jpeg = await plainImage(100, 80, "jpeg");
    const cut = await folder({
      "Annotations/a.xml": xml,
      "Annotations/b.xml": xml,
      "JPEGImages/b.jpg": IMAGE,
    });
    await put(join(cut, "JPEGImages", "a.jpg"), jpeg.subarray(0, jpeg.length / 2));
    expect((await readDataset(cut, "train", { skipBad: true })).samples.map(({ id }) => id)).toEqual(["b"]);
    // Nothing usable is left: that is refused all the same.
    const none = await makeVoc(join(root, "skip-all"), { b: "<annotation>" });
    await expect(readDataset(none, "train", { skipBad: true })).rejects.toThrow(/malformed XML/);
  });

  it("marks can be ignored", async () => {
    const occluded = { box: [10, 20, 30, 40], extra: "<occluded>1</occluded><truncated>0</truncated>" };
    const set = await makeVoc(join(root, "marks"), { a: [occluded, {}] });
    const difficult = async (ignore: ("occluded" | "truncated")[]) => [
      ...(await readDataset(set, "train", { ignore })).samples[0].difficult,
    ];
    expect(await difficult([])).toEqual([0, 0]);
    expect(await difficult(["truncated"])).toEqual([0, 0]);
    expect(await difficult(["occluded"])).toEqual([1, 0]);
  });
});
