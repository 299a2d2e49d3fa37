// qmimic export, and what val and predict make of its files.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { createAdvice } from "../../src/cli/exportFineTune.js";
import { has } from "../../src/export/c/program.js";
import { readThresholds, saveDetector, storeThresholds } from "../../src/train/weights.js";
import { makeShapes } from "../data/shapes.js";
import { temporaryFolder } from "../data/temporary.js";
import { untrainedDetector } from "../export/untrained.js";
import { filesBelow, qmimic } from "./qmimic.js";

const root = await temporaryFolder();
const data = join(root, "shapes");
const weights = join(root, "weights.safetensors");
const out = join(root, "out");
const model = join(out, "detector.safetensors");
let exported: Awaited<ReturnType<typeof qmimic>>;

beforeAll(async () => {
  await makeShapes(data, { train: 4, val: 3 });
  const detector = untrainedDetector("faster-rcnn", ["disc", "square"]);
  saveDetector(weights, detector);
  detector.dispose();
  storeThresholds(weights, [0.02, null]);
  const formats = "safetensors,int8,onnx,c,c-int8,html,html-int8";
  exported = await qmimic(["export", weights, "--format", formats, "--out", out, "--data", data]);
});

describe("qmimic export", () => {
  it("writes every format that is asked for, and says sizes and how far each is from the detector", () => {
    expect(exported).toMatchObject({ code: 0, stderr: "" });
    const names = [
      "detector.c",
      "detector.h",
      "detector.html",
      "detector.int8.html",
      "detector.int8.safetensors",
      "detector.onnx",
      "detector.safetensors",
      "detector_int8.c",
      "detector_int8.h",
    ];
    expect(filesBelow(out)).toEqual(names);
    for (const name of names.filter((one) => !/\.[ch]$/.test(one))) {
      const { length } = readFileSync(join(out, name));
      const size = `${(length / 1000).toFixed(1)} kB`;
      expect(exported.stdout).toMatch(new RegExp(`${size}, [\\d.]+ kB gzipped  .*${name}`));
    }
    expect(exported.stdout).toContain("compared with the detector on 3 images of val");
    const [, detections, both, apart] =
      /^float32 .* of (\d+) detections with scores of at least 0.1, (\d+) are in both: boxes at most (\S+) px/m.exec(
        exported.stdout,
      )!;
    expect(Number(detections)).toBeGreaterThan(5);
    expect(both).toBe(detections);
    expect(Number(apart)).toBeLessThan(0.01);
    expect(exported.stdout).toMatch(/^onnx .* are in both: boxes at most 0\.0\d+ px apart/m);
    expect(exported.stdout).toMatch(/^int8 +AP50 [\d.]+ \(trained [\d.]+\)/m);
  });

  it("writes C for the most usual size of the data, says what it takes, and compiles it to compare (where there is cc)", () => {
    expect(exported.stdout).toMatch(
      /^c-int8 .* gzipped {2}.*out\/detector_int8\.h, detector_int8\.c\n +input 96 x 96 px, RAM [\d.]+ KiB, flash [\d.]+ KiB/m,
    );
    expect(readFileSync(join(out, "detector_int8.h"), "utf8")).toContain("int detector_int8_detect(");
    if (!has("cc")) return;
    const [, detections, both, apart] =
      /^c +AP50 .* \(libtorch on 96 x 96 px [\d.]+\); of (\d+) detections with scores of at least 0.1, (\d+) are in both: boxes at most (\S+) px/m.exec(
        exported.stdout,
      )!;
    expect(Number(detections)).toBeGreaterThan(5);
    expect(both).toBe(detections);
    expect(Number(apart)).toBeLessThan(0.01);
    expect(exported.stdout).toMatch(/^c-int8 +AP50 [\d.]+ \(libtorch on 96 x 96 px/m);
  });

  it("writes C for the size that is asked for; says so where there is no compiler", async () => {
    const folder = join(root, "small");
    const args = ["export", weights, "--format", "c", "--size", "64x32", "--out", folder, "--data", data];
    const { code, stdout } = await qmimic(args, { within: ["/usr/bin/env", "PATH=/nowhere"] });
    expect(code).toBe(0);
    expect(stdout).toContain("input 64 x 32 px");
    expect(stdout).toMatch(/^c +not compared: there is no C compiler "cc" on this machine/m);
    expect(readFileSync(join(folder, "detector.h"), "utf8")).toContain("#define DETECTOR_INPUT_WIDTH 64\n");
  });

  it("calibrates eight bits with images of training, the same each time", async () => {
    const folder = join(root, "again");
    const args = ["export", weights, "--format", "c-int8", "--out", folder, "--data", data, "--no-compare"];
    expect((await qmimic(args)).code).toBe(0);
    const text = readFileSync(join(folder, "detector_int8.c"), "utf8");
    expect(text).toBe(readFileSync(join(out, "detector_int8.c"), "utf8"));
    expect((await qmimic([...args, "--calibration", "1"])).code).toBe(0);
    expect(readFileSync(join(folder, "detector_int8.c"), "utf8")).not.toBe(text);
  });

  it("compares only the classes that are asked for", async () => {
    const countIn = (stdout: string) => Number(/^float32 .* of (\d+) detections/m.exec(stdout)![1]);
    const counts = [];
    for (const classes of ["disc", "square"]) {
      const args = ["export", weights, "--format", "safetensors", "--out", join(root, "some")];
      const { code, stdout, stderr } = await qmimic([...args, "--data", data, "--classes", classes]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      counts.push(countIn(stdout));
    }
    expect(counts[0] + counts[1]).toBe(countIn(exported.stdout));
  });

  it("rounds the first maps of int8, unless --calibration is 0 or there are no training images", async () => {
    expect(exported.stdout).toMatch(
      /detector\.int8\.safetensors\n +maps of the first \d convolutions are rounded to 7 bits/,
    );
    const folder = join(root, "weights-only");
    const args = ["export", weights, "--format", "int8,html-int8", "--out", folder, "--data", data];
    const none = await qmimic([...args, "--calibration", "0", "--no-compare"]);
    expect(none).toMatchObject({ code: 0, stderr: "" });
    expect(none.stdout).not.toContain("rounded");
    const tested = join(root, "tested");
    await makeShapes(tested, { val: 2 });
    const alone = await qmimic(["export", weights, "--format", "int8", "--out", folder, "--data", tested]);
    expect(alone).toMatchObject({ code: 0, stderr: "" });
    expect(alone.stdout).toMatch(/^int8: maps are not rounded, which needs training images: .*train/m);
    expect(alone.stdout).toMatch(/^int8 +AP50/m);
  });

  it("without data only writes, and says so", async () => {
    const folder = join(root, "alone");
    const { code, stdout } = await qmimic(["export", weights, "--out", folder]);
    expect(code).toBe(0);
    expect(stdout).toContain("not compared with the detector: without a run folder, images must be given");
    expect(stdout).toContain("int8: maps are not rounded, which needs training images: without a run folder");
    expect(stdout).not.toContain("rounded to 7 bits");
    expect(filesBelow(folder)).toEqual(["detector.int8.safetensors", "detector.safetensors"]);
    expect(readFileSync(join(folder, "detector.safetensors")).equals(readFileSync(model))).toBe(true);
  });

  it.each([
    [["export", weights, "--format", "c-int8", "--calibration", "0"], /--calibration 0: c-int8 needs images/],
    [["export", weights, "--format", "onyx"], /"onyx" is not a format\. Formats: safetensors, int8/],
    [["export", join(root, "nowhere")], /nowhere: no such file/],
    [["export", model], /out\/detector.safetensors: .*an exported model/],
    [["export", weights, "--data", join(root, "nothing")], /nothing/],
    [["export", weights, "--data", data, "--split", "vla"], /vla/],
    [["export", weights, "--out", weights], /weights.safetensors/],
    [
      ["export", weights, "--format", "c-int8"],
      /c-int8: needs training images .*: .*images must be given with --data/,
    ],
    [
      ["export", weights, "--format", "c", "--size", "100x64"],
      /width 100: expected a multiple of 32 up to 4096/,
    ],
    [["export", weights, "--format", "c", "--size", "96"], /width x height in pixels, such as 256x192/],
    [["export", weights, "--size", "96x96"], /--size only works with --format c or c-int8/],
    [["export", weights, "--split", "test"], /images must be given with --data/],
    [
      ["export", weights, "--format", "c", "--data", join(root, "nothing"), "--no-compare"],
      /nothing: no such directory/,
    ],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await qmimic(args, { cwd: root });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n +at /);
    expect(code).toBe(1);
  });
});

describe("qmimic export of a run", () => {
  const run = join(root, "run");
  const best = (folder: string) => readFileSync(join(folder, "student", "weights", "best.safetensors"));

  beforeAll(async () => {
    const network = ["--detector", "fcos", "--student", "vgg-1-64", "--output-stride", "8", "--side", "96"];
    const training = [
      "--method",
      "scratch",
      "--epochs",
      "3",
      "--batch",
      "4",
      "--scales",
      "1",
      "--threads",
      "1",
    ];
    const args = ["train", "--data", data, "--runs", root, "--name", "run", ...network, ...training];
    expect(await qmimic(args)).toMatchObject({ code: 0, stderr: "" });
  }, 60_000);

  it("compares on the run's data: on the split and the classes that are asked for", async () => {
    const out = join(root, "compared");
    const train = await qmimic(["export", run, "--out", out, "--format", "int8", "--split", "train"]);
    expect(train).toMatchObject({ code: 0, stderr: "" });
    expect(train.stdout).toContain("compared with the detector on 4 images of train");
    const disc = await qmimic(["export", run, "--out", out, "--format", "int8", "--classes", "disc"]);
    expect(disc).toMatchObject({ code: 0, stderr: "" });
    expect(disc.stdout).toContain("compared with the detector on 3 images of val");
  });

  it("--finetune trains with rounded weights, says AP before and after, and leaves the run's weights alone; the same each time", async () => {
    const weights = best(run);
    const folder = join(run, "export");
    const args = [
      "export",
      run,
      "--format",
      "int8,c-int8",
      "--finetune",
      "2",
      "--threads",
      "1",
      "--no-compare",
    ];
    const { code, stdout, stderr } = await qmimic(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^epoch 2\/2 /m);
    const [, before, after] =
      /^with int8 weights, on val: AP50 (\S+) before, (\S+) after \(epoch [12]\)/m.exec(stdout)!;
    expect(stdout.includes("did not help")).toBe(!(Number(after) > Number(before)));
    expect(filesBelow(folder)).toContain("detector_int8.c");
    expect(best(run).equals(weights)).toBe(true);
    expect(best(join(folder, "finetuned")).equals(weights)).toBe(false);
    expect(readThresholds(join(folder, "finetuned/student/weights/best.safetensors"))).toHaveLength(2);

    expect((await qmimic(args)).code).toBe(0);
    expect(best(join(folder, "finetuned-2")).equals(best(join(folder, "finetuned")))).toBe(true);
    const val = await qmimic(["val", join(folder, "finetuned"), "--data", data]);
    expect(val).toMatchObject({ code: 0, stderr: "" });
  });

  it.each([
    [
      ["export", weights, "--finetune", "1"],
      /--finetune: .*weights.safetensors is a weights file; pass its run folder/,
    ],
    [["export", run, "--format", "onnx", "--finetune", "1"], /--finetune only works with --format int8/],
    [
      ["export", run, "--format", "safetensors", "--no-compare", "--split", "val"],
      /these formats need no images/,
    ],
    [["export", run, "--finetune", "0"], /Expected an integer from 1 to 1000/],
    [["export", run, "--split", "vla"], /no split "vla".*Did you mean "val"/],
    [["export", run, "--classes", "cat"], /--classes: .* detects disc, square, not "cat"/],
    [["export", run, "--merge", "thing"], /--merge needs a detector of exactly that class/],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await qmimic(args, { cwd: root });
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
  });
});

describe("advice to fine-tune", () => {
  const results = { worse: { trainedAp: 0.5, exportedAp: 0.4 }, same: { trainedAp: 0.5, exportedAp: 0.499 } };

  it("is given once, where int8 weights cost AP", () => {
    const advise = createAdvice(true, false);
    expect(advise("float32", results.worse)).toBeUndefined();
    expect(advise("int8", results.worse)).toMatch(/^--finetune 2 trains .* may recover that$/);
    expect(advise("c-int8", results.worse)).toBeUndefined();
  });

  it("names the maps if they are rounded too", () => {
    expect(createAdvice(true, true)("int8", results.worse)).toMatch(
      /that; with --calibration 0, only weights are rounded$/,
    );
  });

  it("is not given for what only rounded maps cost", () => {
    const advise = createAdvice(true, true);
    expect(advise("int8", results.same)).toBeUndefined();
    expect(advise("c-int8", results.worse)).toBeUndefined();
    expect(createAdvice(true, true)("c-int8", results.worse)).toMatch(/part of that: maps are not rounded/);
  });

  it("is not given where --finetune is refused, or has been used", () => {
    const advise = createAdvice(false, true);
    for (const name of ["int8", "c-int8"]) expect(advise(name, results.worse)).toBeUndefined();
  });
});

describe("val and predict", () => {
  it("val: the model file and the ONNX file have the detector's AP", async () => {
    const numbers: unknown[] = [];
    for (const file of [weights, model, join(out, "detector.onnx")]) {
      const json = join(root, "numbers.json");
      const { code, stderr, stdout } = await qmimic(["val", file, "--data", data, "--json", json]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      if (file === model) expect(stdout).toMatch(/exported model, [\d.]+ kB, 2 classes, 96 px/);
      const { mean } = JSON.parse(readFileSync(json, "utf8"));
      numbers.push(mean);
    }
    expect(numbers[1]).toEqual(numbers[0]);
    expect(numbers[2]).toEqual(numbers[0]);
  });

  it("val --compare takes either", async () => {
    const { code, stdout } = await qmimic(["val", weights, "--data", data, "--compare", model]);
    expect(code).toBe(0);
    expect(stdout).toContain(`B  ${model}`);
  });

  it("predict: the same boxes, with each class's own threshold", async () => {
    interface Found {
      file: string;
      detections: { label: string; score: number; box: Record<string, number> }[];
    }
    const found: Found[][] = [];
    for (const file of [weights, model]) {
      const folder = join(root, file === model ? "exported" : "trained");
      const args = ["predict", file, join(data, "JPEGImages"), "--no-pictures", "--out", folder];
      const { code, stdout } = await qmimic(args);
      expect(code).toBe(0);
      expect(stdout).toContain("disc 0.02, square 0.50");
      found.push(JSON.parse(readFileSync(join(folder, "predictions.json"), "utf8")).images);
    }
    expect(found[1].flatMap(({ detections }) => detections).length).toBeGreaterThan(0);
    // Written with two decimals for boxes and three for scores: numbers that differ by less can be rounded apart.
    const close = (value: number, digits: number) => expect.closeTo(value, digits);
    const expected = found[0].map((image) => ({
      ...image,
      detections: image.detections.map(({ label, score, box }) => ({
        label,
        score: close(score, 2),
        box: Object.fromEntries(Object.entries(box).map(([side, at]) => [side, close(at, 1)])),
      })),
    }));
    expect(found[1]).toEqual(expected);
  });

  it("benchmark: latency of weights and of a model file", async () => {
    for (const file of [weights, model]) {
      const json = join(root, "latency.json");
      const args = ["benchmark", file, "--runs", "5", "--warmup", "1", "--threads", "1", "--json", json];
      const { code, stdout, stderr } = await qmimic(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/median +[\d.]+ ms, [\d.]+ img\/s/);
      expect(JSON.parse(readFileSync(json, "utf8")).milliseconds).toHaveLength(5);
    }
  });

  it.each([
    ["predict", model, join(data, "JPEGImages")],
    ["val", model, "--data", data],
    ["benchmark", model],
  ])("%s: a side that is too large for the runtime is refused", async (...args) => {
    const { code, stderr } = await qmimic([...args, "--side", "8192"], { cwd: root });
    expect(stderr).toMatch(
      /^qmimic: \S*out\/detector\.safetensors: an input of 8192 x \d+ pixels needs .*: use a smaller side\n$/,
    );
    expect(code).toBe(1);
  });

  it("another side", async () => {
    const { code, stdout } = await qmimic(["val", model, "--data", data, "--side", "64"]);
    expect(code).toBe(0);
    expect(stdout).toContain("2 classes, 64 px");
  });

  it("a damaged model file is refused by name", async () => {
    const damaged = join(root, "damaged.safetensors");
    writeFileSync(
      damaged,
      readFileSync(model, "latin1").replace('\\"op\\":\\"conv\\"', '\\"op\\":\\"cnov\\"'),
      "latin1",
    );
    for (const args of [
      ["val", damaged, "--data", data],
      ["predict", damaged, join(data, "JPEGImages"), "--out", join(root, "none")],
    ]) {
      const { code, stderr } = await qmimic(args);
      expect(stderr).toMatch(/damaged.safetensors: operation \d+ is "cnov": unknown/);
      expect(code).toBe(1);
    }
    expect(existsSync(join(root, "none"))).toBe(false);
  });
});
