import { describe, expect, it } from "vitest";
import { notesOf, openData, readDataset, readSplit } from "../../../src/data/dataset.js";
import { boxesOf, folder, IMAGE, message, read } from "./labelFolders.js";

describe("WIDER FACE", () => {
  const list = (rows: string[], name = "0--Parade/a.jpg") => `${name}\n${rows.length}\n${rows.join("\n")}\n`;
  const files = { "WIDER_train/images/0--Parade/a.jpg": IMAGE };
  const set = (text: string) => folder({ "wider_face_split/wider_face_train_bbx_gt.txt": text, ...files });

  it("invalid faces are ignored, faces without area left out, heavy marks on request", async () => {
    const rows = [
      "10 20 20 20 0 0 0 0 0 0 ",
      "1 2 3 4 0 0 0 1 0 0",
      "5 5 0 9 0 0 0 0 0 0",
      "40 40 9 9 2 0 0 0 2 0",
    ];
    const path = await set(list(rows));
    const data = await openData(path);
    const { classes, samples } = await readSplit(data, "train");
    expect(classes).toEqual(["face"]);
    expect(boxesOf(samples)).toEqual({ "0--Parade/a": [10, 20, 30, 40, 1, 2, 4, 6, 40, 40, 49, 49] });
    expect([...samples[0].difficult]).toEqual([0, 1, 0]);
    expect((await notesOf(data)).join("\n")).toMatch(/boxes without area, skipped: 1/);
    const strict = await readDataset(path, "train", { ignore: ["heavy-blur"] });
    expect([...strict.samples[0].difficult]).toEqual([0, 1, 1]);
  });

  it("images without faces, without zeros, from the first line on", async () => {
    const text = `0--Parade/a.jpg\n0\n${list(["10 20 20 20"], "0--Parade/b.jpg")}`;
    const path = await folder({
      "wider_face_split/wider_face_train_bbx_gt.txt": text,
      ...files,
      "WIDER_train/images/0--Parade/b.jpg": IMAGE,
    });
    expect(boxesOf(await read(path))).toEqual({ "0--Parade/a": [], "0--Parade/b": [10, 20, 30, 40] });
  });

  it.each([
    ["boxes alone", list(["10 20 20 20"])],
    ["no faces, with zeros", "0--Parade/a.jpg\n0\n0 0 0 0 0 0 0 0 0 0 \n"],
    ["line ends of Windows", list(["10 20 20 20 0 0 0 0 0 0"]).replaceAll("\n", "\r\n")],
  ])("%s", async (_, text) => {
    expect(await read(await set(text))).toHaveLength(1);
  });

  it.each([
    [`${list(["10 20 20 20"])}0--Parade/b.jpg\nmany\n`, /line 4: "0--Parade\/b\.jpg" and "many"/],
    [
      list(["10 20 20 20"]).replace("\n1\n", "\n2\n"),
      /line 2: "0--Parade\/a\.jpg" has 2 faces, but the list has only 1 more line\./,
    ],
    [list(["10 20 20 20", "1 2 3 4 5"]), /line 4: "1 2 3 4 5"; expected/],
    [list(["10 20 20 20"], "0--Parade/b.jpg"), /b\.jpg: the image of .* is missing/],
    [list(["90 20 20 20"]), /line 3: "face" has a box.*outside/],
  ])("refuses %j", async (text, expected) => {
    expect(await message(await set(text))).toMatch(expected);
  });
});
