// qmimic evaluate: files of other systems, through the real command line.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeVoc, put, temporaryFolder } from "../data/temporary.js";
import { qmimic } from "./qmimic.js";

const root = await temporaryFolder();
const data = join(root, "data");
const cat = (box: number[], extra = "") => ({ name: "cat", box, extra });
await makeVoc(
  data,
  {
    a: [cat([10, 20, 49, 59]), { name: "dog", box: [60, 10, 90, 40] }],
    b: [cat([5, 5, 24, 24]), cat([50, 50, 90, 75], "<difficult>1</difficult>")],
  },
  { test: "a\nb\n" },
);

async function found(folder: string, files: Record<string, string>): Promise<string> {
  for (const [name, text] of Object.entries(files)) await put(join(root, folder, name), text);
  return join(root, folder);
}
const voc = (detections: string, ...more: string[]) =>
  qmimic(["evaluate", "voc", "--ground-truth", data, "--detections", detections, ...more]);
const CAT = "a 0.9 10 20 49 59\nb 0.8 50 50 90 75\nb 0.7 60 60 80 80\nb 0.6 5 5 24 24\n";

describe("voc", () => {
  it("scores a file for each class, as the development kit names them or plainly", async () => {
    const detections = await found("good", { "comp4_det_test_cat.txt": CAT, "dog.txt": "" });
    const json = join(root, "voc.json");
    const { code, stdout, stderr } = await voc(detections, "--json", json);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    // Found, difficult (ignored), false, found: 1/2 + 1/2 * 2/3.
    expect(stdout).toMatch(/^cat +83\.33 /m);
    expect(stdout).toMatch(/^dog +0\.00 /m);
    const numbers = JSON.parse(await readFile(json, "utf8"));
    expect(numbers).toMatchObject({ images: 2, inclusive: true, iou: 0.5 });
    expect(numbers.classes[0]).toMatchObject({ name: "cat", objects: 2, detections: 4 });
    expect(numbers.classes[0].ap).toBeCloseTo(5 / 6, 9);
  });

  it("counts the far sides of boxes in, unless told otherwise", async () => {
    // 20 x 10 of 20 x 20 pixels is an IoU of exactly 0.5; without the last row and column it is below.
    const detections = await found("half", { "cat.txt": "b 0.9 5 5 24 14\n", "dog.txt": "" });
    expect((await voc(detections)).stdout).toMatch(/^cat +50\.00 /m);
    expect((await voc(detections, "--no-inclusive")).stdout).toMatch(/^cat +0\.00 /m);
  });

  it.each([
    [
      { "cat.txt": "a 0.9 1 2 3\n", "dog.txt": "" },
      /cat\.txt: line 1: "image score xmin ymin xmax ymax" expected/,
    ],
    [{ "cat.txt": "a 0.9 1 2 3 4\nz 0.5 1 2 3 4\n", "dog.txt": "" }, /cat\.txt: line 2: there is no image z/],
    [{ "cat.txt": "a NaN 1 2 3 4\n", "dog.txt": "" }, /cat\.txt: line 1/],
    [{ "cat.txt": CAT }, /no file of class "dog"; expected comp4_det_test_dog\.txt or dog\.txt/],
    [{ "cat.txt": CAT, "comp3_det_val_cat.txt": "", "dog.txt": "" }, /several files of class "cat"/],
  ])("refuses %j", async (files, message) => {
    const folder = `bad-${Math.abs(JSON.stringify(files).length)}-${Object.keys(files).length}`;
    const { code, stderr } = await voc(await found(folder, files));
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

it("coco prints the twelve numbers", async () => {
  const box = [0, 0, 50, 50];
  const truth = join(root, "truth.json");
  const results = join(root, "results.json");
  const annotations = [{ image_id: 1, category_id: 1, bbox: box }];
  await put(
    truth,
    JSON.stringify({ images: [{ id: 1 }], categories: [{ id: 1, name: "cat" }], annotations }),
  );
  await put(results, JSON.stringify([{ image_id: 1, category_id: 1, bbox: box, score: 0.5 }]));
  const run = () => qmimic(["evaluate", "coco", "--ground-truth", truth, "--detections", results]);
  const { code, stdout } = await run();
  expect(code).toBe(0);
  expect(stdout.match(/^A[PR]/gm)).toHaveLength(12);
  expect(stdout).toMatch(/^AP50 +IoU 0\.5 +100\.00$/m);
  await put(results, "[{}]");
  expect((await run()).stderr).toMatch(/results\.json: \[0\]\.image_id: /);
});
