import { describe, expect, it } from "vitest";
import { checkDataset } from "../../../src/data/check.js";
import { readDataset } from "../../../src/data/dataset.js";
import { boxesOf, folder, IMAGE, message, read } from "./labelFolders.js";

describe("COCO", () => {
  const categories = [
    { id: 90, name: "toothbrush", supercategory: "indoor" },
    { id: 1, name: "person", supercategory: "person" },
  ];
  const images = [
    { id: 7, file_name: "b.jpg", width: 100, height: 80 },
    { id: 3, file_name: "a.jpg", width: 100, height: 80 },
  ];
  const annotations = [
    { id: 1, image_id: 3, category_id: 90, bbox: [10, 20, 20, 20], iscrowd: 0, area: 400 },
    { id: 2, image_id: 7, category_id: 1, bbox: [1, 2, 3, 4], iscrowd: 1 },
  ];
  const coco = { images, annotations, categories };

  it.each([
    ["as the COCO data set lies", "annotations/instances_train2017.json", "train2017/"],
    ["Roboflow", "train/_annotations.coco.json", "train/"],
    ["CVAT", "annotations/instances_default.json", "images/"],
    ["JSON beside the images", "labels.json", ""],
    ["images in a folder called data", "annotations.json", "data/"],
  ])("%s", async (_, json, place) => {
    const set = await folder({ [json]: coco, [`${place}a.jpg`]: IMAGE, [`${place}b.jpg`]: IMAGE });
    const { classes, samples } = await readDataset(set, "train");
    expect(classes).toEqual(["person", "toothbrush"]);
    expect(samples.map(({ id, labels, difficult }) => [id, [...labels], [...difficult]])).toEqual([
      ["b", [1], [1]],
      ["a", [2], [0]],
    ]);
    expect(boxesOf(samples)).toEqual({ b: [1, 2, 4, 6], a: [10, 20, 30, 40] });
  });

  it("file names in folders, images without annotations, and a size that only the image has", async () => {
    const set = await folder({
      "a.json": { images: [{ id: 1, file_name: "x\\y/a.jpg" }], annotations: [], categories },
      "x/y/a.jpg": IMAGE,
    });
    const [sample] = await read(set);
    expect(sample).toMatchObject({ id: "x/y/a", width: 100, height: 80 });
    expect(sample.boxes).toHaveLength(0);
  });

  it("other tasks' files are left out, with a note", async () => {
    const set = await folder({
      "annotations/instances_train2017.json": coco,
      "annotations/captions_train2017.json": {
        images,
        annotations: [{ id: 1, image_id: 3, caption: "a cat" }],
      },
      "annotations/person_keypoints_train2017.json": coco,
      "train2017/a.jpg": IMAGE,
      "train2017/b.jpg": IMAGE,
    });
    const { notes, splits } = await checkDataset(set);
    expect(splits.map(({ name, images: count }) => [name, count])).toEqual([["train", 2]]);
    expect(notes.join("\n")).toMatch(/2 JSON files for other tasks skipped/);
  });

  it("a category that only groups the others is no class, one with objects is", async () => {
    const grouped = [
      { id: 0, name: "signs", supercategory: "none" },
      { id: 1, name: "stop", supercategory: "signs" },
    ];
    const boxOf = (category_id: number) => [{ id: 1, image_id: 3, category_id, bbox: [1, 2, 3, 4] }];
    const files = { "a.jpg": IMAGE, "b.jpg": IMAGE };
    const plain = await folder({
      "a.json": { images, annotations: boxOf(1), categories: grouped },
      ...files,
    });
    expect((await readDataset(plain, "train")).classes).toEqual(["stop"]);
    const used = await folder({ "a.json": { images, annotations: boxOf(0), categories: grouped }, ...files });
    expect((await readDataset(used, "train")).classes).toEqual(["signs", "stop"]);
  });

  const one = (change: object) => ({ ...coco, annotations: [{ ...annotations[0], ...change }] });
  it.each([
    ["an unknown image", one({ image_id: 5 }), /annotation 1: there is no image with id 5/],
    ["an unknown category", one({ category_id: 2 }), /annotation 1: there is no category with id 2/],
    ["no box", one({ bbox: undefined }), /annotation 1: "bbox" is missing/],
    ["a box of three", one({ bbox: [1, 2, 3] }), /annotation 1: "bbox" is \[1,2,3\]/],
    ["a box outside", one({ bbox: [90, 2, 30, 4] }), /annotation 1: "toothbrush" has a box.*outside/],
    ["a box without area", one({ bbox: [9, 2, 0, 4] }), /annotation 1: .*no area/],
    ["iscrowd: 2", one({ iscrowd: 2 }), /"iscrowd" is 2/],
    ["text as id", one({ image_id: "3" }), /image_id "3"/],
    [
      "two images of an id",
      { ...coco, images: [images[0], { ...images[1], id: 7 }] },
      /two images have the id 7/,
    ],
    [
      "two images of a name",
      { ...coco, images: [images[0], { ...images[0], id: 3 }] },
      /two images have the file_name "b\.jpg"/,
    ],
    [
      "two categories of a name",
      { ...coco, categories: [categories[0], { ...categories[0], id: 1 }] },
      /two categories have the name "toothbrush"/,
    ],
    [
      "a size that is half there",
      { ...coco, images: [{ ...images[0], width: undefined }, images[1]] },
      /images\[0\]: the size is missing x 80/,
    ],
    ["images as an object", { images: {}, annotations, categories }, /"images" is not a list/],
    ["no images", { annotations, categories }, /has no "images"/],
    ["text that is cut off", JSON.stringify(coco).slice(0, -9), /malformed JSON|unexpected end of file/],
    ["a comma too many", JSON.stringify(coco).replace("[{", "[,{"), /element of "images" is missing/],
  ])("refuses %s", async (_, content, expected) => {
    const set = await folder({ "a.json": content, "a.jpg": IMAGE, "b.jpg": IMAGE });
    expect(await message(set)).toMatch(expected);
  });

  it("images that are not there: one by one, or once when there are none", async () => {
    expect(await message(await folder({ "a.json": coco, "a.jpg": IMAGE }))).toMatch(
      /b\.jpg: the image of .* is missing/,
    );
    const none = await message(await folder({ "a.json": coco }));
    expect(none).toMatch(/1 problem in the data.[\s\S]*all 2 images of the split are missing/);
  });

  it("two images of one id in different folders keep apart, in one they are refused", async () => {
    const files = { "x/a.jpg": IMAGE, "y/a.jpg": IMAGE };
    const named = (names: string[]) => ({
      images: names.map((file_name, id) => ({ id, file_name, width: 100, height: 80 })),
      annotations: [],
      categories,
    });
    const apart = await folder({ "a.json": named(["x/a.jpg", "y/a.jpg"]), ...files });
    expect((await read(apart)).map(({ id }) => id)).toEqual(["x/a", "y/a"]);
    const unclear = await message(await folder({ "a.json": named(["a.jpg"]), ...files }));
    expect(unclear).toMatch(/could be x\/a\.jpg or y\/a\.jpg\. Include its folder in the name/);
  });

  it("an image of another split is not taken", async () => {
    const files = { "val2017/a.jpg": IMAGE, "val2017/b.jpg": IMAGE, "train2017/b.jpg": IMAGE };
    const set = await folder({ "annotations/instances_train2017.json": coco, ...files });
    expect(await message(set)).toMatch(
      /a\.jpg: the image is missing; there is only val2017\/a\.jpg, in another split/,
    );
  });

  it("a size that is not the image's is found by data check", async () => {
    const large = { ...coco, images: images.map((one) => ({ ...one, width: 200 })) };
    const set = await folder({ "a.json": large, "a.jpg": IMAGE, "b.jpg": IMAGE });
    expect(await read(set)).toHaveLength(2);
    expect((await checkDataset(set)).problems[0].message).toMatch(/100 x 80 px.*states 200 x 80/);
  });

  it("with skip-bad, what has a repeated id is left out: its objects could be of either", async () => {
    const repeated = {
      images: [...images, { id: 7, file_name: "c.jpg", width: 100, height: 80 }],
      annotations: [...annotations, { id: 3, image_id: 7, category_id: 1, bbox: [5, 5, 20, 20] }],
      categories: [...categories, { id: 1, name: "cat" }, { id: 2, name: "dog" }],
    };
    const place = { "b.jpg": IMAGE, "a.jpg": IMAGE, "c.jpg": IMAGE };
    const set = await folder({ "a.json": repeated, ...place });
    expect(await message(set)).toMatch(/two images have the id 7/);
    const { classes, samples } = await readDataset(set, "train", { skipBad: true });
    expect(classes).toEqual(["dog", "toothbrush"]);
    expect(boxesOf(samples)).toEqual({ a: [10, 20, 30, 40] });
  });

  it("with skip-bad, an image with objects of a repeated category is left out, not one without objects", async () => {
    const set = await folder({
      "a.json": { ...coco, categories: [...categories, { id: 90, name: "brush" }] },
      ...{ "a.jpg": IMAGE, "b.jpg": IMAGE },
    });
    expect(await message(set)).toMatch(/1 image with a repeated id, or objects of a category with one/);
    const { samples } = await readDataset(set, "train", { skipBad: true });
    expect(boxesOf(samples)).toEqual({ b: [1, 2, 4, 6] });
  });

  it("a thousand categories before the images", async () => {
    const many = Array.from({ length: 1500 }, (_, i) => ({
      ...{ id: i + 100, name: `class ${i}`, supercategory: "one of a great many" },
    }));
    const set = await folder({
      "a.json": { categories: [...many, ...categories], images, annotations },
      ...{ "a.jpg": IMAGE, "b.jpg": IMAGE },
    });
    expect(await read(set)).toHaveLength(2);
  });

  it.each([
    ["Label Studio's notes", { categories: [{ id: 0, name: "cat" }], info: { year: 2026 } }],
    ["scores of qmimic val", { weights: "best.safetensors", images: 40, mAP: 0.5 }],
    ["predictions", { weights: "best.safetensors", images: [{ file: "a.jpg", detections: [] }] }],
  ])("%s beside YOLO labels are not a second format", async (_, json) => {
    const set = await folder({
      ...{ "notes.json": json, "classes.txt": "cat\n" },
      ...{ "images/a.jpg": IMAGE, "labels/a.txt": "0 0.2 0.375 0.2 0.25\n" },
    });
    expect(boxesOf(await read(set))).toEqual({ a: [10, 20, 30, 40] });
  });
});
