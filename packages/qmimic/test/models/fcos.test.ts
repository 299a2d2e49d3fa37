// The one-stage detector: batches that are out of the ordinary, an image learned by heart, detections, and its contract.

import { iou } from "@qmimic/runtime";
import {
  adamW,
  add,
  backward,
  clipGradNorm,
  liveTensors,
  scope,
  setPrecision,
  setThreads,
  type Tensor,
} from "@qmimic/torch";
import { afterAll, describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import type { DetectorConfig } from "../../src/models/config.js";
import {
  configureDetector,
  createDetector,
  headMismatch,
  kindOf,
  parseConfig,
} from "../../src/models/kinds.js";
import type { Target } from "../../src/models/targets.js";
import { objects, picture, target } from "./twoSquares.js";

// Small maps: threads would only wait for each other, for long on a busy machine.
setThreads(1);

const config = parseConfig({
  detector: "fcos",
  backbone: "vgg-1-16",
  outputStride: 8,
  neck: "none",
  classes: ["light", "dark"],
  side: 64,
  quantizer: { kind: "none" },
  towerDepth: 1,
  towerKind: "plain",
  towerWidth: 16,
  preNms: 200,
  boxScore: 0.05,
  boxNms: 0.5,
  boxVote: 1,
  boxDetections: 20,
});
const settings = {};
const placed = Float32Array.of(0, 0, 64, 64);
const sizes = [{ width: 64, height: 64 }];

const random = createRandom("nothing is drawn");
const totalOf = (losses: Record<string, Tensor>) => Object.values(losses).reduce((a, b) => add(a, b));

describe("a batch", () => {
  const detector = createDetector(config, createRandom("batch"));
  const pass = detector.trainingPass(settings);
  afterAll(() => detector.dispose());

  const run = (one: Target, on = placed) =>
    scope(() => {
      const { losses } = pass({ images: picture(), placed: on, targets: [one] }, random);
      backward(totalOf(losses));
      const gradients = detector.parameters().map((parameter) => parameter.grad?.toFloat32() ?? null);
      for (const parameter of detector.parameters()) parameter.clearGrad();
      return { names: Object.keys(losses), class: losses.class.item(), box: losses.box.item(), gradients };
    });
  const allFinite = (gradients: (Float32Array | null)[]) =>
    gradients.every((one) => one?.every(Number.isFinite) ?? false);

  test("with objects: losses by name, a finite gradient for every parameter", () => {
    const { names, gradients, ...losses } = run(objects);
    expect(names).toEqual(["class", "box"]);
    expect(losses.class).toBeGreaterThan(0);
    expect(losses.box).toBeGreaterThan(0);
    expect(allFinite(gradients)).toBe(true);
    expect(gradients.every((one) => one?.some((value) => value !== 0))).toBe(true);
  });

  test("without objects: background is learned, no box is", () => {
    const { gradients, ...losses } = run(target([], []));
    expect(losses.class).toBeGreaterThan(0);
    expect(losses.box).toBeCloseTo(0, 10);
    expect(allFinite(gradients)).toBe(true);
  });

  test("with everything ignored: no loss, no gradient", () => {
    const { gradients, ...losses } = run(target([], [], [0, 0, 64, 64]));
    expect(losses.class).toBeCloseTo(0, 10);
    expect(losses.box).toBeCloseTo(0, 10);
    expect(gradients.every((one) => one?.every((value) => Math.abs(value) === 0) ?? true)).toBe(true);
  });

  test.each([
    ["in the upper left corner", [0, 0, 3, 3]],
    ["in the lower right corner", [61, 61, 64, 64]],
    ["as large as the image", [0, 0, 64, 64]],
    ["of a thousandth of a pixel", [20, 20, 20.001, 20.001]],
  ])("one object %s", (_, box) => {
    const { gradients, ...losses } = run(target(box, [1]));
    expect(losses.box).toBeGreaterThan(0);
    expect(Number.isFinite(losses.class)).toBe(true);
    expect(allFinite(gradients)).toBe(true);
  });

  test("padding is no background", () => {
    const half = run(target([], []), Float32Array.of(0, 0, 32, 64));
    expect(half.class).toBeGreaterThan(0);
    expect(half.class).toBeLessThan(run(target([], [])).class);
    expect(run(target([], []), Float32Array.of(0, 0, 0, 0)).class).toBeCloseTo(0, 10);
  });

  test("its regions: of every image, on the image, suppressed, only when asked", () => {
    scope(() => {
      const on = Float32Array.of(8, 0, 64, 40);
      const { regions } = pass({ images: picture(), placed: on, targets: [objects] }, random);
      const [boxes] = regions();
      expect(boxes.length).toBeGreaterThan(0);
      for (let i = 0; i < boxes.length / 4; i++) {
        const [x1, y1, x2, y2] = boxes.subarray(4 * i, 4 * i + 4);
        expect(x1).toBeGreaterThanOrEqual(8);
        expect(y1).toBeGreaterThanOrEqual(0);
        expect(x2).toBeLessThanOrEqual(64);
        expect(y2).toBeLessThanOrEqual(40);
        for (let other = 0; other < i; other++) {
          expect(iou(boxes, i, boxes, other)).toBeLessThanOrEqual(0.7);
        }
      }
    });
  });
});

/** Trains on one image; returns the detector. */
function learn(of: DetectorConfig, steps: number) {
  const detector = createDetector(of, createRandom("by heart"));
  const pass = detector.trainingPass(settings);
  const optimizer = adamW([{ parameters: detector.parameters(), weightDecay: 0 }]);
  for (let step = 0; step < steps; step++) {
    scope(() => {
      const { losses } = pass({ images: picture(), placed, targets: [objects] }, random);
      backward(totalOf(losses));
      clipGradNorm(detector.parameters(), 5);
      // Falling, so that batch norm's running statistics catch up.
      optimizer.step(0.005 * (1 - step / steps));
      optimizer.zeroGrad();
    });
  }
  return detector;
}

test.each(["plain", "separable"])("learns an image by heart, with %s towers", (towerKind) => {
  const detector = learn(parseConfig({ ...config, towerKind }), 200).eval();
  const [found] = scope(() => detector.detect(picture(), sizes));
  detector.dispose();
  expect([...found.labels.subarray(0, 2)].sort()).toEqual([1, 2]);
  for (let i = 0; i < 2; i++) {
    expect(found.scores[i]).toBeGreaterThan(0.5);
    expect(iou(found.boxes, i, objects.boxes, found.labels[i] - 1)).toBeGreaterThan(0.75);
  }
  expect([...found.scores]).toEqual([...found.scores].sort((a, b) => b - a));
  // Nothing else comes near.
  expect(found.scores[2] ?? 0).toBeLessThan(found.scores[1] / 2);
});

test("wide towers train in bfloat16; what they say is float32", () => {
  const detector = createDetector(parseConfig({ ...config, towerWidth: 32 }), createRandom("bfloat16"));
  const pass = detector.trainingPass(settings);
  setPrecision("bfloat16");
  try {
    scope(() => {
      const { losses, heads } = pass({ images: picture(), placed, targets: [objects] }, random);
      backward(totalOf(losses));
      expect(heads.logits.dtype).toBe("float32");
      expect(totalOf(losses).item()).toBeGreaterThan(0);
      expect(detector.parameters().every((one) => one.grad?.toFloat32().every(Number.isFinite))).toBe(true);
    });
  } finally {
    setPrecision("float32");
    detector.dispose();
  }
});

test("same seed, same bytes", () => {
  const [one, other] = [learn(config, 3), learn(config, 3)];
  one.named().forEach(({ name, tensor }, i) => {
    expect(tensor.toFloat32(), name).toEqual(other.named()[i].tensor.toFloat32());
  });
  for (const detector of [one, other]) detector.dispose();
});

test("training and detection leave no tensor behind", () => {
  const detector = createDetector(config, createRandom("leaks"));
  const pass = detector.trainingPass(settings);
  const live: number[] = [];
  for (let i = 0; i < 3; i++) {
    scope(() => {
      const { losses, regions } = pass({ images: picture(), placed, targets: [objects] }, random);
      regions();
      backward(totalOf(losses));
      for (const parameter of detector.parameters()) parameter.clearGrad();
      detector.detect(picture(), sizes);
    });
    live.push(liveTensors());
  }
  expect(live).toEqual([live[0], live[0], live[0]]);
  detector.dispose();
});

test("detections: within the image, at most as many as asked for, above the lowest score", () => {
  const some = parseConfig({ ...config, boxScore: 0, boxDetections: 5 });
  const detector = createDetector(some, createRandom("many")).eval();
  const [found] = scope(() => detector.detect(picture(), [{ width: 40, height: 24 }]));
  expect(found.scores).toHaveLength(5);
  for (let k = 0; k < found.boxes.length; k += 2) {
    expect(found.boxes[k]).toBeLessThanOrEqual(40);
    expect(found.boxes[k + 1]).toBeLessThanOrEqual(24);
  }
  detector.dispose();
  const strict = createDetector(parseConfig({ ...config, boxScore: 0.9 }), createRandom("none")).eval();
  expect(scope(() => strict.detect(picture(), sizes))[0].scores).toHaveLength(0);
  strict.dispose();
});

test("heads say the same of a map again, and refuse to be asked about regions", () => {
  const detector = createDetector(config, createRandom("heads"));
  scope(() => {
    const { features, heads } = detector.trainingPass(settings)(
      { images: picture(), placed, targets: [objects] },
      random,
    );
    const again = detector.headOutputs(features, heads);
    if (heads.of !== "cells" || again.of !== "cells") throw new Error("heads of cells expected");
    expect(again.logits.shape).toEqual([1, 2, 8, 8]);
    expect(again.distances.shape).toEqual([1, 4, 8, 8]);
    expect(again.logits.toFloat32()).toEqual(heads.logits.toFloat32());
    expect(again.distances.toFloat32()).toEqual(heads.distances.toFloat32());
    expect(again.distances.toFloat32().every((one) => one >= 0)).toBe(true);
    const regions = { of: "regions", boxes: [], logits: heads.logits, deltas: heads.distances } as const;
    expect(() => detector.headOutputs(features, regions)).toThrow(
      "heads with cells cannot be evaluated for regions",
    );
  });
  detector.dispose();
});

test("from a recipe: towers as wide as the map, at most 32; heads of any width can be compared", () => {
  const shared = { detector: "fcos", side: 480, outputStride: 4, neck: "detail" };
  const settings = { ...shared, ...kindOf("fcos").settings.parse({}) };
  const of = (backbone: string) =>
    configureDetector(settings, { backbone, samples: [], side: 480, classes: ["face"] }) as DetectorConfig & {
      towerWidth: number;
    };
  expect(of("vgg-1-32").towerWidth).toBe(16);
  expect(of("vgg-1-8").towerWidth).toBe(32);
  expect(headMismatch(of("vgg-1-8"), of("vgg-1-32"))).toBeUndefined();
  const student = createDetector(of("vgg-1-32"), createRandom("size"));
  const weights = student.named().reduce((sum, { tensor }) => sum + tensor.size, 0);
  student.dispose();
  expect(weights).toBeLessThan(36_000);
});
