// Files of other systems: what does not fit is refused by file and line, or place in the JSON; nothing is dropped.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readCoco } from "../../src/eval/readers/cocoJson.js";
import { readVocFiles } from "../../src/eval/readers/vocFiles.js";
import { evaluateVoc } from "../../src/eval/voc.js";
import { makeVoc, put, temporaryFolder } from "../data/temporary.js";

describe("readVocFiles", async () => {
  const root = await temporaryFolder();
  const truth = join(root, "voc");
  await makeVoc(
    truth,
    {
      a: [{ name: "cat", box: [10, 20, 50, 60] }],
      "b 1": [
        { name: "cat", box: [10, 20, 50, 60], extra: "<difficult>1</difficult>" },
        { name: "small_dog", box: [1, 1, 9, 9] },
      ],
      c: [],
    },
    { test: "a\nb 1\nc\n", only: "a\n" },
  );
  let count = 0;
  const folder = async (files: Record<string, string>) => {
    const path = join(root, `results-${count++}`);
    for (const [name, text] of Object.entries(files)) await put(join(path, name), text);
    return path;
  };
  const cats = "a 0.5 10 20 50 60\n";

  it("reads a file a class, ids with blanks, and empty files", async () => {
    const results = await folder({
      "comp4_det_test_cat.txt": `${cats}\r\nb 1 -2.5e-1 10 20 50.25 60\n`.replace("\n\r", "\r"),
      "comp4_det_test_small_dog.txt": "",
    });
    const input = await readVocFiles(truth, "test", results);
    expect(input).toMatchObject({ classes: ["cat", "small_dog"], missing: [] });
    expect(input.groundTruths.map(({ id, labels, difficult }) => [id, [...labels], [...difficult]])).toEqual([
      ["a", [0], [0]],
      ["b 1", [0, 1], [1, 0]],
      ["c", [], []],
    ]);
    expect(input.detections.map(({ id, scores, boxes }) => [id, [...scores], [...boxes]])).toEqual([
      ["a", [0.5], [10, 20, 50, 60]],
      ["b 1", [-0.25], [10, 20, 50.25, 60]],
      ["c", [], []],
    ]);
    const { classes } = evaluateVoc(input.groundTruths, input.detections, { classes: input.classes });
    expect(classes.map(({ ap, ignored }) => [ap, ignored])).toEqual([
      [1, 1],
      [0, 0],
    ]);
  });

  it("says which classes have no file, and scores those asked for alone", async () => {
    const results = await folder({ "cat.txt": cats });
    expect(await readVocFiles(truth, "test", results)).toMatchObject({ missing: ["small_dog"] });
    const both = await folder({ "cat.txt": cats, "small_dog.txt": "" });
    expect(await readVocFiles(truth, "test", both, ["cat"])).toMatchObject({ classes: ["cat"], missing: [] });
    await expect(readVocFiles(truth, "test", both, ["cat", "small_dgo"])).rejects.toThrow(
      /no objects of "small_dgo", and there is no detection file for it. Did you mean "small_dog"/,
    );
    const cows = await folder({ "cat.txt": cats, "cow.txt": cats });
    expect(await readVocFiles(truth, "test", cows, ["cat", "cow"])).toMatchObject({
      classes: ["cat", "cow"],
    });
  });

  it.each([
    ["a 0.5 10 20 50\n", /comp4_det_test_cat.txt: line 1: "a 0.5 10 20 50"; expected image, score/],
    [`${cats}a nan 10 20 50 60\n`, /line 2: "a nan/],
    [`${cats}\n${cats}`, /line 2: ""/],
    ["a 0.5 10 20 50 inf\n", /line 1/],
    ["a 0.5 50 20 10 60\n", /line 1: .*inverted/],
    ["d 0.5 10 20 50 60\n", /line 1: the split has no image "d"/],
  ])("refuses %j", async (text, message) => {
    await expect(
      readVocFiles(truth, "test", await folder({ "comp4_det_test_cat.txt": text })),
    ).rejects.toThrow(message);
  });

  it("refuses files of no class, two of one, other splits' images, and nothing at all", async () => {
    const run = async (files: Record<string, string>, split = "test") =>
      readVocFiles(truth, split, await folder(files));
    await expect(run({ "comp4_det_test_cta.txt": cats })).rejects.toThrow(/not a detection file.*mean "cat"/);
    await expect(run({ "cat.txt": cats, "readme.md": "" })).rejects.toThrow(
      /readme.md: not a detection file/,
    );
    await expect(run({ "cat.txt": cats, "comp3_det_test_cat.txt": cats })).rejects.toThrow(
      /also for class cat/,
    );
    await expect(run({ "cat.txt": "c 0.5 1 1 2 2\n" }, "only")).rejects.toThrow(/no image "c"/);
    await expect(run({})).rejects.toThrow(/no such directory/);
    await expect(run({ "cat.txt": cats }, "tset")).rejects.toThrow(/Did you mean "test"/);
  });
});

describe("readCoco", async () => {
  const root = await temporaryFolder();
  const truth = {
    images: [{ id: 7 }, { id: 3 }],
    categories: [
      { id: 90, name: "cat" },
      { id: 5, name: "dog" },
    ],
    annotations: [
      { image_id: 3, category_id: 90, bbox: [1, 2, 3, 4], iscrowd: 1, area: 5 },
      { image_id: 7, category_id: 5, bbox: [0, 0, 2, 2] },
    ],
  };
  const result = { image_id: 7, category_id: 90, bbox: [0.1, 0.2, 3, 4], score: 0.123456789 };
  let count = 0;
  const read = async (annotations: unknown, results: unknown) => {
    const place = join(root, String(count++));
    const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
    await put(join(place, "truth.json"), text(annotations));
    await put(join(place, "found.json"), text(results));
    return readCoco(join(place, "truth.json"), join(place, "found.json"));
  };

  it("reads images and classes in the order of their ids, in double precision", async () => {
    const { classes, groundTruths, detections } = await read(truth, [result]);
    expect(classes).toEqual(["dog", "cat"]);
    expect(groundTruths).toEqual([
      {
        id: "3",
        boxes: Float64Array.of(1, 2, 4, 6),
        labels: Int32Array.of(1),
        difficult: Uint8Array.of(1),
        boxAreas: Float64Array.of(12),
        areas: Float64Array.of(5),
      },
      {
        id: "7",
        boxes: Float64Array.of(0, 0, 2, 2),
        labels: Int32Array.of(0),
        difficult: Uint8Array.of(0),
        boxAreas: Float64Array.of(4),
        areas: Float64Array.of(4),
      },
    ]);
    expect(detections[1]).toEqual({
      id: "7",
      boxes: Float64Array.of(0.1, 0.2, 3.1, 4.2),
      labels: Int32Array.of(1),
      scores: Float64Array.of(0.123456789),
      boxAreas: Float64Array.of(12),
    });
  });

  it.each([
    ["not JSON", truth, "[NaN]", /found.json: cannot be read as JSON/],
    ["a dataset for results", truth, truth, /found.json: expected a list, found object/],
    ["results for a dataset", [result], [result], /truth.json: expected an object with images.*found a list/],
    [
      "no categories",
      { ...truth, categories: undefined },
      [],
      /truth.json: categories expected a list, found nothing/,
    ],
    [
      "an unknown image",
      truth,
      [{ ...result, image_id: 8 }],
      /found.json: \[0\].image_id is 8; .*truth.json has no such id/,
    ],
    ["an unknown category", truth, [result, { ...result, category_id: 1 }], /\[1\].category_id is 1/],
    ["no score", truth, [{ ...result, score: undefined }], /\[0\].score is missing; expected a number/],
    [
      "a short box",
      truth,
      [{ ...result, bbox: [1, 2, 3] }],
      /\[0\].bbox is \[1,2,3\]; expected \[x, y, width, height\]/,
    ],
    [
      "a score that overflows",
      truth,
      `[${JSON.stringify(result).replace("0.123456789", "1e400")}]`,
      /\[0\].score is "too large a number"; expected a number/,
    ],
    ["a negative width", truth, [{ ...result, bbox: [1, 2, -3, 4] }], /\[0\].bbox/],
    ["a number among results", truth, [3], /\[0\] is number; expected an object/],
    [
      "an image twice",
      { ...truth, images: [{ id: 3 }, { id: 7 }, { id: 3 }] },
      [],
      /images\[2\].id is 3, which an earlier entry/,
    ],
    [
      "a class without name",
      { ...truth, categories: [{ id: 5 }, { id: 90 }] },
      [],
      /categories\[0\].name is missing/,
    ],
    [
      "crowd 2",
      { ...truth, annotations: [{ ...truth.annotations[0], iscrowd: 2 }] },
      [],
      /annotations\[0\].iscrowd is 2/,
    ],
  ])("refuses %s", async (_, annotations, results, message) => {
    await expect(read(annotations, results)).rejects.toThrow(message);
  });
});
