// Before `qmimic setup`: what needs libtorch says so at once, and the rest works.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { SIGN_CLASSES } from "../../src/data/demo/signs.js";
import { modelFile } from "../../src/export/modelFile.js";
import { saveDetector } from "../../src/train/weights.js";
import { temporaryFolder } from "../data/temporary.js";
import { untrainedDetector } from "../export/untrained.js";
import { qmimic } from "./qmimic.js";

const root = await temporaryFolder();
const data = join(root, "data");
const bare = (...args: string[]) =>
  qmimic(args, { cwd: root, within: ["env", "-u", "LIBTORCH", `QMIMIC_CACHE=${join(root, "cache")}`] });
const missing = (addon: string) =>
  `this needs libtorch, and the addon ${addon} that calls it has not been built. Run: npx qmimic setup`;

beforeAll(async () => {
  expect(await bare("data", "demo", data, "--train", "12", "--val", "4", "--test", "4")).toMatchObject({
    code: 0,
  });
  // Made where libtorch is.
  const detector = untrainedDetector("fcos", [...SIGN_CLASSES].sort());
  saveDetector(join(root, "weights.safetensors"), detector);
  writeFileSync(join(root, "model.safetensors"), modelFile(detector, undefined, "int8"));
  detector.dispose();
});

describe("without the addon", () => {
  it.each([
    ["train", "--data", "data"],
    ["train", "--resume", "runs/absent"],
    ["val", "weights.safetensors", "--data", "data"],
    ["predict", "weights.safetensors", "data/JPEGImages"],
    ["benchmark", "weights.safetensors"],
    ["export", "weights.safetensors"],
  ])("%s %s ends with what to run, and writes nothing", async (...args) => {
    const outcome = await bare(...args);
    expect(outcome).toMatchObject({ code: 1, stdout: "", stderr: `qmimic: ${missing("qmimic_torch")}\n` });
    for (const folder of ["runs", "predictions"]) expect(existsSync(join(root, folder))).toBe(false);
  });

  it.each([
    ["data", "check", "data"],
    ["data", "convert", "data", "--to", "coco", "--out", "converted"],
    ["predict", "model.safetensors", "data/JPEGImages", "--out", "found"],
    ["val", "model.safetensors", "--data", "data"],
    ["benchmark", "model.safetensors", "--runs", "1", "--warmup", "0"],
    ["evaluate", "--help"],
    ["train", "--help"],
    ["--help"],
  ])("%s %s works", async (...args) => {
    const { code, stderr } = await bare(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it.each([
    [
      ["--device", "cuda:3"],
      /--device cuda:3: model\.safetensors is an exported model, which runs on the CPU/,
    ],
    [["--threads", "7"], /--threads 7: model\.safetensors is an exported model, which runs on one thread/],
  ])("an exported model refuses %s instead of ignoring it", async (flags, message) => {
    const outcome = await bare("benchmark", "model.safetensors", ...flags);
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringMatching(message) });
    const allowed = ["--device", "cpu", "--threads", "1", "--runs", "1", "--warmup", "0"];
    expect(await bare("benchmark", "model.safetensors", ...allowed)).toMatchObject({ code: 0 });
  });

  it("--version prints the package's version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect(await bare("--version")).toMatchObject({ code: 0, stdout: `${version}\n` });
  });

  it("doctor reports all else, and what to run", async () => {
    const { code, stdout } = await bare("doctor");
    expect(stdout).toMatch(/^ {3}Node .*^!! libtorch .*^missing: libtorch: /ms);
    expect(stdout).toContain(missing("qmimic_torch"));
    expect(code).toBe(1);
  });
});
