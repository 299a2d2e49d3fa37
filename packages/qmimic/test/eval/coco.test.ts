// COCO's protocol: small cases worked out by hand, and the official code's numbers on its own sample.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type CocoImage, evaluateCoco } from "../../src/eval/coco.js";
import { readCoco } from "../../src/eval/cocoFiles.js";
import { put, temporaryFolder } from "../data/temporary.js";

const root = await temporaryFolder();

type Box = [x: number, y: number, width: number, height: number];
interface Given {
  truth: { box: Box; label?: number; area?: number; crowd?: boolean }[];
  found: { box: Box; label?: number; score: number }[];
}

const image = ({ truth, found }: Given, i = 0): CocoImage => ({
  id: String(i),
  truth: {
    boxes: Float64Array.from(truth.flatMap(({ box }) => box)),
    labels: Int32Array.from(truth, ({ label = 0 }) => label),
    areas: Float64Array.from(truth, ({ box, area }) => area ?? box[2] * box[3]),
    crowd: Uint8Array.from(truth, ({ crowd = false }) => Number(crowd)),
  },
  found: {
    boxes: Float64Array.from(found.flatMap(({ box }) => box)),
    labels: Int32Array.from(found, ({ label = 0 }) => label),
    scores: Float64Array.from(found, ({ score }) => score),
  },
});
const evaluate = (given: Given[], classes = 1) => evaluateCoco(given.map(image), classes);

const A: Box = [0, 0, 50, 50];
const B: Box = [100, 0, 50, 50];

describe("evaluateCoco", () => {
  it("two of two found, one false in between: 51 recalls at 1, 50 at 2/3", () => {
    const truth = [{ box: A }, { box: B }];
    const found = [
      { box: A, score: 0.9 },
      { box: [300, 0, 50, 50] as Box, score: 0.8 },
      { box: B, score: 0.7 },
    ];
    const result = evaluate([{ truth, found }]);
    expect(result.ap50).toBeCloseTo((51 + (50 * 2) / 3) / 101, 10);
    expect(result.ap).toBeCloseTo(result.ap50, 10);
    expect([result.ar1, result.ar10, result.ar100]).toEqual([0.5, 1, 1]);
  });

  it("a threshold is reached at equality, and counts from there down", () => {
    // IoU 0.75: the first six of ten thresholds.
    const found = [{ box: [0, 0, 50, 37.5] as Box, score: 1 }];
    const result = evaluate([{ truth: [{ box: A }], found }]);
    for (const ap of [result.ap50, result.ap75]) expect(ap).toBeCloseTo(1, 10);
    expect(result.ap).toBeCloseTo(0.6, 10);
  });

  it("a crowd takes any number of detections, by their own area, and none of them counts", () => {
    const truth = [{ box: A }, { box: [100, 0, 200, 200] as Box, crowd: true }];
    const inside = [0, 40, 80].map((x) => ({ box: [100 + x, 10, 30, 30] as Box, score: 0.95 }));
    const result = evaluate([{ truth, found: [...inside, { box: A, score: 0.5 }] }]);
    expect(result.ap).toBeCloseTo(1, 10);
  });

  it("objects and free detections of another size are ignored", () => {
    const small: Box = [0, 0, 20, 20];
    const large: Box = [200, 200, 120, 120];
    const truth = [{ box: small }, { box: large }];
    const found = [
      { box: large, score: 0.9 },
      { box: [500, 500, 40, 40] as Box, score: 0.8 },
      { box: small, score: 0.7 },
    ];
    const result = evaluate([{ truth, found }]);
    expect([result.apSmall, result.apLarge]).toEqual([expect.closeTo(1, 10), expect.closeTo(1, 10)]);
    expect(result.apMedium).toBeNaN();
    // The area stated decides, not the box: this large object counts as small.
    const stated = evaluate([{ truth: [{ box: large, area: 500 }], found: [{ box: large, score: 1 }] }]);
    expect(stated.apSmall).toBeCloseTo(1, 10);
    expect(stated.apLarge).toBeNaN();
  });

  it("100 detections an image and class, the best ones; classes without objects are left out", () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ box: [300 + i, 300, 9, 9] as Box, score: 0.9 }));
    const late = evaluate([{ truth: [{ box: A }], found: [...many, { box: A, score: 0.1 }] }], 2);
    expect(late.ap).toBe(0);
    expect(late.classes[1].ap).toBeNaN();
    const early = evaluate([{ truth: [{ box: A }], found: [...many, { box: A, score: 1 }] }], 2);
    expect(early.ap50).toBeCloseTo(1, 10);
  });

  it("has nothing to say without objects", () => {
    expect(evaluate([{ truth: [], found: [{ box: A, score: 1 }] }]).ap).toBeNaN();
  });
});

const TRUTH = {
  images: [{ id: 7 }, { id: 3 }],
  categories: [{ id: 18, name: "dog" }],
  annotations: [{ image_id: 7, category_id: 18, bbox: A, iscrowd: 0 }],
};
const RESULTS = [{ image_id: 7, category_id: 18, bbox: A, score: 0.5 }];

describe("readCoco", () => {
  const files = async (truth: unknown, results: unknown): Promise<[string, string]> => {
    const paths: [string, string] = [join(root, "truth.json"), join(root, "results.json")];
    await put(paths[0], typeof truth === "string" ? truth : JSON.stringify(truth));
    await put(paths[1], typeof results === "string" ? results : JSON.stringify(results));
    return paths;
  };

  it("reads images in the order of their ids; areas may be missing", async () => {
    const { images, classes } = await readCoco(...(await files(TRUTH, RESULTS)));
    expect(classes).toEqual(["dog"]);
    expect(images.map(({ id }) => id)).toEqual(["3", "7"]);
    expect([...images[1].truth.areas]).toEqual([2500]);
    expect(evaluateCoco(images, 1).ap).toBeCloseTo(1, 10);
  });

  it.each([
    ["{", RESULTS, /truth\.json: not JSON/],
    [[], RESULTS, /truth\.json: the whole: /],
    [
      { ...TRUTH, annotations: [{ ...TRUTH.annotations[0], bbox: [1, 2, 3] }] },
      RESULTS,
      /truth\.json: annotations\[0\]\.bbox/,
    ],
    [{ ...TRUTH, images: [{ id: 7 }, { id: 7 }] }, RESULTS, /truth\.json: images\[1\]\.id: 7 comes twice/],
    [
      { ...TRUTH, annotations: [{ ...TRUTH.annotations[0], image_id: 9 }] },
      RESULTS,
      /annotations\[0\]\.image_id: there is no image 9/,
    ],
    [
      TRUTH,
      [{ ...RESULTS[0], image_id: 4 }],
      /results\.json: \[0\]\.image_id: there is no image 4 among the 2/,
    ],
    [
      TRUTH,
      [RESULTS[0], { ...RESULTS[0], category_id: 1 }],
      /results\.json: \[1\]\.category_id: there is no category 1/,
    ],
    [TRUTH, [{ ...RESULTS[0], score: "high" }], /results\.json: \[0\]\.score/],
    [TRUTH, [{ ...RESULTS[0], bbox: [0, 0, -5, 5] }], /results\.json: \[0\]\.bbox\[2\]/],
  ])("refuses %j with %j", async (truth, results, message) => {
    await expect(readCoco(...(await files(truth, results)))).rejects.toThrow(message);
  });

  const official = fileURLToPath(
    new URL("../../../../../shared/data/eval-reference/coco_official/", import.meta.url),
  );
  if (existsSync(official)) {
    it("gives the official code's numbers on its sample", async () => {
      const results = JSON.parse(readFileSync(join(official, "dets/sampled_bbox_results.json"), "utf8"));
      const truth = readFileSync(join(official, "gts/sampled_gts_bbox_area.json"), "utf8");
      const { images, classes } = await readCoco(...(await files(truth, results.annotations)));
      const { classes: _, ...numbers } = evaluateCoco(images, classes.length);
      const expected = {
        ...{ ap: 0.503647, ap50: 0.696973, ap75: 0.571667, apSmall: 0.593252, apMedium: 0.557991 },
        ...{ apLarge: 0.489363, ar1: 0.386813, ar10: 0.59368, ar100: 0.595353, arSmall: 0.654764 },
        ...{ arMedium: 0.60313, arLarge: 0.553744 },
      };
      for (const [name, value] of Object.entries(expected))
        expect(Math.abs(numbers[name as keyof typeof numbers] - value), name).toBeLessThan(1e-6);
    });
  } else it.skip(`official numbers: skipped, there is no ${official}`);
});
