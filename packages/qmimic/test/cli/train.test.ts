// Tiny training runs through the real command line: what a run leaves behind, resuming after kill -9, and seeds.
import { existsSync, readdirSync } from "node:fs";
import { copyFile, cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { generateDemo } from "../../src/data/demo.js";
import { readConfig, readThresholds, storeThresholds } from "../../src/train/weights.js";
import { temporaryFolder } from "../data/temporary.js";
import { filesBelow, qmimic, type RunOptions } from "./qmimic.js";

const root = await temporaryFolder();
const data = join(root, "data");
const LAST = join("student", "weights", "last.safetensors");
const BEST = join("student", "weights", "best.safetensors");

beforeAll(async () => {
  await generateDemo(data, { train: 12, val: 4, test: 2, side: 96 });
}, 60_000);

const SETTINGS = [
  ...["--data", data, "--runs", root, "--side", "96", "--output-stride", "8", "--batch", "4"],
  ...["--teacher", "vgg-1-32", "--student", "vgg-1-64", "--scales", "1", "--eval-every", "2"],
  ...["--teacher-epochs", "2", "--quantized-epochs", "1", "--epochs", "3", "--threads", "1"],
];

/** A run with all three stages. */
const train = (name: string, more: string[] = [], options: RunOptions = {}) =>
  qmimic(["train", ...SETTINGS, "--name", name, ...more], options);

const weightsOf = (name: string): Promise<Buffer> => readFile(join(root, name, LAST));

describe("qmimic train", () => {
  it("leaves recipe, results, weights, metrics and pictures; nothing temporary", async () => {
    const { code, stdout, stderr } = await train("whole");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const plan = [
      "teacher +about.*learns from",
      "quantized-teacher +about.*few values",
      "student +about.*you want",
      "total +about",
    ];
    for (const line of plan) expect(stdout).toMatch(new RegExp(`^${line}`, "m"));
    const folder = join(root, "whole");
    const files = filesBelow(folder);
    for (const stage of ["teacher", "quantized-teacher", "student"]) {
      expect(stdout).toMatch(new RegExp(`^${stage} +val AP50`, "m"));
      expect(files).toContain(join(stage, "results.csv"));
      expect(files).toContain(join(stage, "weights", "best.safetensors"));
      expect(files).toContain(join(stage, "weights", "last.safetensors"));
    }
    expect(files.filter((name) => name.startsWith(join("pictures", "val-")))).toHaveLength(4);
    expect(files).toContain(join("pictures", "overview.png"));
    expect(files.filter((name) => name.endsWith(".tmp"))).toEqual([]);

    const results = (await readFile(join(folder, "student", "results.csv"), "utf8")).trim().split("\n");
    expect(results).toHaveLength(4);
    const metrics = JSON.parse(await readFile(join(folder, "metrics.json"), "utf8"));
    const stages = metrics.stages as { stage: string; val: number }[];
    expect(stages.map(({ stage }) => stage)).toEqual(["teacher", "quantized-teacher", "student"]);
    for (const { val } of stages) expect(val).toBeGreaterThanOrEqual(0);
    const recipe = parse(await readFile(join(folder, "recipe.yaml"), "utf8"));
    expect(recipe).toMatchObject({ data, student: "vgg-1-64", method: "quantization-mimic", seed: 0 });
  });

  it("the same seed gives the same bytes in a folder of its own, profiled too, another seed others", async () => {
    const again = await train("whole", ["--profile"]);
    expect(again.stdout).toContain(`run folder: ${join(root, "whole-2")}`);
    expect(again.stdout).toMatch(/^time per step, mean of \d+: /m);
    expect(again.stdout).toMatch(/^ +backward +[\d.]+ ms +[\d.]+ %$/m);
    const trace = JSON.parse(await readFile(join(root, "whole-2", "trace.json"), "utf8"));
    const names = new Set(trace.traceEvents.map((one: { name: string }) => one.name));
    for (const name of ["step", "waiting", "backbone", "mimic", "backward", "optimizer", "evaluation"])
      expect(names).toContain(name);
    expect((await weightsOf("whole-2")).equals(await weightsOf("whole"))).toBe(true);
    await train("other", ["--seed", "1"]);
    expect((await weightsOf("other")).equals(await weightsOf("whole"))).toBe(false);
  });

  it("two threads give the same bytes each time", async () => {
    const short = ["--method", "scratch", "--stage", "student", "--epochs", "1", "--threads", "2"];
    for (const name of ["two", "two-again"]) await train(name, short);
    expect((await weightsOf("two")).equals(await weightsOf("two-again"))).toBe(true);
  });

  it.each([
    ["teacher", join("teacher", "weights", "state.safetensors")],
    ["student", join("student", "weights", "state.safetensors")],
  ])("killed in the %s stage and resumed, ends with the same bytes", async (stage, afterFirstEpoch) => {
    const name = `killed-${stage}`;
    const killWhen = () => existsSync(join(root, name, afterFirstEpoch));
    expect((await train(name, [], { killWhen })).signal).toBe("SIGKILL");
    expect(existsSync(join(root, name, "metrics.json"))).toBe(false);
    const { code, stderr } = await qmimic(["train", "--resume", join(root, name)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect((await weightsOf(name)).equals(await weightsOf("whole"))).toBe(true);
  });

  it("killed after training, while writing any of its files, leaves nothing temporary when resumed", async () => {
    const folder = join(root, "left");
    await cp(join(root, "whole"), folder, { recursive: true });
    await rm(join(folder, "metrics.json"));
    const places = [
      "",
      "pictures",
      ...["teacher", "student"].flatMap((stage) => [stage, join(stage, "weights")]),
    ];
    for (const place of places) await writeFile(join(folder, place, "file.7.0badcafe.tmp"), "part");
    const { code, stderr } = await qmimic(["train", "--resume", folder]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(filesBelow(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    expect((await weightsOf("left")).equals(await weightsOf("whole"))).toBe(true);
  });
});

it("from scratch with a number for s, the student's own map is rounded", async () => {
  const more = ["--method", "scratch", "--stage", "student", "--epochs", "1", "--quantizer-stride", "0.2"];
  expect(await train("rounded", more)).toMatchObject({ code: 0, stderr: "" });
  const { quantizer } = readConfig(join(root, "rounded", BEST));
  expect(quantizer).toEqual({ kind: "uniform", stride: 0.2 });
});

describe("qmimic train --quick", () => {
  it("trains the student alone on settings from the data, says how long it takes, and what to try next", async () => {
    const more = [
      "--side",
      "96",
      "--student",
      "vgg-1-64",
      "--epochs",
      "1",
      "--scales",
      "1",
      "--name",
      "quick",
    ];
    const { code, stdout, stderr } = await qmimic([
      ...["train", "--quick", "--data", data, "--runs", root, "--threads", "1", ...more],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^quick, for 12 images: method scratch, stage student, output-stride 4, epochs 40, /,
    );
    expect(stdout).toMatch(/\nstudent +about +\d+:\d\d +vgg-1-64, 1 epochs? +the small detector you want\n/);
    const recipe = parse(await readFile(join(root, "quick", "recipe.yaml"), "utf8"));
    // Flags go before what is chosen.
    expect(recipe).toMatchObject({ method: "scratch", "output-stride": 4, epochs: 1, "eval-every": 8 });
    const [, next] = /to try it in a browser: npx qmimic (.*)\n/.exec(stdout)!;
    expect(await qmimic(next.split(" "))).toMatchObject({ code: 0 });
  });

  it("does not go with --resume", async () => {
    const { code, stderr } = await qmimic(["train", "--quick", "--resume", join(root, "quick")]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/--resume uses the run's recipe/),
    });
  });
});

describe("qmimic val and predict", () => {
  it("val scores a run's student, or its teacher, and writes all numbers", async () => {
    const json = join(root, "numbers.json");
    const args = ["val", join(root, "whole"), "--data", data, "--split", "test", "--json", json];
    const { code, stdout } = await qmimic(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/vgg-1-64 faster-rcnn[\s\S]*\nCOCO, 101 points [\s\S]*img\/s/);
    const numbers = JSON.parse(await readFile(json, "utf8"));
    expect(numbers).toMatchObject({
      stage: "student",
      images: 2,
      iou: 0.5,
      command: { split: "test", data },
    });
    expect(numbers.classes).toHaveLength(numbers.detector.classes.length);
    expect((await qmimic([...args, "--teacher"])).stdout).toMatch(/vgg-1-32 faster-rcnn/);
    expect(JSON.parse(await readFile(json, "utf8"))).toMatchObject({ stage: "quantized-teacher" });
    const perCell = numbers.cost.multiplyAdds / numbers.detector.side ** 2;
    const larger = 2 * numbers.detector.side;
    expect((await qmimic([...args, "--side", String(larger)])).stdout).toContain(`at ${larger} px`);
    const atLarger = JSON.parse(await readFile(json, "utf8"));
    expect(atLarger.detector).toEqual({ ...numbers.detector, side: larger });
    expect(atLarger.cost.parameters).toBe(numbers.cost.parameters);
    // Its RoIs stay as many, its map has four times the cells.
    expect(atLarger.cost.multiplyAdds / larger ** 2).toBeLessThan(perCell);
    expect(atLarger.cost.multiplyAdds).toBeGreaterThan(numbers.cost.multiplyAdds);
  });

  it("val compares two weights on the same images", async () => {
    const json = join(root, "compared.json");
    const args = ["val", join(root, "whole"), "--data", data, "--split", "val", "--json", json];
    const { code, stdout } = await qmimic([...args, "--compare", join(root, "other")]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /\nA {2}.*whole.*\nB {2}.*other.*\nCOCO +B - A +95 % interval\nAP50 .* to .*\nAP50:95 /,
    );
    const { coco, intervals, comparison, confusion } = JSON.parse(await readFile(json, "utf8"));
    expect(comparison.weights).toBe(join(root, "other", BEST));
    const alone = JSON.parse(await readFile(await scoreAlone("other"), "utf8"));
    expect(comparison.ap50.difference).toBeCloseTo(alone.coco.ap50 - coco.ap50, 12);
    expect(comparison.ap.difference).toBeCloseTo(alone.coco.ap - coco.ap, 12);
    expect(intervals.ap50.low).toBeLessThanOrEqual(coco.ap50);
    expect(intervals.ap50.high).toBeGreaterThanOrEqual(coco.ap50);
    expect(confusion.matrix).toHaveLength(8);
    const same = await qmimic([...args, "--compare", join(root, "whole")]);
    expect(same.stdout).toMatch(/^AP50 +0\.0 +0\.0 to 0\.0 +not significant$/m);
  });

  /** @returns the JSON */
  async function scoreAlone(name: string): Promise<string> {
    const json = join(root, `${name}-alone.json`);
    await qmimic(["val", join(root, name), "--data", data, "--split", "val", "--json", json]);
    return json;
  }

  it("the last stage's weights hold each class's score of best F1 on val, and predict uses it", async () => {
    const metrics = JSON.parse(await readFile(join(root, "whole", "metrics.json"), "utf8"));
    const best = metrics.evaluation.classes.map(
      (one: { bestF1: { threshold: number } | null }) => one.bestF1,
    );
    const stored = readThresholds(join(root, "whole", BEST));
    expect(stored).toEqual(best.map((one: { threshold: number } | null) => one?.threshold ?? null));
    expect(readThresholds(join(root, "whole", "teacher", "weights", "best.safetensors"))).toBeUndefined();

    // So short a training gives scores near 0; with a threshold among them some are shown, and not all.
    const own = join(root, "own.safetensors");
    await copyFile(join(root, "whole", BEST), own);
    const predict = async (out: string, more: string[] = []) => {
      const args = ["predict", own, join(data, "JPEGImages"), "--no-pictures", "--out", join(root, out)];
      const { stdout } = await qmimic([...args, ...more]);
      return { stdout, ...JSON.parse(await readFile(join(root, out, "predictions.json"), "utf8")) };
    };
    const scoresOf = (
      { images }: { images: { detections: { label: string; score: number }[] }[] },
      label: string,
    ) =>
      images
        .flatMap(({ detections }) => detections.filter((one) => one.label === label))
        .map(({ score }) => score);
    const all = await predict("all", ["--threshold", "0"]);
    const classes: string[] = all.thresholds.map(({ label }: { label: string }) => label);
    const middle = classes.map(
      (label) => scoresOf(all, label).sort()[scoresOf(all, label).length >> 1] ?? null,
    );
    storeThresholds(own, middle);
    const some = await predict("some");
    expect(some.stdout).toMatch(/^thresholds {2}.*\(best F1 of each class on val, from the weights/m);
    expect(some.thresholds).toEqual(classes.map((label, i) => ({ label, threshold: middle[i] ?? 0.5 })));
    const counts = classes.map((label) => scoresOf(some, label).length);
    expect(Math.max(...counts)).toBeGreaterThan(0);
    classes.forEach((label, i) => {
      const scores = scoresOf(some, label);
      for (const score of scores) expect(score).toBeGreaterThanOrEqual((middle[i] ?? 0.5) - 1e-4);
      if (middle[i] !== null) expect(scores.length).toBeLessThanOrEqual(scoresOf(all, label).length);
    });
  });

  it("predict writes JSON and pictures, in a new folder each time", async () => {
    const out = join(root, "predictions");
    const images = join(data, "JPEGImages");
    const args = ["predict", join(root, "whole"), images, "--out", out, "--threshold", "0.02"];
    expect(await qmimic(args)).toMatchObject({ code: 0, stderr: "" });
    const result = JSON.parse(await readFile(join(out, "predictions.json"), "utf8"));
    expect(result).toMatchObject({ weights: join(root, "whole", BEST), thresholdsFrom: "--threshold" });
    expect(result.images).toHaveLength(18);
    for (const { file, width, height, detections } of result.images) {
      expect(existsSync(join(out, file.slice(images.length)))).toBe(true);
      for (const { score, box } of detections) {
        expect(score).toBeGreaterThanOrEqual(0.02);
        expect(box.xmin).toBeGreaterThanOrEqual(0);
        expect(box.xmax).toBeLessThanOrEqual(width);
        expect(box.ymax).toBeLessThanOrEqual(height);
      }
    }
    expect((await qmimic(args)).stdout).toContain(join(`${out}-2`, "predictions.json"));
  });

  it("predict says what came nearest where it finds nothing, and where its limit was reached", async () => {
    const image = join(data, "JPEGImages", readdirSync(join(data, "JPEGImages"))[0]);
    const args = ["predict", join(root, "whole"), image, "--no-pictures", "--out", join(root, "limits")];
    const nothing = await qmimic([...args, "--threshold", "1"]);
    expect(nothing.stdout).toMatch(/: nothing \(best: [\w -]+ 0\.\d\d, threshold 1\.00\)\n/);
    const limited = await qmimic([...args, "--threshold", "0", "--box-detections", "2"]);
    expect(limited.stdout).toMatch(/: .*\d [\w -]+ \(limit reached: --box-detections 2\)\n/);
    const exported = join(root, "exported");
    const files = [
      "export",
      join(root, "whole"),
      "--data",
      data,
      "--format",
      "safetensors",
      "--out",
      exported,
    ];
    expect(await qmimic(files)).toMatchObject({ code: 0 });
    const detections = async (weights: string, limit: number) => {
      const out = join(root, `limit-${limit}`);
      const flags = ["--no-pictures", "--threshold", "0", "--box-detections", `${limit}`, "--out", out];
      const { stdout } = await qmimic(["predict", weights, image, ...flags]);
      const file = /detections {2}(.*)\n/.exec(stdout)![1];
      return JSON.parse(await readFile(file, "utf8")).images[0].detections.length;
    };
    for (const weights of [join(root, "whole"), join(exported, "detector.safetensors")]) {
      expect(await detections(weights, 3)).toBe(3);
      expect(await detections(weights, 200)).toBeGreaterThan(100);
    }
  });

  it("val says which images have more objects than come out", async () => {
    const args = ["val", join(root, "whole"), "--data", data, "--split", "train", "--box-detections", "1"];
    const { code, stderr } = await qmimic(args);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/train: \d+ images with more objects than box-detections 1 allows/),
    });
  });
});
