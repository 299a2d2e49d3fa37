import { describe, expect, it } from "vitest";
import { checkDataset } from "../../../src/data/check.js";
import { readDataset } from "../../../src/data/dataset.js";
import { xmlOf } from "../temporary.js";
import { boxesOf, folder, IMAGE, message } from "./labelFolders.js";

describe("which format", () => {
  const xml = xmlOf(100, 80, []);
  it("two equally high are refused; the format can be insisted on", async () => {
    const set = await folder({ "a.xml": xml, "a.txt": "0 0.5 0.5 0.5 0.5", "a.jpg": IMAGE });
    expect(await message(set)).toMatch(
      /2 formats: Pascal VOC \(voc\).*YOLO \(yolo\).*--format voc or --format yolo/,
    );
    expect((await readDataset(set, "train", { format: "yolo" })).classes).toEqual(["0"]);
    await expect(readDataset(set, "train", { format: "coco" })).rejects.toThrow(
      /no labels in the format COCO \(coco\)\. Found: Pascal VOC \(voc\), YOLO \(yolo\)/,
    );
  });

  it("a deeper one is left out, with a note", async () => {
    const set = await folder({
      "Annotations/a.xml": xml,
      "JPEGImages/a.jpg": IMAGE,
      "wider/faces_train.txt": "JPEGImages/a.jpg\n1\n1 2 3 4\n",
    });
    expect((await checkDataset(set)).notes.join("\n")).toMatch(
      /Ignored labels in other formats.*: WIDER FACE \(wider\)/,
    );
    expect(boxesOf((await readDataset(set, "train", { format: "wider" })).samples)).toEqual({
      "JPEGImages/a": [1, 2, 4, 6],
    });
  });
});
