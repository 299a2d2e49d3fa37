import { rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { checkDataset } from "../../src/data/check.js";
import { formatReport } from "../../src/data/checkReport.js";
import { quantiles } from "../../src/data/quantiles.js";
import { makeVoc, plainImage, put, temporaryFolder, xmlOf } from "./temporary.js";

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});

it("counts, measures, and lists every problem once", async () => {
  const root = await makeVoc(
    join(folder, "mixed"),
    {
      good: [
        { box: [10, 10, 30, 30] },
        { name: "dog", box: [0, 0, 40, 10], extra: "<difficult>1</difficult>" },
      ],
      empty: [],
      bad: [{ box: [10, 10, 5, 5] }, { box: [0, 0, 10, 10] }],
      cut: [],
    },
    {
      train: "good\nbad\n",
      val: "empty\n",
      trainval: "good\nbad\nempty\ncut\n",
      test: "good\n",
      cat_train: "good 1\nbad -1\n",
    },
  );
  const jpeg = await plainImage(100, 80, "jpeg");
  await rm(join(root, "JPEGImages", "cut.png"));
  await put(join(root, "JPEGImages", "cut.jpg"), jpeg.subarray(0, jpeg.length - 100));
  await put(join(root, "Annotations", "cut.xml"), xmlOf(100, 80, []));
  const report = await checkDataset(root);
  expect(report.ok).toBe(false);
  expect(report.classes).toEqual(["cat", "dog"]);
  expect(report.problems.map(({ file }) => file.slice(root.length + 1)).sort()).toEqual([
    "",
    join("Annotations", "bad.xml"),
    join("JPEGImages", "cut.jpg"),
  ]);
  const train = report.splits.find(({ name }) => name === "train")!;
  expect(train).toMatchObject({
    images: 2,
    emptyImages: 0,
    boxes: 3,
    difficult: 1,
    classCounts: { cat: 2, dog: 1 },
  });
  expect(train.boxSize).toMatchObject({ min: 10, median: 20, max: 20 });
  expect(train.boxSizeRelative).toMatchObject({ min: 0.1 });
  expect(train.boxAspect).toMatchObject({ min: 1, max: 4 });
  expect(report.splits.find(({ name }) => name === "val")).toMatchObject({
    images: 1,
    emptyImages: 1,
    boxSize: null,
  });
  expect(report.notes.join("\n")).toMatch(/cat_train\.txt is a per-class list/);
  expect(report.notes.join("\n")).toMatch(/1 image is in train and in test \(good/);
  const text = formatReport(report);
  expect(text).toMatch(/^3 problems$/m);
  expect(text).toMatch(/split "val" has no objects to train on or score/);
  expect(text).toMatch(/bad\.xml: object 1: .*inverted/);
  expect(text).toMatch(/cut\.jpg: cannot decode the image/);
});

it("a folder that is not there, or holds no labels, is an error", async () => {
  await expect(checkDataset(join(folder, "nothing"))).rejects.toThrow(/nothing: no such directory/);
  const empty = join(folder, "empty");
  await put(join(empty, "readme.md"), "");
  await expect(checkDataset(empty)).rejects.toThrow(/no labels in a known format.*It contains readme\.md/);
});

it("quantiles interpolate", () => {
  expect(quantiles([])).toBeNull();
  expect(quantiles([3])).toEqual({ min: 3, q10: 3, median: 3, q90: 3, max: 3 });
  expect(quantiles([4, 1, 3, 2])).toMatchObject({ min: 1, q10: expect.closeTo(1.3, 9), median: 2.5, max: 4 });
});
