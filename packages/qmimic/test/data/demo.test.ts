import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkDataset } from "../../src/data/check.js";
import { formatReport } from "../../src/data/checkReport.js";
import { generateDemo } from "../../src/data/demo.js";
import { readVoc } from "../../src/data/voc.js";
import { InputError } from "../../src/errors.js";
import { put, temporaryFolder } from "./temporary.js";

it("the same seed gives the same bytes, another seed others", async () => {
  const folder = await temporaryFolder();
  const options = { train: 4, val: 2, test: 1, side: 160 };
  for (const [name, seed] of [
    ["a", 7],
    ["b", 7],
    ["c", 8],
  ] as const) {
    await generateDemo(join(folder, name), { ...options, seed });
  }
  const read = (name: string, path: string): Promise<string> => readFile(join(folder, name, path), "base64");
  const paths = [
    "JPEGImages/train-00001.jpg",
    "JPEGImages/train-00004.jpg",
    "Annotations/val-00002.xml",
    "ImageSets/Main/train.txt",
  ];
  for (const path of paths) expect(await read("a", path), path).toBe(await read("b", path));
  expect(await read("a", paths[0])).not.toBe(await read("c", paths[0]));
});

it("makes a set without problems, with all classes, readable as VOC", async () => {
  const root = join(await temporaryFolder(), "signs");
  const made = await generateDemo(root, { train: 40, val: 5, test: 5 });
  expect(made.images).toBe(50);
  const report = await checkDataset(root);
  expect(report.problems).toEqual([]);
  expect(report.ok).toBe(true);
  expect(report.splits.reduce((sum, { boxes }) => sum + boxes, 0)).toBe(made.objects);
  expect(report.classes).toEqual([...made.classes].sort());
  const { samples } = await readVoc(root, "train", { classes: made.classes });
  expect(samples).toHaveLength(40);
  expect(Math.max(...samples.map(({ labels }) => labels.length))).toBeLessThanOrEqual(6);
  const text = formatReport(report);
  expect(text).toMatch(/^train +40 /m);
  expect(text).toMatch(/no problems$/);
  // Again into the same folder, with fewer splits: nothing stale remains in the lists.
  await generateDemo(root, { train: 2, val: 0, test: 1, side: 64 });
  expect((await checkDataset(root)).splits.map(({ name, images }) => [name, images])).toEqual([
    ["test", 1],
    ["train", 2],
  ]);
});

it("refuses a folder with other files and numbers out of range", async () => {
  const folder = await temporaryFolder();
  await put(join(folder, "thesis.txt"), "mine");
  await expect(generateDemo(folder)).rejects.toThrow(/has other files/);
  await expect(generateDemo(join(folder, "new"), { side: 10 })).rejects.toThrow(InputError);
  await expect(generateDemo(join(folder, "new"), { train: -1 })).rejects.toThrow(/train is -1/);
});
