// Sets as tools write them and people leave them, where the checkout has them next to it; each with its right behaviour.
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { checkDataset, type DatasetReport } from "../../src/data/check.js";
import { notesOf, openData, readDataset, readSplit } from "../../src/data/dataset.js";
import { readTrainVal } from "../../src/data/trainVal.js";
import { put, temporaryFolder } from "./temporary.js";

const cases = fileURLToPath(new URL("../../../../../shared/cases/", import.meta.url));
const here = existsSync(cases);

/** A test on one case. */
function onCase(name: string, test: (data: string) => Promise<void>, folder = "data"): void {
  const data = join(cases, name, folder);
  if (here && existsSync(data)) it(name, () => test(data));
  else it.skip(`${name}: skipped, there is no ${data}`);
}

const notes = ({ notes: all }: DatasetReport): string => all.join("\n");
const problems = ({ problems: all, root }: DatasetReport): string =>
  all.map(({ file, message }) => `${file.slice(root.length + 1)}: ${message}`).join("\n");
const images = (report: DatasetReport): Record<string, number> =>
  Object.fromEntries(report.splits.map((split) => [split.name, split.images]));
const HELD_OUT = { trainSplit: "train", valSplit: "val", valShare: 0.4, seed: 0 };

describe("cases", () => {
  onCase("01-size-zero", async (data) => {
    const report = await checkDataset(data);
    expect(problems(report)).toBe("");
    expect(notes(report)).toMatch(/labels without an image size.*: 4 \(Annotations\/train-00001\.xml/);
    expect(images(report)).toEqual({ train: 8, val: 3, test: 2 });
  });

  onCase("02-exif", async (data) => {
    const report = await checkDataset(data);
    expect(report.problems).toHaveLength(2);
    expect(problems(report)).toMatch(/train-00001\.jpg: .*sides are swapped.*exiftool -Orientation= FILE/);
    expect(notes(report)).toMatch(/EXIF orientation .* cannot be verified.*: 2 \(.*00003.*00004/);
    // What the message asks for works: without the orientation (sharp leaves it out) the boxes fit.
    const copy = join(await temporaryFolder(), "copy");
    cpSync(data, copy, { recursive: true });
    for (const name of ["train-00001", "train-00002"]) {
      const path = join(copy, "JPEGImages", `${name}.jpg`);
      await put(path, await sharp(path).toBuffer());
    }
    expect(problems(await checkDataset(copy))).toBe("");
  });

  onCase("04-gbk-classes", async (data) => {
    const report = await checkDataset(data);
    expect(problems(report)).toBe("");
    expect(report.classes).toHaveLength(7);
    expect(report.classes).toEqual(expect.arrayContaining(["人", "桥", "灯"]));
  });

  onCase("05-class-case", async (data) => {
    expect(notes(await checkDataset(data))).toMatch(/classes "Yield" and "yield" differ only in case/);
  });

  onCase("06-boxes", async (data) => {
    const report = await checkDataset(data);
    expect(report.problems).toHaveLength(7);
    const folder = await openData(data);
    const { samples } = await readSplit(folder, "train", { skipBad: true });
    expect(samples).toHaveLength(8);
    expect((await notesOf(folder)).join("\n")).toMatch(
      /boxes clipped to their images: 2.*\n?[\s\S]*Skipped \(skip-bad\): .* 4 problems in the data/,
    );
  });

  onCase("07-utf16-list", async (data) => {
    const report = await checkDataset(data);
    expect(problems(report)).toBe("");
    expect(images(report)).toEqual({ train: 8, val: 3, test: 2 });
  });

  onCase("08-list-forms", async (data) => {
    const report = await checkDataset(data);
    expect(problems(report)).toBe("");
    expect(images(report)).toEqual({ train: 8, val: 3, test: 2 });
    expect(notes(report)).toMatch(/extensions or folders in ids.*: train\.txt, val\.txt/);
    expect((await readDataset(data, "val")).samples[0].id).toBe("val-00001");
  });

  onCase("09-vott", async (data) => {
    const report = await checkDataset(data);
    expect(images(report)).toEqual({ train: 8, val: 3 });
    expect(notes(report)).toMatch(/only per-class lists: train and val are the union of all 4/);
    expect(notes(report)).toMatch(/2 images with labels but in no split/);
  });

  onCase(
    "11-layouts",
    async (data) => {
      expect(images(await checkDataset(data))).toEqual({ all: 3 });
      const folder = await openData(data);
      const { train, val, heldOut } = await readTrainVal(folder, HELD_OUT, {});
      expect([train.samples.length, val.samples.length]).toEqual([2, 1]);
      expect(heldOut).toMatch(/1 of the 3 images of the set are held out/);
    },
    "flat",
  );
  onCase(
    "11-layouts",
    async (data) => {
      expect(images(await checkDataset(data))).toEqual({ train: 3, val: 3, test: 2 });
    },
    "roboflow",
  );
  onCase(
    "11-layouts",
    async (data) => {
      expect(images(await checkDataset(data))).toEqual({ all: 2 });
    },
    "labelstudio",
  );
  onCase(
    "11-layouts",
    async (data) => {
      const report = await checkDataset(data);
      expect(images(report)).toEqual({ train: 1 });
      expect(notes(report)).toMatch(/Reading its VOC subfolder: VOC2012/);
      // One image alone: training would refuse it too.
      expect(problems(report)).toMatch(/there is no val split, and not enough .* to hold one out/);
      await expect(checkDataset(`${data}-not-there`)).rejects.toThrow(/no such directory/);
    },
    "devkit",
  );

  onCase("12-no-val", async (data) => {
    expect(notes(await checkDataset(data))).toMatch(
      /no val split: qmimic train holds out a fraction of train/,
    );
    const { val, heldOut } = await readTrainVal(await openData(data), HELD_OUT, {});
    expect(val.samples.length).toBeGreaterThan(0);
    expect(heldOut).toMatch(/of split train are held out as val/);
  });

  onCase("14-unlisted", async (data) => {
    expect(notes(await checkDataset(data))).toMatch(/5 images with labels but in no split, not used/);
  });

  onCase("15-leftovers", async (data) => {
    const report = await checkDataset(data);
    expect(problems(report)).toBe("");
    expect(images(report)).toEqual({ train: 8, val: 3, test: 2 });
    expect(notes(report)).toMatch(/2 text files in ImageSets are not image lists.*README\.txt, classes\.txt/);
    expect(notes(report)).toMatch(/22 leftovers of operating systems/);
  });

  onCase("16-formats", async (data) => {
    const report = await checkDataset(data);
    expect(report.problems).toHaveLength(3);
    expect(problems(report)).toMatch(/Found train-00001\.bmp; \.bmp is not supported, convert it/);
    expect(problems(report)).toMatch(/Found train-00007\.HEIC; \.heic is not supported/);
    expect(problems(report)).toMatch(/train-00008\.jpg: the file is a HEIC image/);
    expect(images(report).train).toBe(5);
  });

  onCase("18-photo-1", async (data) => {
    const { samples } = await readDataset(data, "val");
    expect(samples.map(({ id }) => id)).toEqual(["photo 0", "photo 1"]);
    expect((await checkDataset(data)).ok).toBe(true);
  });

  onCase("19-dense", async (data) => {
    expect(notes(await checkDataset(data))).toMatch(
      /train: 1 image with more objects than box-detections 100.*up to 400.*--box-detections 400/,
    );
    expect(notes(await checkDataset(data, { detections: 400 }))).not.toMatch(/box-detections/);
  });

  onCase("30-voc-class-lists", async (data) => {
    const report = await checkDataset(data);
    expect(report.splits.map(({ name }) => name)).toEqual(["test", "train", "val"]);
    expect(report.notes.filter((note) => /per-class/.test(note))).toEqual([
      expect.stringMatching(/60 per-class lists were skipped/),
    ]);
  });

  onCase("34-unicode-classes", async (data) => {
    const report = await checkDataset(data);
    expect(problems(report)).toBe("");
    expect(report.classes).toEqual(
      expect.arrayContaining(["<script>alert(1)</script>", "Straßenschild", "собака", "自行车"]),
    );
  });

  onCase("39-near-miss", async (data) => {
    const text = problems(await checkDataset(data));
    expect(text).toMatch(/train-00001\.xml: .*Found train-00001\.xml\.xml: rename it to train-00001\.xml/);
    expect(text).toMatch(/train-00002\.xml: the file is empty/);
    expect(text).toMatch(/train-00003\.\*: .*Found train-00003\.jpg\.jpg: rename it/);
    expect(text).toMatch(/train-00004\.xml: .*Found train-00004\.jpg\.xml: rename it/);
  });
});
