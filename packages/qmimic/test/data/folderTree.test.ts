// What lies in a folder: links, leftovers, names in another Unicode form, endings.
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkDataset } from "../../src/data/check.js";
import { readDataset } from "../../src/data/dataset.js";
import { joinPath, readTree } from "../../src/data/folderTree.js";
import { makeVoc, plainImage, put, temporaryFolder } from "./temporary.js";

const root = await temporaryFolder();

describe("folders", () => {
  it("links to files and folders are followed, circles are not", async () => {
    const folder = join(root, "links");
    await put(join(root, "elsewhere", "a.png"), await plainImage(100, 80));
    await put(join(folder, "b.txt"), "");
    await symlink(join(root, "elsewhere"), join(folder, "images"));
    await symlink(folder, join(folder, "again"));
    await symlink(join(root, "nowhere"), join(folder, "broken.png"));
    expect((await readTree(folder)).files).toEqual(["b.txt", "broken.png", "images/a.png"]);
  });

  it("leftovers of operating systems are passed over everywhere, and counted", async () => {
    const folder = await makeVoc(join(root, "leftovers"), { a: [{}] }, { train: "a\n", val: "a\n" });
    const leftovers = [
      ".DS_Store",
      "JPEGImages/Thumbs.db",
      "Annotations/._a.xml",
      "__MACOSX/x/a.xml",
      "ImageSets/Main/._train.txt",
    ];
    for (const name of leftovers) await put(join(folder, name), "\0\0");
    const report = await checkDataset(folder);
    expect(report.problems).toEqual([]);
    expect(report.notes.join("\n")).toMatch(/5 leftovers of operating systems/);
    expect(report.notes.join("\n")).not.toMatch(/other file/);
  });

  it("a list and files may write names in different Unicode forms", async () => {
    const [composed, apart] = ["caf\u00e9", "cafe\u0301"];
    const folder = await makeVoc(join(root, "forms"), { [apart]: [{}] }, { train: `${composed}\n` });
    const { samples } = await readDataset(folder, "train");
    expect(samples).toHaveLength(1);
    expect(samples[0].imagePath).toBe(join(folder, "JPEGImages", `${apart}.png`));
  });

  it("a file in place of the folder is named", async () => {
    await put(join(root, "file"), "");
    await expect(readDataset(join(root, "file"), "train")).rejects.toThrow(
      /file: not a directory; expected the folder/,
    );
  });

  it.each([
    ["a/b", "../c.txt", "a/c.txt"],
    ["", "./x\\y.txt", "x/y.txt"],
    ["a", "../../etc/passwd", undefined],
  ])("%j and %j", (folder, path, expected) => {
    expect(joinPath(folder, path)).toBe(expected);
  });

  it("every file is accounted for", async () => {
    const folder = await makeVoc(
      join(root, "accounted"),
      { a: [{}], unlisted: [{}], lonely: [{}] },
      { train: "a\n" },
    );
    const image = await plainImage(100, 80);
    for (const name of ["JPEGImages/unlabelled.png", "JPEGImages/b.bmp", "notes.txt"])
      await put(join(folder, name), image);
    await put(join(folder, "Annotations", "x.xml"), "<annotation/>");
    const notes = (await checkDataset(folder)).notes.join("\n");
    expect(notes).toMatch(
      /2 images with labels but in no split, not used \(JPEGImages\/lonely\.png, JPEGImages\/unlisted\.png\)/,
    );
    expect(notes).toMatch(/1 image without labels \(JPEGImages\/unlabelled\.png\)/);
    expect(notes).toMatch(/1 label file without an image \(Annotations\/x\.xml\)/);
    expect(notes).toMatch(/1 image in an unsupported format.*\(JPEGImages\/b\.bmp\)/);
    expect(notes).toMatch(/1 other file ignored \(notes\.txt\)/);
  });

  it("a nearly black image, small objects and alike names are noted", async () => {
    const folder = await makeVoc(
      join(root, "findings"),
      {
        a: [{ name: "Cat", box: [1, 1, 1.5, 30] }],
        b: [{ name: "cat" }, { name: "café" }],
        c: [{ name: "cafe\u0301" }, { name: "traffic light" }, { name: "Traffic_Light" }],
      },
      { train: "a\nb\nc\n", val: "a\n" },
    );
    await put(join(folder, "JPEGImages", "b.png"), await plainImage(100, 80, "png", "#050505"));
    const notes = (await checkDataset(folder, { side: 100, stride: 4 })).notes.join("\n");
    expect(notes).toMatch(/1 nearly black image \(JPEGImages.b\.png\)/);
    expect(notes).toMatch(/train: 1 object of 6 is smaller than a cell \(4 px\) at --side 100; .*--side 800/);
    expect(notes).toMatch(/classes "Cat" and "cat" differ/);
    expect(notes).toMatch(/classes "cafe\u0301" and "café" differ/);
    expect(notes).toMatch(/classes "Traffic_Light" and "traffic light" differ/);
    expect(notes).toMatch(/1 image is in train and in val \(a\)/);
  });
});
