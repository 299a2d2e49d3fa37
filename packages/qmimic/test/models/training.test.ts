// Training passes on batches that are out of the ordinary, and a detector that learns an image by heart.
import {
  add,
  backward,
  clipGradNorm,
  liveTensors,
  scope,
  setPrecision,
  setThreads,
  sgd,
  type Tensor,
} from "@qmimic/torch";
import { afterAll, describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { createFasterRcnn } from "../../src/models/fasterRcnn.js";
import type { Detector } from "../../src/models/index.js";
import { ignoreRegions, type Target } from "../../src/models/targets.js";
import { config } from "./torchvision.js";
import { objects, picture, target } from "./twoSquares.js";

// Small maps: threads would only wait for each other, for long on a busy machine.
setThreads(1);

const training = {
  rpnHigh: 0.7,
  rpnLow: 0.3,
  rpnBatch: 64,
  rpnPositives: 0.5,
  rpnPreNmsTrain: 200,
  rpnPostNmsTrain: 100,
  boxHigh: 0.5,
  boxLow: 0.5,
  boxBatch: 32,
  boxPositives: 0.25,
};

const placed = Float32Array.of(0, 0, 64, 64);
const total = (losses: Record<string, Tensor>): Tensor => Object.values(losses).reduce(add);
const runPass = (detector: Detector, targets: readonly Target[], seed: string) =>
  detector.trainingPass(training)({ images: picture(), placed, targets }, createRandom(seed));

test("wide networks train in bfloat16, with many anchors a cell too", () => {
  // Eight anchors: 32 offsets a cell, so that even the last layers are wide enough for bfloat16.
  const wide = { ...config, backbone: "vgg-1-16", anchorSizes: [8, 16, 32, 64], aspectRatios: [1, 2] };
  const detector = createFasterRcnn(wide, createRandom("bfloat16"));
  setPrecision("bfloat16");
  try {
    scope(() => {
      const pass = runPass(detector, [objects], "sampling");
      backward(total(pass.losses));
      expect(total(pass.losses).item()).toBeGreaterThan(0);
      expect(detector.parameters().every((one) => one.grad !== null)).toBe(true);
    });
  } finally {
    setPrecision("float32");
    detector.dispose();
  }
});

describe("a batch", () => {
  const detector = createFasterRcnn({ ...config, backbone: "vgg-1-16" }, createRandom("batch"));
  afterAll(() => detector.dispose());

  const run = (targets: Target[]) =>
    scope(() => {
      const { losses } = runPass(detector, targets, "sampling");
      backward(total(losses));
      const gradients = detector.parameters().map((one) => one.grad?.toFloat32() ?? null);
      for (const one of detector.parameters()) one.clearGrad();
      return { loss: total(losses).item(), boxes: losses.rpnBox.item() + losses.boxBox.item(), gradients };
    });

  test("without any object has finite losses and gradients, and nothing to regress", () => {
    const { loss, boxes, gradients } = run([target([], [])]);
    expect(loss).toBeGreaterThan(0);
    expect(boxes).toBe(0);
    for (const one of gradients) expect(one?.every(Number.isFinite) ?? true).toBe(true);
  });

  test("with everything ignored has no loss", () => {
    const { loss, gradients } = run([target([], [], [-100, -100, 200, 200])]);
    expect(loss).toBe(0);
    for (const one of gradients) expect(one?.every(Number.isFinite) ?? true).toBe(true);
  });

  test("gives the same bits twice", () => {
    detector.eval();
    expect(run([objects])).toEqual(run([objects]));
  });
});

test("boxes mostly inside an ignored region are no background, others and objects stay", () => {
  const boxes = Float32Array.of(0, 0, 10, 10, 6, 0, 16, 10, 2, 2, 8, 8, 50, 50, 60, 60);
  const matches = Int32Array.of(-1, -1, 0, -1);
  ignoreRegions(boxes, matches, Float32Array.of(0, 0, 10, 10));
  expect([...matches]).toEqual([-2, -1, 0, -1]);
});

test("a detector learns one image by heart, and leaves no tensor behind", () => {
  const detector = createFasterRcnn({ ...config, backbone: "vgg-1-16" }, createRandom("heart3"));
  const optimizer = sgd([{ parameters: detector.parameters(), weightDecay: 0 }]);
  const live = liveTensors();
  detector.train();
  for (let step = 0; step < 200; step++) {
    scope(() => {
      const { losses } = runPass(detector, [objects], `step ${step}`);
      backward(total(losses));
      clipGradNorm(detector.parameters(), 10);
      optimizer.step(0.02);
      optimizer.zeroGrad();
    });
  }
  expect(liveTensors()).toBe(live);
  const [found] = scope(() => detector.eval().detect(picture(), [{ width: 64, height: 64 }]));
  expect([...found.labels.subarray(0, 2)].sort()).toEqual([1, 2]);
  for (const [i, label] of [...found.labels.subarray(0, 2)].entries()) {
    expect(found.scores[i]).toBeGreaterThan(0.7);
    for (let k = 0; k < 4; k++) {
      expect(Math.abs(found.boxes[4 * i + k] - objects.boxes[4 * (label - 1) + k])).toBeLessThan(4);
    }
  }
  detector.dispose();
});
