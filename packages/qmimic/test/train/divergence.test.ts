// Numbers that are none: refused where they are read, found before they are written, and never taken for an answer.
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { copy, noGrad, readSafetensors, scope, setThreads, tensor, writeSafetensors } from "@qmimic/torch";
import { beforeAll, describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { detectImages } from "../../src/eval/detect.js";
import { chooseUniform } from "../../src/mimic/calibrate.js";
import { encodeFeatures } from "../../src/mimic/dictionary.js";
import { NO_COUNTS } from "../../src/mimic/match.js";
import { createDetector, type Detector } from "../../src/models/index.js";
import { lossProblem } from "../../src/train/divergence.js";
import { detectorConfig } from "../../src/train/networks.js";
import { parseRecipe, type Recipe } from "../../src/train/recipe.js";
import { weightFiles } from "../../src/train/runFiles.js";
import { openSplits, type Splits } from "../../src/train/splits.js";
import { type TrainingReport, trainDetector } from "../../src/train/trainer.js";
import { loadDetector, saveDetector } from "../../src/train/weights.js";
import { makeShapes, SHAPES_SIDE } from "../data/shapes.js";
import { temporaryFolder } from "../data/temporary.js";

setThreads(1);
const root = await temporaryFolder();
const data = join(root, "shapes");
const silent: TrainingReport = { step: () => {}, epoch: () => {} };
let recipe: Recipe;
let splits: Splits;
beforeAll(async () => {
  await makeShapes(data, { train: 8, val: 2 });
  const settings = { data, side: SHAPES_SIDE, "output-stride": 16, batch: 4, scales: [1], warmup: 0 };
  recipe = parseRecipe({ ...settings, method: "scratch", optimizer: "sgd", clip: 0 }, "test");
  splits = await openSplits(recipe);
});

const create = () =>
  createDetector(detectorConfig(recipe, "vgg-1-64", splits.train), createRandom("weights")) as Detector;

/** A copy of a weights file with one number replaced. */
function spoil(from: string, to: string, name: string, value: number): void {
  const { tensors, metadata } = readSafetensors(from);
  (tensors.get(name)!.data as Float32Array)[0] = value;
  writeSafetensors(to, tensors, metadata);
}

describe("read", () => {
  test.each([
    ["backbone.features.0.weight", Number.NaN],
    ["backbone.features.1.running_var", Number.POSITIVE_INFINITY],
    ["rpn.head.bbox_pred.bias", Number.NEGATIVE_INFINITY],
  ])("weights: %s is %d", (name, value) => {
    const good = join(root, "good.safetensors");
    const bad = join(root, "bad.safetensors");
    saveDetector(good, create());
    spoil(good, bad, name, value);
    expect(() => loadDetector(bad)).toThrow(
      `${bad}: tensor "${name}" has ${value} at index 0: its training diverged`,
    );
  });

  test.each([
    ["backbone.features.0.weight", 3e38, "has 3.00e+38 at index 0, expected at most 1000000000"],
    ["rpn.head.bbox_pred.bias", -1e10, "has -1.00e+10 at index 0, expected at most 1000000000"],
    ["backbone.features.1.running_var", -1, "has -1 at index 0, but is a variance"],
  ])("finite weights that no training gives: %s is %d", (name, value, fault) => {
    const [good, bad] = [join(root, "good.safetensors"), join(root, "bad.safetensors")];
    saveDetector(good, create());
    spoil(good, bad, name, value);
    expect(() => loadDetector(bad)).toThrow(`${bad}: tensor "${name}" ${fault}: its training diverged`);
    spoil(good, bad, name, name.endsWith("var") ? 0 : 1e8);
    loadDetector(bad).dispose();
  });

  test("training state: weights and the optimizer's moments", async () => {
    const run = async (folder: string, epochs: number) =>
      trainDetector({
        detector: create(),
        recipe,
        epochs,
        lr: 1e-4,
        lrSetting: "lr",
        ...splits,
        folder,
        report: silent,
      });
    const folder = join(root, "state");
    await run(folder, 1);
    const { state } = weightFiles(folder);
    const kept = join(root, "kept.safetensors");
    copyFileSync(state, kept);
    const names = [...readSafetensors(state).tensors.keys()];
    for (const name of [
      names.find((one) => one.startsWith("optimizer."))!,
      "detector.backbone.features.0.weight",
    ]) {
      spoil(kept, state, name, Number.NaN);
      await expect(run(folder, 2)).rejects.toThrow(`${state}: tensor "${name}" has NaN at index 0`);
    }
  });
});

describe("written", () => {
  /** Trains with one rate up to an epoch, then with another. */
  async function diverge(folder: string, lr: number) {
    writeFileSync(join(root, "recipe.yaml"), "");
    const task = { recipe, epochs: 4, lrSetting: "teacher-lr", ...splits, folder };
    const stop = {
      ...silent,
      epoch: () => {
        throw new Error("cut off");
      },
    };
    await expect(trainDetector({ ...task, detector: create(), lr: 1e-4, report: stop })).rejects.toThrow(
      "cut off",
    );
    const files = () =>
      Object.values(weightFiles(folder)).map((path) => (existsSync(path) ? readFileSync(path, "hex") : ""));
    const before = files();
    await expect(trainDetector({ ...task, detector: create(), lr, report: silent })).rejects.toThrow(
      new RegExp(
        `training diverged in epoch 2, step \\d: .* The files of epoch 1 are intact: lower teacher-lr \\(.*recipe\\.yaml, then: npx qmimic train --resume ${root}`,
      ),
    );
    expect(files()).toEqual(before);
    // What the message says helps.
    const mended = await trainDetector({ ...task, detector: create(), lr: 1e-4, report: silent });
    expect(mended.rows).toHaveLength(4);
  }

  test("nothing where a loss becomes NaN or infinite", () => diverge(join(root, "nan"), 1e30));
  test("nothing where it explodes", () => diverge(join(root, "explodes"), 1e3));

  test("nothing where a network of finite weights overflows in the evaluation", async () => {
    const folder = join(root, "evaluation");
    const detector = create();
    const spoilLast: TrainingReport = {
      ...silent,
      step: ({ epoch, step, steps }) => {
        if (epoch < 1 || step < steps - 1) return;
        const scaled = detector.named().filter(({ name }) => name.endsWith("1.weight"));
        for (const { tensor: one } of scaled)
          noGrad(() => scope(() => copy(one, tensor(new Float32Array(one.size).fill(3e38), one.shape))));
      },
    };
    const task = { detector, recipe: { ...recipe, evalEvery: 1 }, epochs: 3, lr: 1e-4, lrSetting: "lr" };
    await expect(trainDetector({ ...task, ...splits, folder, report: spoilLast })).rejects.toThrow(
      /training diverged in epoch 2, step \d: .*the network outputs .*Train again|The files of epoch 1 are intact/,
    );
    const { metadata } = readSafetensors(weightFiles(folder).last);
    expect(metadata.epoch).toBe("1");
  });

  test("nothing where a detector is saved that has NaN", () => {
    const path = join(root, "kept-good.safetensors");
    const detector = create();
    saveDetector(path, detector);
    const before = readFileSync(path, "hex");
    const [{ name, tensor: weight }] = detector.named();
    noGrad(() =>
      scope(() => copy(weight, tensor(new Float32Array(weight.size).fill(Number.NaN), weight.shape))),
    );
    expect(() => saveDetector(path, detector)).toThrow(
      `${path}: not written: tensor "${name}" has NaN at index 0`,
    );
    expect(readFileSync(path, "hex")).toBe(before);
  });

  test("a mimic loss may be large, if it is a number; a loss of the detector may not", () => {
    const losses = (box: number, mimic: number) =>
      lossProblem({ detection: { box }, mimic, head: 0, counts: { ...NO_COUNTS }, balance: null });
    expect(losses(1, 1e9)).toBeUndefined();
    expect(losses(1, Number.POSITIVE_INFINITY)).toBe("the loss became Infinity");
    expect(losses(1e7, 0)).toBe("the loss became 10000000");
    expect(losses(Number.NaN, 0)).toBe("the loss became NaN");
  });

  test("nothing where the last update of an epoch went wrong, though its loss was finite", async () => {
    const folder = join(root, "last-update");
    const detector = create();
    const [{ name, tensor: weight }] = detector.named();
    const spoilLast: TrainingReport = {
      ...silent,
      step: ({ epoch, step, steps }) => {
        if (epoch === 1 && step === steps - 1)
          noGrad(() =>
            scope(() => copy(weight, tensor(new Float32Array(weight.size).fill(Number.NaN), weight.shape))),
          );
      },
    };
    const task = {
      detector,
      recipe,
      epochs: 3,
      lr: 1e-4,
      lrSetting: "lr",
      ...splits,
      folder,
      report: spoilLast,
    };
    await expect(trainDetector(task)).rejects.toThrow(`tensor "detector.${name}" has NaN at index 0`);
    for (const path of Object.values(weightFiles(folder)).filter(existsSync))
      expect(
        [...readSafetensors(path).tensors.values()].every(({ data }) => data.every(Number.isFinite)),
      ).toBe(true);
  });
});

test("a network that overflows is no network that finds nothing", async () => {
  const good = join(root, "huge-good.safetensors");
  const huge = join(root, "huge.safetensors");
  saveDetector(good, create());
  const { tensors, metadata } = readSafetensors(good);
  // Each within the limit of a weights file; their product is beyond float32.
  for (const [name, { data }] of tensors)
    if (/^backbone.features.*weight$/.test(name)) (data as Float32Array).fill(1e9);
  writeSafetensors(huge, tensors, metadata);
  const detector = loadDetector(huge);
  const image = await splits.val.store.get(0);
  expect(() => detectImages(detector, [image])).toThrow(
    new RegExp(`the network outputs (NaN|-?Infinity): the weights of ${huge} are.*lower learning rate`),
  );
  // Rounding does not make numbers of them.
  const rounded = loadDetector(huge, "cpu", { quantizer: { kind: "uniform", stride: 0.5 } });
  expect(() => detectImages(rounded, [image])).toThrow(/the network outputs (NaN|-?Infinity)/);
  const settings = { ...recipe, quantizer: "uniform", quantizerStride: "auto" } as const;
  await expect(chooseUniform(detector, settings, splits.train, () => {})).rejects.toThrow(
    /the network outputs/,
  );
});

test("maps of a teacher with NaN, infinity, or beyond half precision are not kept", () => {
  scope(() => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => encodeFeatures(tensor([1, value]), { kind: "uniform", stride: 1 })).toThrow(
        /feature map has NaN/,
      );
      const powers = { kind: "power-of-two", minExponent: 0, maxExponent: 2 } as const;
      expect(() => encodeFeatures(tensor([1, value]), powers)).toThrow(/feature map has NaN/);
    }
    expect(() => encodeFeatures(tensor([1, 7e4]), { kind: "none" })).toThrow(/too large to store/);
  });
});
