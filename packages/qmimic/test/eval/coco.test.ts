import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { evaluateCoco } from "../../src/eval/coco.js";
import { readCoco } from "../../src/eval/readers/cocoJson.js";
import type { ImageDetections, ImageGroundTruth } from "../../src/eval/types.js";
import { put, temporaryFolder } from "../data/temporary.js";
import { randomCase } from "./randomCase.js";
import { haveShared, shared } from "./sharedData.js";
import { slowCoco } from "./slowCoco.js";

const truth = (id: string, boxes: number[], crowd: number[] = []): ImageGroundTruth => {
  const count = boxes.length / 4;
  return {
    id,
    boxes: Float64Array.from(boxes),
    labels: new Int32Array(count),
    difficult: Uint8Array.from({ length: count }, (_, i) => crowd[i] ?? 0),
  };
};
const found = (id: string, boxes: number[], scores: number[]): ImageDetections => ({
  id,
  boxes: Float64Array.from(boxes),
  scores: Float64Array.from(scores),
  labels: new Int32Array(scores.length),
});
const A = [0, 0, 10, 10];
const B = [20, 0, 30, 10];

describe("evaluateCoco", () => {
  const classes = ["cell"];

  it("takes a free object where the nearest is taken, unlike VOC", () => {
    const overlapping = [0, 0, 10, 10, 2, 0, 12, 10];
    const { ap50 } = evaluateCoco(
      [truth("1", overlapping)],
      [found("1", [...A, 0.5, 0, 10.5, 10], [0.9, 0.8])],
      classes,
    );
    expect(ap50).toBe(1);
  });

  it("lets a crowd take any number of detections, over their own area", () => {
    const truths = [truth("1", [...A, 20, 0, 100, 100], [0, 1])];
    const inCrowd = [30, 10, 40, 20, 50, 50, 60, 60, 15, 20, 25, 30];
    // The last is half inside: ignored at 0.5, wrong above; and below the object found, so that it costs nothing.
    const result = evaluateCoco(truths, [found("1", [...A, ...inCrowd], [0.5, 0.9, 0.8, 0.4])], classes);
    expect(result).toMatchObject({ ap: 1, ap50: 1 });
    expect(result.classes[0]).toMatchObject({ objects: 1, crowds: 1 });
  });

  it("prefers an object that counts to a crowd with a larger IoU", () => {
    const truths = [truth("1", [0, 0, 10, 8, 0, 0, 50, 50], [0, 1])];
    expect(evaluateCoco(truths, [found("1", A, [1])], classes).ap50).toBe(1);
  });

  it("counts the 100 best detections of an image", () => {
    const wrong = Array.from({ length: 100 }, () => [50, 50, 60, 60]).flat();
    const scores = (last: number) => [...Array.from({ length: 100 }, () => 0.5), last];
    const at = (last: number) =>
      evaluateCoco([truth("1", A)], [found("1", [...wrong, ...A], scores(last))], classes);
    expect(at(0.4)).toMatchObject({ ap50: 0, ar100: 0 });
    expect(at(0.6)).toMatchObject({ ap50: 1, ar1: 1, ar100: 1 });
  });

  it("uses the area of the annotation, not that of the box", () => {
    const image = { ...truth("1", [0, 0, 40, 40]), areas: Float64Array.of(900) };
    const result = evaluateCoco([image], [found("1", [0, 0, 40, 40], [1])], classes);
    expect(result).toMatchObject({ apSmall: 1, apMedium: null, apLarge: null, arSmall: 1, arMedium: null });
  });

  it("has no number where no object counts", () => {
    const result = evaluateCoco([truth("1", A, [1])], [found("1", B, [1])], classes);
    expect(result).toMatchObject({ ap: null, ap50: null, ar100: null });
    expect(result.classes[0]).toEqual({
      name: "cell",
      ap: null,
      ap50: null,
      ap75: null,
      objects: 0,
      crowds: 1,
    });
    expect(evaluateCoco([], [], []).ap).toBeNull();
  });

  it.each([
    ["crowds, annotated areas, equal scores and more than 100 detections", "coco.json"],
    ["decimal coordinates and IoUs at the thresholds", "cocoDecimal.json"],
  ])("gives pycocotools' numbers, with %s", async (_, name) => {
    const file = new URL(`../fixtures/${name}`, import.meta.url);
    const { truth, results, expected } = JSON.parse(await readFile(file, "utf8"));
    const folder = await temporaryFolder();
    const [truthFile, resultFile] = [join(folder, "truth.json"), join(folder, "results.json")];
    await put(truthFile, JSON.stringify(truth));
    await put(resultFile, JSON.stringify(results));
    const input = await readCoco(truthFile, resultFile);
    const { classes: names, ...numbers } = evaluateCoco(input.groundTruths, input.detections, input.classes);
    expect(names.some(({ crowds }) => crowds > 0)).toBe(true);
    for (const [name, value] of Object.entries(expected as Record<string, number>)) {
      expect(Math.abs(numbers[name as keyof typeof numbers]! - value), name).toBeLessThan(1e-12);
    }
  });

  it("equals the protocol's definition on random boxes", () => {
    for (let round = 0; round < 12; round++) {
      const input = randomCase(round);
      const result = evaluateCoco(input.groundTruths, input.detections, input.classes);
      const thresholds = Array.from({ length: 10 }, (_, k) => 0.5 + (k * (0.95 - 0.5)) / 9);
      const mean = (
        pick: "ap" | "recall",
        options: { area?: readonly [number, number]; most?: number } = {},
      ) =>
        known(
          input.classes.flatMap((_, label) =>
            thresholds.map((threshold) => slowCoco(input, { label, threshold, ...options })[pick]),
          ),
        );
      const areas = { small: [0, 1024], medium: [1024, 9216], large: [9216, 1e10] } as const;
      const expected = {
        ap: mean("ap"),
        apSmall: mean("ap", { area: areas.small }),
        apMedium: mean("ap", { area: areas.medium }),
        apLarge: mean("ap", { area: areas.large }),
        ar1: mean("recall", { most: 1 }),
        ar10: mean("recall", { most: 10 }),
        ar100: mean("recall"),
        arSmall: mean("recall", { area: areas.small }),
        arMedium: mean("recall", { area: areas.medium }),
        arLarge: mean("recall", { area: areas.large }),
      };
      for (const [name, value] of Object.entries(expected)) {
        const actual = result[name as keyof typeof expected];
        if (Number.isNaN(value)) expect(actual, name).toBeNull();
        else expect(actual, name).toBeCloseTo(value, 12);
      }
      result.classes.forEach(({ ap75 }, label) => {
        const { ap } = slowCoco(input, { label, threshold: 0.75 });
        if (Number.isNaN(ap)) expect(ap75).toBeNull();
        else expect(ap75).toBeCloseTo(ap, 12);
      });
    }
  });
});

const known = (values: number[]): number => {
  const finite = values.filter((value) => !Number.isNaN(value));
  return finite.reduce((sum, value) => sum + value, 0) / finite.length;
};

describe.skipIf(!haveShared)(
  "COCO protocol, the official code's values (skipped without shared data)",
  () => {
    it("coco_official: all twelve numbers", async () => {
      const folder = join(shared, "eval-reference", "coco_official");
      const input = await readCoco(
        join(folder, "gts", "sampled_gts_bbox_area.json"),
        join(folder, "cocoapi_results.json"),
      );
      const { classes: _, ...numbers } = evaluateCoco(input.groundTruths, input.detections, input.classes);
      const expected = {
        ap: 0.503647,
        ap50: 0.696973,
        ap75: 0.571667,
        apSmall: 0.593252,
        apMedium: 0.557991,
        apLarge: 0.489363,
        ar1: 0.386813,
        ar10: 0.59368,
        ar100: 0.595353,
        arSmall: 0.654764,
        arMedium: 0.60313,
        arLarge: 0.553744,
      };
      for (const [name, value] of Object.entries(expected)) {
        expect(Math.abs(numbers[name as keyof typeof expected]! - value), name).toBeLessThan(1e-6);
      }
    });

    it("yfpeng_sample: AP50 and AR of large objects, to the tolerance of its own test", async () => {
      const folder = join(shared, "eval-reference", "yfpeng_sample");
      const input = await readCoco(
        join(folder, "groundtruths_coco.json"),
        join(folder, "detections_coco.json"),
      );
      const { ap50, arLarge } = evaluateCoco(input.groundTruths, input.detections, input.classes);
      expect(Math.abs(ap50! / 0.31195 - 1)).toBeLessThan(1e-2);
      expect(Math.abs(arLarge! / 0.307 - 1)).toBeLessThan(1e-2);
    });

    it("is read as it is written", async () => {
      const file = join(shared, "eval-reference", "coco_official", "gts", "sampled_gts_bbox_area.json");
      const { images, annotations } = JSON.parse(await readFile(file, "utf8"));
      const { groundTruths } = await readCoco(file, join(file, "..", "..", "cocoapi_results.json"));
      expect(groundTruths.length).toBe(images.length);
      expect(groundTruths.reduce((sum, { labels }) => sum + labels.length, 0)).toBe(annotations.length);
    });
  },
);
