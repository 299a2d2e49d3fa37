import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { writeFileAtomic } from "../../src/files.js";
import { contactSheet, drawDetections } from "../../src/report/pictures.js";
import { textPath, textWidth } from "../../src/report/strokeFont.js";
import { plainImage, put, temporaryFolder } from "../data/temporary.js";

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  path = join(folder, "small.png");
  await put(path, await plainImage(120, 60));
});

describe("drawDetections", () => {
  const detections = {
    boxes: Float32Array.of(20, 20, 60, 50, 0, 0, 120, 60),
    labels: Int32Array.of(1, 2),
    scores: Float32Array.of(0.9, 0.4),
  };

  it("enlarges tiny images and draws boxes where they belong", async () => {
    const groundTruth = { boxes: Float32Array.of(70, 20, 110, 50), labels: Int32Array.of(2) };
    const png = await drawDetections(path, {
      classes: ["cat", "dog"],
      detections,
      groundTruth,
      format: "png",
    });
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([480, 240, 3]);
    const pixel = (x: number, y: number): number[] => [
      ...data.subarray((y * 480 + x) * 3, (y * 480 + x) * 3 + 3),
    ];
    expect(pixel(80, 160)[0]).toBeGreaterThan(200); // Left edge of the first detection: red.
    expect(pixel(160, 140)).toEqual([0x40, 0x80, 0xc0]); // Inside it: untouched.
    const truth = pixel(280, 140); // Left edge of the ground truth: green or white.
    expect(truth[1]).toBeGreaterThan(200);
  });

  it("survives unknown labels, odd characters and no boxes", async () => {
    const odd = await drawDetections(path, { classes: ["<é&>"], detections });
    expect((await sharp(odd).metadata()).format).toBe("jpeg");
    expect((await drawDetections(path, { classes: [] })).length).toBeGreaterThan(100);
  });

  describe("class names that the stroke font cannot draw", () => {
    const draw = (name: string) => {
      const found = {
        boxes: Float32Array.of(5, 30, 50, 60),
        labels: Int32Array.of(1),
        scores: Float32Array.of(0.5),
      };
      return drawDetections(path, { detections: found, classes: [name], format: "png" });
    };

    it("are drawn with Unifont, in any script", async () => {
      const names = ["dog", "собака", "自行车", "강아지", "قطة", "แมว", "कुत्ता", "ñandú", "a<b&c>é"];
      const pictures = await Promise.all(names.map(draw));
      const distinct = new Set(
        [...pictures, await draw("class 1")].map((picture) => picture.toString("base64")),
      );
      expect(distinct.size).toBe(names.length + 1);
    });

    it("are replaced by the class's number without a glyph", async () => {
      const byNumber = await draw("class 1");
      for (const name of ["🚲", "a\nb", "\ue000", "𠮷"])
        expect((await draw(name)).equals(byNumber)).toBe(true);
    });
  });

  it("sheets have rows and columns", async () => {
    const one = await drawDetections(path, { classes: [] });
    const { width, height } = await sharp(await contactSheet([one, one, one], 2, 100)).metadata();
    expect([width, height]).toEqual([2 * 106 + 6, 2 * 106 + 6]);
    await expect(contactSheet([], 2)).rejects.toThrow(/at least one picture/);
  });
});

it("the stroke font has every letter asked for, and only numbers in its paths", () => {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-%";
  const question = textPath("?", 0, 0, 6);
  for (const letter of letters) {
    expect(textPath(letter, 0, 0, 6), letter).not.toBe(question);
    expect(textPath(letter, 3, 4, 12), letter).toMatch(/^(M-?[\d.]+ -?[\d.]+(L-?[\d.]+ -?[\d.]+)+)+$/);
  }
  expect(textPath("é", 0, 0, 6)).toBe(question);
  expect(textWidth("ab", 6)).toBe(10);
});

it("writeFileAtomic replaces a file and leaves nothing else behind", async () => {
  const file = join(folder, "deep", "er", "note.txt");
  await writeFileAtomic(file, "one");
  await writeFileAtomic(file, "two");
  expect(await readFile(file, "utf8")).toBe("two");
  await expect(writeFileAtomic(join(folder, "deep", "er"), "x")).rejects.toThrow();
  expect(await readdir(join(folder, "deep"))).toEqual(["er"]);
});
