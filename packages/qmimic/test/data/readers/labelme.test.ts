import { describe, expect, it } from "vitest";
import { notesOf, openData, readSplit } from "../../../src/data/dataset.js";
import { boxesOf, folder, IMAGE, message, read } from "./labelFolders.js";

describe("labelme", () => {
  const record = (shapes: object[], more: object = {}) => ({
    version: "5",
    flags: {},
    shapes,
    imagePath: "a.jpg",
    imageData: null,
    imageHeight: 80,
    imageWidth: 100,
    ...more,
  });
  const shape = (shape_type: string, points: number[][], label = "cat") => ({ label, points, shape_type });

  it("rectangles, polygons, circles; points have no area", async () => {
    const shapes = [
      shape("rectangle", [
        [30, 40],
        [10, 20],
      ]),
      shape("polygon", [
        [10, 20],
        [30, 30],
        [20, 40],
      ]),
      shape("circle", [
        [50, 40],
        [53, 44],
      ]),
      shape("point", [[5, 5]]),
    ];
    const data = await openData(await folder({ "a.json": record(shapes), "a.jpg": IMAGE }));
    const { samples } = await readSplit(data, "train");
    expect(boxesOf(samples)).toEqual({ a: [10, 20, 30, 40, 10, 20, 30, 40, 45, 35, 55, 45] });
    const notes = (await notesOf(data)).join("\n");
    expect(notes).toMatch(/bounding boxes are used: 2/);
    expect(notes).toMatch(/points and lines.*: 1/);
  });

  it.each([
    [
      "images elsewhere",
      { "json/a.json": record([], { imagePath: "..\\images\\a.jpg" }), "images/a.jpg": IMAGE },
      "train",
      "a",
    ],
    ["folders of splits", { "valid/a.json": record([]), "valid/a.jpg": IMAGE }, "val", "a"],
    [
      "a size of null",
      { "a.json": record([], { imageHeight: null, imageWidth: null }), "a.jpg": IMAGE },
      "train",
      "a",
    ],
    ["a byte order mark", { "a.json": `\ufeff${JSON.stringify(record([]))}`, "a.jpg": IMAGE }, "train", "a"],
    ["an image renamed with its labels", { "b.json": record([]), "b.jpg": IMAGE }, "train", "b"],
  ])("%s", async (_, files, split, id) => {
    expect((await read(await folder(files), split)).map((sample) => [sample.id, sample.width])).toEqual([
      [id, 100],
    ]);
  });

  it.each([
    [
      record([
        shape(
          "rectangle",
          [
            [1, 1],
            [2, 2],
          ],
          "",
        ),
      ]),
      /shape 1: "label" is ""/,
    ],
    [record([{ label: "cat", points: "x" }]), /shape 1: "cat": "points" is not a list/],
    [record([shape("circle", [[1, 1]])]), /shape 1: "cat" has 1 points/],
    [
      record([
        shape("rectangle", [
          [1, 1],
          [200, 2],
        ]),
      ]),
      /shape 1: "cat" has a box.*outside/,
    ],
    [record([], { imageWidth: 90 }), /100 x 80 px.*a\.json states 90 x 80/],
    [record([], { imagePath: "b.jpg" }), "read"],
  ])("%# refused", async (content, expected) => {
    const text = await message(await folder({ "a.json": content, "a.jpg": IMAGE }));
    if (expected === "read") expect(text).toBe("nothing was refused");
    else expect(text).toMatch(expected);
  });

  it("shapes of one label and group are one object", async () => {
    const part = (x: number, group_id: unknown, label = "car") => ({
      ...shape(
        "rectangle",
        [
          [x, 10],
          [x + 10, 30],
        ],
        label,
      ),
      group_id,
    });
    const alone = [part(50, null), part(70, ""), part(80, "")];
    const shapes = [part(0, 1), ...alone, part(30, 1), part(60, 1, "pole")];
    const data = await openData(await folder({ "a.json": record(shapes), "a.jpg": IMAGE }));
    const { samples } = await readSplit(data, "train");
    expect(boxesOf(samples)).toEqual({
      a: [0, 10, 40, 30, 50, 10, 60, 30, 70, 10, 80, 30, 80, 10, 90, 30, 60, 10, 70, 30],
    });
    expect((await notesOf(data)).join()).toMatch(/united with another one of the same label and group_id: 1/);
  });
});
