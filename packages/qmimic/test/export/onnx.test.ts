// The .onnx file of every kind of detector: what ONNX's checker says of it, what is in it, and that it finds what libtorch
// finds. test/train/kinds.test.ts compares trained detectors of every network; here are the settings that it leaves at their
// defaults, and pictures in which nothing can be found.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { RawImage } from "@qmimic/runtime";
import { setThreads } from "@qmimic/torch";
import { afterAll, describe, expect, it, test, vi } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { readOnnxMetadata } from "../../src/export/onnx/metadata.js";
import { onnxFile } from "../../src/export/onnx/onnxFile.js";
import { openOnnx } from "../../src/export/onnx/openOnnx.js";
import * as protobuf from "../../src/export/onnx/protobuf.js";
import { createDetector, type Detector, parseConfig } from "../../src/models/index.js";
import { put, temporaryFolder } from "../data/temporary.js";
import { asDecoded, expectSameDetections } from "./parity.js";

setThreads(1);
const SIDE = 80;

const shared = {
  ...{ backbone: "resnet18-1-32", outputStride: 8, neck: "top-down", classes: ["a", "b", "ß"], side: SIDE },
  ...{ quantizer: { kind: "none" }, boxScore: 0.001, boxNms: 0.5, boxVote: 0.4, boxDetections: 30 },
};
const twoStage = {
  ...{ anchorSizes: [12, 24, 40], aspectRatios: [0.5, 1.5], roiSamples: 2 },
  ...{ rpnPreNms: 100, rpnPostNms: 40, rpnNms: 0.7 },
};
const KINDS = {
  fcos: { towerDepth: 1, towerKind: "separable", towerWidth: 8, preNms: 60 },
  "faster-rcnn": { ...twoStage, roiSize: 5, headWidth: 16 },
  "r-fcn": { ...twoStage, psSize: 3, roiSamples: 3 },
};
type Kind = keyof typeof KINDS;

const detectors: Detector[] = [];
afterAll(() => {
  for (const detector of detectors) detector.dispose();
});
/** Untrained. */
function detectorOf(kind: Kind, settings: object = {}): Detector {
  const config = parseConfig({ detector: kind, ...shared, ...KINDS[kind], ...settings });
  const detector = createDetector(config, createRandom(kind)).eval() as Detector;
  detectors.push(detector);
  return detector;
}

/** Squares of random colours. */
function picture(width: number, height: number, seed: string): RawImage {
  const random = createRandom(seed);
  const data = new Uint8Array(3 * width * height).fill(90);
  for (let i = 0; i < 8; i++) {
    const [left, top, side] = [random() * width, random() * height, 8 + random() * 24].map(Math.floor);
    const colour = [random(), random(), random()].map((part) => 255 * part);
    for (let y = top; y < Math.min(height, top + side); y++)
      for (let x = left; x < Math.min(width, left + side); x++) data.set(colour, 3 * (y * width + x));
  }
  return { data, width, height };
}
const PICTURES = [picture(80, 64, "a"), picture(61, 97, "b"), picture(33, 160, "c")];

const QUANTIZERS = [
  { kind: "none" },
  { kind: "uniform", stride: 0.25 },
  { kind: "power-of-two", minExponent: -3, maxExponent: 1 },
];

describe.each(Object.keys(KINDS) as Kind[])("%s", (kind) => {
  it.each(QUANTIZERS)("finds what libtorch finds, quantizer $kind", async (quantizer) => {
    expect(await expectSameDetections(detectorOf(kind, { quantizer }), PICTURES)).toBeGreaterThan(20);
  });

  it.each([
    { boxVote: 1 },
    { boxNms: 0.1, boxDetections: 5 },
    { backbone: "vgg-1-32", neck: "detail", outputStride: 4, classes: ["one"] },
    { backbone: "vgg-1-32", neck: "none", outputStride: 16 },
  ])("finds what libtorch finds with %j", async (settings) => {
    expect(await expectSameDetections(detectorOf(kind, settings), PICTURES)).toBeGreaterThan(5);
  });

  it("gives empty outputs where nothing is found", async () => {
    const exported = await openOnnx(onnxFile(detectorOf(kind, { boxScore: 1 })), "test.onnx");
    for (const one of [...PICTURES, picture(1, 1, "a pixel"), picture(300, 1, "a line")]) {
      const { boxes, scores, labels } = await exported.detect(asDecoded(one), SIDE);
      expect([boxes.length, scores.length, labels.length]).toEqual([0, 0, 0]);
    }
    await exported.release();
  });
});

it.each(["faster-rcnn", "r-fcn"] as const)("%s without any proposal finds nothing", async (kind) => {
  const exported = await openOnnx(onnxFile(detectorOf(kind, { rpnScore: 1 })), "test.onnx");
  expect((await exported.detect(asDecoded(PICTURES[0]), SIDE)).scores).toHaveLength(0);
  await exported.release();
});

const PYTHON = ["/usr/bin/python3", "python3"].find(
  (python) => spawnSync(python, ["-c", "import onnx"]).status === 0,
);
const CHECK = `
import json, sys, onnx
model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
graph = model.graph
shape = lambda port: [d.dim_param or d.dim_value for d in port.type.tensor_type.shape.dim]
print(json.dumps({
  "producer": model.producer_name, "opset": [one.version for one in model.opset_import],
  "metadata": {one.key: one.value for one in model.metadata_props},
  "inputs": {one.name: shape(one) for one in graph.input}, "outputs": {one.name: shape(one) for one in graph.output},
  "nodes": [one.name for one in graph.node],
}))`;

describe.skipIf(!PYTHON)(
  "ONNX's own checker (skipped where python3 has no onnx: apt-get install python3-onnx)",
  () => {
    test.each(Object.keys(KINDS) as Kind[])("%s", async (kind) => {
      const path = join(await temporaryFolder(), `${kind}.onnx`);
      await put(path, onnxFile(detectorOf(kind), [0.25, null, 0.75]));
      const { status, stdout, stderr } = spawnSync(PYTHON!, ["-c", CHECK, path], { encoding: "utf8" });
      expect(status, stderr).toBe(0);
      const { nodes, ...model } = JSON.parse(stdout);
      expect(model).toEqual({
        producer: "qmimic",
        opset: [17],
        metadata: { classes: '["a","b","ß"]', thresholds: "[0.25,0.5,0.75]", side: "80" },
        inputs: { image: [1, 3, "height", "width"] },
        outputs: { boxes: ["detections", 4], labels: ["detections"], scores: ["detections"] },
      });
      expect(nodes).toContain("network/conv0");
      expect(nodes).toContain("keep/nms/selected");
    });
  },
);

describe("protocol buffers", () => {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  // The examples of the format's own description.
  it.each([
    ["a small number", protobuf.int(1, 150), "089601"],
    ["a negative number", protobuf.int(1, -2), "08feffffffffffffffff01"],
    ["text", protobuf.text(2, "testing"), "120774657374696e67"],
    ["a message", protobuf.message(3, [protobuf.int(1, 150)]), "1a03089601"],
    ["a field number of two bytes", protobuf.int(20, 7), "a00107"],
    ["a float", protobuf.float(2, 1), "150000803f"],
    ["no bytes", protobuf.bytes(9, new Uint8Array(0)), "4a00"],
    ["300 bytes", protobuf.bytes(1, new Uint8Array(300)).subarray(0, 3), "0aac02"],
  ])("%s", (_, bytes, expected) => expect(hex(bytes)).toBe(expected));
});

describe("a file that is opened", () => {
  const file = onnxFile(detectorOf("fcos"), [0.25, null, 0.75]);

  test("says its classes, thresholds and side", async () => {
    const opened = await openOnnx(file, "good.onnx");
    expect(opened).toMatchObject({ classes: ["a", "b", "ß"], thresholds: [0.25, 0.5, 0.75], side: SIDE });
    await opened.release();
  });

  test.each([
    ["nothing", new Uint8Array(0)],
    ["text", Buffer.from("no model at all")],
    ["half of it", file.subarray(0, file.length / 2)],
    ["another's", protobuf.message(14, [protobuf.text(1, "author"), protobuf.text(2, "me")])],
  ])("is refused by name where it is %s", async (_, bytes) => {
    await expect(openOnnx(bytes, "bad.onnx")).rejects.toThrow(/^bad.onnx: (not an ONNX file|ONNX Runtime)/);
  });

  test("why ONNX Runtime cannot be loaded, although it is installed", async () => {
    vi.doMock("onnxruntime-node", () => {
      throw new Error("no native library for this machine");
    });
    try {
      await expect(openOnnx(file, "good.onnx")).rejects.toThrow(/^good.onnx: cannot load onnxruntime-node: /);
    } finally {
      vi.doUnmock("onnxruntime-node");
    }
  });

  test.each([
    ["an error", new Error("Failed to allocate memory"), "Failed to allocate memory"],
    ["the number of a C++ exception", 5_242_880, "5242880"],
  ])("why it cannot be run: %s", async (_, thrown, message) => {
    const session = { run: () => Promise.reject(thrown) };
    vi.doMock("onnxruntime-node", () => ({
      InferenceSession: { create: () => Promise.resolve(session) },
      Tensor: class {},
    }));
    try {
      const opened = await openOnnx(file, "good.onnx");
      await expect(opened.detect(asDecoded(PICTURES[0]), SIDE)).rejects.toThrow(
        `good.onnx: ONNX Runtime cannot run it on 80 x 64 pixels: ${message}. A smaller side`,
      );
    } finally {
      vi.doUnmock("onnxruntime-node");
    }
  });

  test("metadata of fields that are passed over", () => {
    const parts = [protobuf.int(1, 7), protobuf.float(2, 1), protobuf.text(3, "x")];
    const entry = protobuf.message(14, [protobuf.text(1, "key"), protobuf.text(2, "välue")]);
    expect({ ...readOnnxMetadata(Buffer.concat([...parts, entry])) }).toEqual({ key: "välue" });
  });
});
