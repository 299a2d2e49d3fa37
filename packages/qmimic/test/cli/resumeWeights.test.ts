// A run is resumed with the weights files that it was started with, and with no others.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { copy, mul, noGrad } from "@qmimic/torch";
import { beforeAll, expect, it } from "vitest";
import { saveDetector, storeThresholds } from "../../src/train/weights.js";
import { makeVoc, temporaryFolder } from "../data/temporary.js";
import { untrainedDetector } from "../export/untrained.js";
import { qmimic } from "./qmimic.js";

const root = await temporaryFolder();
const data = join(root, "data");
const weightsOf = (run: string, stage: string) => join(root, run, stage, "weights", "best.safetensors");
const resume = (run: string) => qmimic(["train", "--resume", join(root, run)]);
const teacher = join(root, "teacher.safetensors");

async function train(name: string, ...more: string[]): Promise<void> {
  const settings = ["--data", data, "--runs", root, "--side", "96", "--output-stride", "8", "--batch", "2"];
  const short = ["--student", "vgg-1-64", "--epochs", "1", "--teacher-epochs", "1", "--scales", "1"];
  const own = ["--cache", join(root, "cache"), "--threads", "1", "--name", name];
  const { code, stderr } = await qmimic(["train", ...settings, ...short, ...own, ...more]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
}

beforeAll(async () => {
  const cat = [{ name: "cat", box: [20, 20, 70, 60] }];
  await makeVoc(data, { a: cat, b: cat, d: cat }, { train: "a\nb\n", val: "d\n" });
  // Teachers that nobody has trained: two of the same network.
  for (const seed of [1, 2]) {
    const detector = untrainedDetector("faster-rcnn", ["cat"]);
    noGrad(() => {
      for (const { tensor } of detector.named()) copy(tensor, mul(tensor, seed));
    });
    mkdirSync(dirname(weightsOf(`t${seed}`, "teacher")), { recursive: true });
    saveDetector(weightsOf(`t${seed}`, "teacher"), detector);
    detector.dispose();
  }
  copyFileSync(weightsOf("t1", "teacher"), teacher);
  await train("mimic", "--method", "mimic", "--stage", "student", "--teacher", teacher);
  await train(
    "quantized",
    "--stage",
    "quantized-teacher",
    "--quantizer-max-cost",
    "100",
    "--teacher",
    teacher,
  );
  await train("scratch", "--method", "scratch", "--teacher", teacher);
  await train("tuned", "--method", "scratch", "--from", join(root, "t1"), "--stage", "teacher");
}, 240_000);

it.each([
  ["mimic", /mimic: .*teacher\.safetensors \(teacher\) has other weights than when this run was started/],
  ["quantized", /quantized: .*teacher\.safetensors \(teacher\) has other weights/],
])("%s: a teacher replaced by another is refused, until it is back", async (run, message) => {
  copyFileSync(weightsOf("t2", "teacher"), teacher);
  expect(await resume(run)).toMatchObject({ code: 1, stderr: expect.stringMatching(message) });
  copyFileSync(weightsOf("t1", "teacher"), teacher);
  expect(await resume(run)).toMatchObject({ code: 0, stderr: "" });
});

it("a teacher with other thresholds is the same teacher; a file that is not used does not matter", async () => {
  storeThresholds(teacher, [0.25]);
  expect(await resume("mimic")).toMatchObject({ code: 0, stderr: "" });
  copyFileSync(weightsOf("t2", "teacher"), teacher);
  expect(await resume("scratch")).toMatchObject({ code: 0, stderr: "" });
  copyFileSync(weightsOf("t1", "teacher"), teacher);
});

it("weights that a run starts from, replaced by others, are refused", async () => {
  const from = weightsOf("t1", "teacher");
  const kept = readFileSync(from);
  copyFileSync(weightsOf("t2", "teacher"), from);
  const message = /tuned: .*best\.safetensors \(from, teacher\) has other weights/;
  expect(await resume("tuned")).toMatchObject({ code: 1, stderr: expect.stringMatching(message) });
  writeFileSync(from, kept);
  expect(await resume("tuned")).toMatchObject({ code: 0, stderr: "" });
});

it("a run of an earlier version, which did not record its weights, is resumed", async () => {
  rmSync(join(root, "mimic", "weights.json"));
  copyFileSync(weightsOf("t2", "teacher"), teacher);
  expect(await resume("mimic")).toMatchObject({ code: 0, stderr: "" });
});

it("damaged fingerprints are named", async () => {
  for (const [text, message] of [
    ["null", /weights\.json: cannot be read/],
    ["{}", /weights\.json: has no entry "teacher", for .*teacher\.safetensors/],
  ] as const) {
    writeFileSync(join(root, "quantized", "weights.json"), text);
    expect(await resume("quantized")).toMatchObject({ code: 1, stderr: expect.stringMatching(message) });
  }
});
