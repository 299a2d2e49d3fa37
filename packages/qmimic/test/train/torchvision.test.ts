// Weights with torchvision's names in a teacher of full width: they arrive where they belong, and give torchvision's features.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noGrad, type SafetensorsTensor, scope, tensor, writeSafetensors } from "@qmimic/torch";
import { beforeAll, describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { configureDetector, createDetector, type Detector } from "../../src/models/index.js";
import { prepareRun } from "../../src/train/prepare.js";
import { parseRecipe } from "../../src/train/recipe.js";
import { fillBackbone } from "../../src/train/torchvision.js";
import { qmimic } from "../cli/qmimic.js";
import { makeShapes } from "../data/shapes.js";
import { temporaryFolder } from "../data/temporary.js";

const root = await temporaryFolder();
const data = join(root, "shapes");
beforeAll(() => makeShapes(data, { train: 4, val: 2 }));

const original: Record<string, Record<string, number[]>> = JSON.parse(
  readFileSync(new URL("../fixtures/parameters.json", import.meta.url), "utf8"),
);
const NETWORKS = { "vgg-1-1": "vgg16_bn", "resnet18-1-1": "resnet18", "resnet34-1-1": "resnet34" } as const;

function teacherOf(backbone: string, neck: "none" | "detail", outputStride: 8 | 16): Detector {
  const recipe = parseRecipe({ detector: "fcos", neck, "output-stride": outputStride, side: 64 }, "test");
  const config = configureDetector(recipe, { backbone, classes: ["cat"], samples: [], side: 64 });
  return createDetector(config, () => 0.5).eval();
}

/** A state dict of these shapes, with numbers of its own in each tensor, and `changes` to it. */
function writeState(
  network: keyof typeof original,
  changes: Record<string, SafetensorsTensor | null> = {},
): { file: string; state: Map<string, SafetensorsTensor> } {
  const random = createRandom(network);
  const state = new Map<string, SafetensorsTensor>();
  for (const [name, shape] of Object.entries(original[network])) {
    if (name.endsWith("num_batches_tracked"))
      state.set(name, { dtype: "I64", shape: [], data: BigInt64Array.of(7n) });
    else {
      const size = shape.reduce((product, side) => product * side, 1);
      state.set(name, { dtype: "F32", shape, data: new Float32Array(size).fill(0.01 * random()) });
    }
  }
  const bias = { dtype: "F32", shape: [10], data: new Float32Array(10) } as const;
  state.set("classifier.6.bias", bias).set("fc.bias", bias);
  for (const [name, one] of Object.entries(changes)) one === null ? state.delete(name) : state.set(name, one);
  const file = join(root, `${network}.safetensors`);
  writeSafetensors(file, state);
  return { file, state };
}

describe("--teacher-init", () => {
  test.each(Object.entries(NETWORKS))("%s has every tensor of torchvision's %s", (backbone, network) => {
    const { file, state } = writeState(network);
    const teacher = teacherOf(backbone, backbone === "resnet18-1-1" ? "none" : "detail", 8);
    const before = new Map(teacher.named().map(({ name, tensor: one }) => [name, one.toFloat32()[0]]));
    const count = fillBackbone(teacher, file);
    let filled = 0;
    for (const { name, tensor: one } of teacher.named()) {
      const own = state.get(name.replace(/^backbone\.(trunk\.)?/, ""));
      if (own) filled++;
      expect(one.toFloat32()[0], name).toBe(own ? own.data[0] : before.get(name));
    }
    expect(filled).toBe(count);
    expect(filled).toBe([...state.keys()].filter((name) => !/num_batches|classifier|^fc/.test(name)).length);
    teacher.dispose();
  });

  test("what does not fit is named, before a run starts", async () => {
    const one = { dtype: "F32", shape: [3], data: new Float32Array(3) } as const;
    const { file } = writeState("resnet18", {
      "layer1.0.conv1.weight": null,
      "bn1.bias": one,
      "layer5.weight": one,
      "bn1.weight": { dtype: "F32", shape: [64], data: new Float32Array(64).fill(Number.NaN) },
    });
    const settings = { data, side: 64, runs: root, stage: "teacher", detector: "fcos", "teacher-init": file };
    const prepared = (more: object) => prepareRun(parseRecipe({ ...settings, ...more }, "test"));
    for (const message of [
      /resnet18\.safetensors are not those of resnet18-1-1: 1 missing \(layer1\.0\.conv1\.weight\)/,
      /1 unexpected \(layer5\.weight\); /,
      /"bn1\.bias" is 3, expected 64/,
      /"bn1\.weight" has (NaN|-?Infinity) at index \d+/,
    ])
      await expect(prepared({ teacher: "resnet18-1-1" })).rejects.toThrow(message);
    await expect(prepared({ teacher: "resnet18-1-8" })).rejects.toThrow(
      /is narrower: use --teacher resnet18-1-1/,
    );
    await expect(prepared({ teacher: "vgg-1-1" })).rejects.toThrow(/missing \(features\.0\.weight, /);
    await expect(prepared({ "teacher-init": join(root, "none"), teacher: "vgg" })).rejects.toThrow(
      /no such file/,
    );
    const refused = (more: object) => () => parseRecipe({ ...settings, ...more }, "r.yaml");
    expect(refused({ stage: "student", method: "scratch" })).toThrow(
      "r.yaml: teacher-init: this run trains no teacher",
    );
    expect(refused({ from: "runs/x" })).toThrow(
      "teacher-init and from cannot be combined: a teacher starts from only one of them",
    );
  });

  test("a run says what it starts from", async () => {
    const { file } = writeState("resnet18");
    const { stdout, code } = await qmimic([
      ...["train", "--data", data, "--runs", root, "--side", "64", "--stage", "teacher", "--threads", "1"],
      ...["--teacher", "resnet18-1-1", "--teacher-init", file, "--teacher-epochs", "1", "--detector", "fcos"],
      ...["--output-stride", "16", "--neck", "none", "--scales", "1", "--optimizer", "sgd"],
    ]);
    expect(stdout).toMatch(
      /^teacher starts from .*resnet18\.safetensors: 100 tensors of its backbone; neck and heads/m,
    );
    expect(code).toBe(0);
  });
});

const python = ["python3", "/usr/bin/python3"].find(
  (one) => spawnSync(one, ["-c", "import torchvision"]).status === 0,
);

/** The network's features of an image in `image.bin`; the last stage of a ResNet keeps its resolution, as ours do. */
const PROGRAM = `
import sys
import numpy, torch, torchvision
torch.manual_seed(1)
name = sys.argv[1]
model = getattr(torchvision.models, name)(weights=None).eval()
for one in model.modules():
    if isinstance(one, torch.nn.BatchNorm2d):
        for values in (one.running_mean, one.bias.data):
            values.normal_(0, 0.1)
        for values in (one.running_var, one.weight.data):
            values.uniform_(0.5, 1.5)
torch.save(model.state_dict(), name + ".pth")
x = torch.from_numpy(numpy.fromfile("image.bin", "float32")).reshape(1, 3, 64, 96)
if name == "vgg16_bn":
    features = model.features[:-1]
else:
    for layer in (model.layer4[0].conv1, model.layer4[0].downsample[0]):
        layer.stride = (1, 1)
    features = torch.nn.Sequential(*list(model.children())[:-2])
with torch.no_grad():
    features(x).numpy().tofile(name + ".bin")
`;

describe.skipIf(python === undefined)(
  "torchvision (skipped where there is no python3 with torchvision)",
  () => {
    test.each([
      ["vgg-1-1", "vgg16_bn"],
      ["resnet18-1-1", "resnet18"],
    ])("%s gives the features of %s", (backbone, network) => {
      const image = Float32Array.from({ length: 3 * 64 * 96 }, createRandom("image"));
      writeFileSync(join(root, "image.bin"), image);
      execFileSync(python!, ["-c", PROGRAM, network], { cwd: root });
      const page = readFileSync(new URL("../../../../docs/teachers.md", import.meta.url), "utf8");
      const [, script] = /```python\n([\s\S]*?)```/.exec(page)!;
      const file = join(root, "converted.safetensors");
      execFileSync(python!, ["-c", script, `${network}.pth`, file], { cwd: root });

      const teacher = teacherOf(backbone, "none", 16);
      fillBackbone(teacher, file);
      const features = noGrad(() => scope(() => teacher.features(tensor(image, [1, 3, 64, 96])).toFloat32()));
      const bytes = readFileSync(join(root, `${network}.bin`));
      const expected = new Float32Array(
        bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
      );
      expect(features.length).toBe(expected.length);
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const apart = features.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
      expect(largest).toBeGreaterThan(0.01);
      expect(apart / largest).toBeLessThan(1e-5);
      teacher.dispose();
    });
  },
);
