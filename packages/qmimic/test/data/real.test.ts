// Real photographs, where the checkout has them next to it.
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { mapConcurrent } from "../../src/data/concurrent.js";
import type { ReadOptions } from "../../src/data/dataset.js";
import { readTree } from "../../src/data/folderTree.js";
import { decodeImage } from "../../src/data/images.js";
import { fingerprint, groupCopies } from "../../src/data/nearCopies.js";
import { createFindings } from "../../src/data/problems.js";
import { readWiderList } from "../../src/data/readers/wider.js";
import { readText } from "../../src/data/text.js";
import { readVoc } from "../../src/data/voc.js";

const folder = fileURLToPath(new URL("../../../../../shared/data/", import.meta.url));

// One picture of the animals' test split shows a train, a class that its train split does not have.
const VOC_CLASSES =
  "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep sofa train tvmonitor".split(
    " ",
  );
const SETS: { name: string; counts: number[]; boxes: number; options?: ReadOptions }[] = [
  { name: "faces", counts: [591, 84, 170], boxes: 3994 },
  { name: "bccd", counts: [204, 87, 72], boxes: 4858 },
  { name: "voc-animals", counts: [2527, 361, 720], boxes: 7634, options: { classes: VOC_CLASSES } },
];

describe("real data", () => {
  for (const { name, counts, boxes, options } of SETS) {
    const root = `${folder}${name}`;
    if (!existsSync(root)) {
      it.skip(`${name}: skipped, there is no ${root}`);
      continue;
    }
    it(`${name}: all splits read without a problem`, async () => {
      const sets = await Promise.all(
        ["train", "val", "test"].map((split) => readVoc(root, split, { ...options, checkImages: true })),
      );
      expect(sets.map(({ samples }) => samples.length)).toEqual(counts);
      expect(sets.flatMap(({ samples }) => samples).reduce((sum, { labels }) => sum + labels.length, 0)).toBe(
        boxes,
      );
      const sample = sets[0].samples[0];
      const image = await decodeImage(sample.imagePath, { maxSide: 200 });
      expect([image.originalWidth, image.originalHeight]).toEqual([sample.width, sample.height]);
      expect(Math.max(image.width, image.height)).toBe(200);
    });
  }

  const animals = `${folder}voc-animals`;
  if (existsSync(animals)) {
    it("a class that train does not have is named, and can be left out on request", async () => {
      await expect(readVoc(animals, "test")).rejects.toThrow(/2011_000210\.xml: unknown class "train"/);
      const { samples } = await readVoc(animals, "test", { classes: ["dog", "cat"], ignoreOthers: true });
      expect(samples).toHaveLength(720);
      expect(new Set(samples.flatMap(({ labels }) => [...labels]))).toEqual(new Set([1, 2]));
    });
  } else it.skip(`animals: skipped, there is no ${animals}`);

  const faces = `${folder}faces`;
  if (existsSync(faces)) {
    it("merges the mask classes to one", async () => {
      const { classes, samples } = await readVoc(faces, "val", { merge: "face" });
      expect(classes).toEqual(["face"]);
      expect(new Set(samples.flatMap(({ labels }) => [...labels]))).toEqual(new Set([1]));
    });
  } else it.skip(`faces merged: skipped, there is no ${faces}`);
});

const wider = `${folder}wider-labels`;
if (existsSync(wider)) {
  it.each([
    ["wider_face_val_bbx_gt.txt", 3226, 39697, 11],
    ["wider_face_train_boxes_from_xml.txt", 12880, 159393, 31],
  ])("WIDER FACE: all of %s is read", async (name, images, faces, withoutArea) => {
    const tree = await readTree(wider);
    const findings = createFindings();
    const text = await readText(tree.absolute(name));
    const read = readWiderList(tree, { path: name, split: "val" }, text, findings);
    expect(findings.problems).toEqual([]);
    expect(read).toHaveLength(images);
    expect(read.reduce((sum, { objects }) => sum + objects.length, 0)).toBe(faces);
    expect(findings.notes().join("\n")).toMatch(
      withoutArea > 0 ? new RegExp(`without area, skipped: ${withoutArea} `) : /^$/,
    );
  });
} else it.skip(`WIDER FACE: skipped, there is no ${wider}`);

const facesRoot = `${folder}faces`;
if (existsSync(facesRoot)) {
  it("faces: the near copies that its notice names are found", async () => {
    const images = `${facesRoot}/JPEGImages/`;
    const names = readdirSync(images).sort();
    const prints = await mapConcurrent(names, 4, async (name) =>
      fingerprint(await decodeImage(images + name, { maxSide: 128 })),
    );
    const groups = groupCopies(prints);
    const shared = names.filter((_, i) => groups.indexOf(groups[i]) !== groups.lastIndexOf(groups[i]));
    const found = new Set(shared.map((name) => Number(/\d+/.exec(name)![0])));
    for (const number of [13, 67, 293, 428, 451, 478, 704, 690]) expect(found).toContain(number);
    expect(found.size).toBeLessThan(50);
  });
} else it.skip(`near copies of faces: skipped, there is no ${facesRoot}`);
