// The verbs on data of any format, through the real command line.
import { readFileSync } from "node:fs";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { SIZE_LIMITS } from "../../src/data/checkObjects.js";
import { parseRecipe, settingOf } from "../../src/train/recipe.js";
import { makeShapes } from "../data/shapes.js";
import { put, temporaryFolder } from "../data/temporary.js";
import { filesBelow, qmimic } from "./qmimic.js";

const root = await temporaryFolder();
const voc = join(root, "voc");
const QUICK = [
  "--side",
  "64",
  "--epochs",
  "1",
  "--method",
  "scratch",
  "--threads",
  "1",
  "--student",
  "vgg-1-64",
];

beforeAll(async () => {
  await makeShapes(voc, { train: 6, val: 3 });
});

async function run(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await qmimic(args);
  expect({ args, code, stderr }).toMatchObject({ code: 0 });
  return { stdout, stderr };
}

const weightsOf = (runs: string): string => join(runs, "run", "student", "weights", "best.safetensors");

describe("formats", () => {
  it("training on one set in three formats gives the same weights; val reads them too", async () => {
    const weights: Buffer[] = [];
    for (const format of ["voc", "coco", "yolo"]) {
      const data = join(root, `as-${format}`);
      const converted = await run("data", "convert", voc, "--to", format, "--out", data);
      expect(converted.stdout).toMatch(/1 {2}disc +\d+ +\d+\n2 {2}square/);
      expect(converted.stdout).toMatch(/nothing was lost/);
      const runs = join(root, `runs-${format}`);
      const { stdout } = await run("train", "--data", data, "--runs", runs, "--name", "run", ...QUICK);
      expect(stdout).toMatch(/number and class +train +val\n1 {2}disc/);
      weights.push(readFileSync(weightsOf(runs)));
      await run("val", weightsOf(runs), "--data", data, "--format", format, "--threads", "1");
    }
    expect(weights[1].equals(weights[0])).toBe(true);
    expect(weights[2].equals(weights[0])).toBe(true);
  });

  it("a set without splits: train holds out val, val finds the same part, split writes lists", async () => {
    const flat = join(root, "flat");
    for (const folder of ["Annotations", "JPEGImages"])
      await cp(join(voc, folder), flat, { recursive: true });
    const before = filesBelow(flat);
    const runs = join(root, "runs-flat");
    const held =
      /there is no val split: 2 of the 9 images of the set are held out as val \(val-share 0\.3; the same ones for every seed/;
    const share = ["--val-share", "0.3"];
    const trained = await run(
      "train",
      "--data",
      flat,
      "--runs",
      runs,
      "--name",
      "run",
      ...QUICK,
      ...share,
      "--seed",
      "2",
    );
    expect(trained.stdout + trained.stderr).toMatch(held);
    // The run says how much was held out.
    const evaluated = await run("val", weightsOf(runs), "--data", flat, "--threads", "1");
    const same = /2 of the 9 images of the set are held out as val \(as in the run\)/;
    expect(evaluated.stderr).toMatch(same);
    expect(evaluated.stdout).toMatch(/split val: 2 images/);
    // So does a file that is exported from it.
    const folder = join(runs, "run");
    await run("export", folder, "--format", "int8", "--no-compare");
    const exported = join(folder, "export", "detector.int8.safetensors");
    expect((await run("val", exported, "--data", flat)).stderr).toMatch(same);
    expect(filesBelow(flat)).toEqual(before);
    // Photographs added since then are neither val, nor do they make others val.
    for (const [from, to] of [
      ["train-0.xml", "a.xml"],
      ["train-0.png", "a.png"],
    ])
      await cp(join(flat, from), join(flat, to));
    const later = await run("val", weightsOf(runs), "--data", flat, "--threads", "1");
    expect(later.stderr).toMatch(/2 of the 10 images of the set are held out as val \(as in the run\)/);
    const scores = ({ stdout }: { stdout: string }) => stdout.replace(/^.* img\/s.*$/m, "");
    expect(scores(later)).toBe(scores(evaluated));
    for (const added of ["a.xml", "a.png"]) await rm(join(flat, added));

    const { stdout } = await run("data", "split", flat, "--train", "0.6", "--val", "0.2", "--test", "0.2");
    expect(stdout).toMatch(/train: \d images?\nval: \d images?\ntest: \d images?/);
    expect((await run("data", "check", flat)).stdout).toMatch(/lists in ImageSets\/Main[\s\S]*no problems/);
  });

  it("bad labels: refused, and with --skip-bad left out and counted", async () => {
    const bad = join(root, "bad");
    await cp(voc, bad, { recursive: true });
    await put(join(bad, "Annotations", "train-0.xml"), "<annotation>");
    const refused = await qmimic(["train", "--data", bad, "--runs", join(root, "bad-runs"), ...QUICK]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/train-0\.xml: malformed XML/) });
    expect((await qmimic(["data", "check", bad])).code).toBe(1);
    const skipped = ["--skip-bad", "true", ...QUICK];
    const { stdout, stderr } = await run(
      "train",
      "--data",
      bad,
      "--runs",
      join(root, "bad-runs"),
      ...skipped,
    );
    expect(stdout + stderr).toMatch(/Skipped \(skip-bad\): .*1 problem in the data[\s\S]*train-0\.xml/);
  });

  it("an unknown format is named", async () => {
    const check = await qmimic(["data", "check", voc, "--format", "pascal"]);
    expect(check).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/Allowed choices are auto, voc, coco/),
    });
    const train = await qmimic(["train", "--data", voc, "--format", "vocc", ...QUICK]);
    expect(train).toMatchObject({ code: 1, stderr: expect.stringMatching(/format: "vocc" is invalid/) });
  });

  it("predict passes over leftovers, and says which images it cannot read", async () => {
    const photos = join(root, "photos");
    await cp(join(voc, "JPEGImages", "val-0.png"), join(photos, "a.png"));
    for (const name of ["._a.png", "b.HEIC", "c.bmp", ".cache/d.png"]) await put(join(photos, name), "x");
    const out = join(root, "predictions");
    const weights = weightsOf(join(root, "runs-flat"));
    const { stderr } = await run("predict", weights, photos, "--recursive", "--out", out, "--threads", "1");
    expect(stderr).toMatch(/2 images in an unsupported format skipped \(b\.HEIC, c\.bmp\)/);
    expect(JSON.parse(readFileSync(join(out, "predictions.json"), "utf8")).images).toHaveLength(1);
    await rm(join(photos, "a.png"));
    const none = await qmimic(["predict", weights, photos, "--out", out, "--threads", "1"]);
    expect(none).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/this folder has no images/),
    });
  });
});

it("data check's sizes are the defaults of a recipe", () => {
  const recipe = parseRecipe({}, "defaults");
  expect(SIZE_LIMITS).toEqual({
    side: recipe.side,
    stride: recipe.outputStride,
    detections: settingOf(recipe, "boxDetections"),
  });
});
