// qmimic prune, and runs that start from other weights: pruned ones, of other classes, cut off and resumed.
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { loadDetector } from "../../src/train/weights.js";
import { makeShapes } from "../data/shapes.js";
import { temporaryFolder } from "../data/temporary.js";
import { filesBelow, qmimic, type RunOptions } from "./qmimic.js";

const root = await temporaryFolder();
const data = join(root, "shapes");
const teacher = join(root, "teacher", "teacher", "weights", "best.safetensors");
const pruned = join(root, "pruned.safetensors");

const SETTINGS = [
  ...["--data", data, "--runs", root, "--side", "96", "--batch", "4", "--scales", "1", "--threads", "1"],
  ...["--eval-every", "1", "--epochs", "3", "--teacher-epochs", "1"],
];
const train = (name: string, more: string[], options: RunOptions = {}) =>
  qmimic(["train", ...SETTINGS, "--name", name, ...more], options);
const lastOf = (name: string) => join(root, name, "student", "weights", "last.safetensors");

beforeAll(async () => {
  await makeShapes(data, { train: 12, val: 4 });
  const own = ["--teacher", "vgg-1-32", "--output-stride", "8", "--classes", "disc", "--head-width", "40"];
  const run = await train("teacher", ["--stage", "teacher", ...own]);
  expect(run).toMatchObject({ code: 0, stderr: "" });
}, 120_000);

describe("qmimic prune", () => {
  it.each(["taylor", "lasso"])(
    "by %s: scores before and after, writes weights that all verbs take",
    async (method) => {
      const out = method === "lasso" ? pruned : join(root, "new", "folder", "taylor.safetensors");
      const args = ["prune", join(root, "teacher"), "--teacher", "--method", method, "--budget", "0.6"];
      const { code, stdout, stderr } = await qmimic([...args, "--out", out, "--threads", "1"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^vgg-1-32 faster-rcnn, .* parameters, .* million multiply-adds/m);
      expect(stdout).toMatch(/^vgg-1-32 \(pruned\) faster-rcnn, .* parameters, .* million multiply-adds/m);
      expect(stdout).toMatch(/^AP50 on val [\d.]+ before, [\d.]+ after$/m);
      expect(await qmimic(["val", out, "--data", data, "--classes", "disc"])).toMatchObject({ code: 0 });
      const image = join(data, "JPEGImages", "val-0.png");
      expect(await qmimic(["predict", out, image, "--out", join(root, method)])).toMatchObject({ code: 0 });
      const exported = await qmimic(["export", out, "--out", join(root, `${method}-export`), "--no-compare"]);
      expect(exported).toMatchObject({ code: 0 });
      expect(filesBelow(join(root, `${method}-export`))).toEqual([
        "detector.int8.safetensors",
        "detector.safetensors",
      ]);
    },
  );

  it("refuses what makes no sense, and overwrites nothing", async () => {
    const refusals: [string[], RegExp][] = [
      [["--method", "lasso", "--budget", "1"], /above 0 and below 1/],
      [["--method", "lasso", "--budget", "0.0001"], /one channel in every layer costs .* more than/],
      [["--method", "guess"], /Allowed choices are lasso, taylor, random/],
      [[], /required option '--method <name>' not specified/],
      [["--method", "random", "--out", teacher], /already exists: choose another file with --out/],
      [["--method", "random", "--out", join(root, "a.bin")], /a name ending in \.safetensors/],
      [["--method", "random", "--data", join(root, "none")], /none/],
      [
        ["--method", "random", "--classes", "square"],
        /detects disc, the data has square: use --classes or --merge/,
      ],
    ];
    for (const [flags, message] of refusals) {
      const refused = await qmimic(["prune", teacher, ...flags]);
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(message) });
      expect(refused.stderr).not.toMatch(/^ +at /m);
    }
    const alone = join(root, "alone.safetensors");
    await writeFile(alone, await readFile(teacher));
    const unknown = await qmimic(["prune", alone, "--method", "random"]);
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringMatching(/pass --data DIR/) });
  });
});

describe("qmimic train --from", () => {
  const fineTune = ["--stage", "student", "--method", "scratch", "--classes", "disc", "--from", pruned];

  it("fine-tunes a pruned detector; cut off and resumed it ends with the same bytes", async () => {
    const whole = await train("whole", fineTune);
    expect(whole).toMatchObject({ code: 0, stderr: "" });
    expect(whole.stdout).toMatch(/^using the network of .*pruned\.safetensors: output-stride 8$/m);
    expect(whole.stdout).toMatch(
      /^student starts from .*pruned\.safetensors: all layers kept; classes kept: disc$/m,
    );
    expect(whole.stdout).toMatch(/^student: vgg-1-32 \(pruned\)/m);
    const recipe = parse(await readFile(join(root, "whole", "recipe.yaml"), "utf8"));
    expect(recipe).toMatchObject({
      from: pruned,
      student: "vgg-1-32",
      "output-stride": 8,
      "head-width": "auto",
    });
    const [before, after] = [pruned, lastOf("whole")].map((path) => loadDetector(path));
    expect(after.config).toEqual(before.config);

    const state = join(root, "cut", "student", "weights", "state.safetensors");
    await train("cut", fineTune, { killWhen: () => existsSync(state) });
    expect(await qmimic(["train", "--resume", join(root, "cut")])).toMatchObject({ code: 0, stderr: "" });
    expect((await readFile(lastOf("cut"))).equals(await readFile(lastOf("whole")))).toBe(true);
  });

  it("starts a student that mimics, and one of a class more; heads of new classes start anew", async () => {
    const mimic = ["--stage", "student", "--method", "mimic", "--teacher", teacher, "--epochs", "1"];
    const taught = await train("taught", [...mimic, "--classes", "disc", "--from", pruned]);
    expect(taught).toMatchObject({ code: 0, stderr: "" });
    const more = await train("more", ["--stage", "teacher", "--from", join(root, "teacher")]);
    expect(more).toMatchObject({ code: 0, stderr: "" });
    expect(more.stdout).toMatch(
      /^teacher starts from .*: all layers kept; classes kept: disc; new, trained from scratch: square$/m,
    );
    const less = await train("less", [
      "--stage",
      "teacher",
      "--classes",
      "square",
      "--from",
      join(root, "more"),
    ]);
    expect(less.stdout).toMatch(/classes kept: square; left out: disc$/m);
  });

  it("refuses weights of another kind, and runs without them", async () => {
    const refusals: [string[], RegExp][] = [
      [
        ["--from", pruned, "--detector", "fcos"],
        /is a faster-rcnn, but the recipe's detector is fcos\. Use --detector/,
      ],
      [["--from", join(root, "nothing")], /no such file or directory/],
      [["--from", join(root, "teacher"), "--method", "scratch"], /no student weights found/],
      [["--from", pruned, "--stage", "quantized-teacher", "--teacher", teacher], /use --teacher FILE/],
    ];
    for (const [flags, message] of refusals)
      expect(await train("refused", flags)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(message),
      });
    expect(existsSync(join(root, "refused"))).toBe(false);
  });
});
