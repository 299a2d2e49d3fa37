// The one-stage detector: which cells learn which object, its losses against their formulas, what it finds.
import { add, backward, scope, type Tensor, tensor } from "@qmimic/torch";
import { afterAll, describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { giouLoss } from "../../src/models/distances.js";
import { type Assignment, assign, type CellPredictions } from "../../src/models/fcos/assign.js";
import { createFcos } from "../../src/models/fcos/fcos.js";
import { cellLosses } from "../../src/models/fcos/losses.js";
import { type FcosConfig, fcosConfigSchema } from "../../src/models/fcos/settings.js";
import type { Target } from "../../src/models/targets.js";

const target = (boxes: number[], labels: number[], ignore: number[] = []): Target => ({
  boxes: Float32Array.from(boxes),
  labels: Int32Array.from(labels),
  ignore: Float32Array.from(ignore),
});
const settings = { assignTop: 3, assignScore: 0.5, assignIou: 6 };
const stride = 8;

/** A map of 4 x 4 cells whose boxes reach one cell to each side, with the scores of class 1 and 2 all 0.5. */
const plain = (): CellPredictions => ({
  logits: new Float32Array(2 * 16),
  distances: new Float32Array(4 * 16).fill(1),
  height: 4,
  width: 4,
});

describe("assign", () => {
  test("takes the cells inside whose boxes fit best, and asks the best for its IoU", () => {
    // 2 x 2 cells around the corner of cells 5, 6, 9, 10: each of their boxes is moved by half a cell both ways.
    const predictions = plain();
    const object = target([8, 8, 24, 24], [2]);
    predictions.distances.set([0.5], 5);
    predictions.distances.set([0.5], 16 + 5);
    predictions.distances.set([1.5], 32 + 5);
    predictions.distances.set([1.5], 48 + 5);
    const found = assign(predictions, object, stride, settings);
    expect([...found.cells]).toEqual([5, 6, 9]);
    expect([...found.labels]).toEqual([2, 2, 2]);
    // Cell 5 has the very box; the others overlap by 1.5 x 1.5 of 2 x 2 cells.
    const iou = 2.25 / (8 - 2.25);
    expect(found.scores[0]).toBeCloseTo(1, 6);
    for (const k of [1, 2]) expect(found.scores[k]).toBeCloseTo(iou ** 6, 6);
    const distancesOf = (i: number) => [0, 1, 2, 3].map((k) => found.distances[3 * k + i]);
    expect(distancesOf(0)).toEqual([0.5, 0.5, 1.5, 1.5]);
    expect(distancesOf(2)).toEqual([0.5, 1.5, 1.5, 0.5]);
  });

  test("further cells whose boxes overlap the object by more than half are neither object nor background", () => {
    const one = { ...settings, assignTop: 1 };
    // IoU 2.25 / 5.75 each: below half.
    expect(assign(plain(), target([8, 8, 24, 24], [2]), stride, one).close).toHaveLength(0);
    const large = plain();
    large.distances.fill(2);
    // The four inner cells overlap the whole map by 12.25 / 19.75, the others by less than half.
    const found = assign(large, target([0, 0, 32, 32], [1]), stride, one);
    expect([...found.cells]).toEqual([5]);
    expect([...found.close]).toEqual([6, 9, 10]);
  });

  test("a higher score counts among equal boxes", () => {
    const predictions = plain();
    predictions.logits[16 + 10] = 2;
    const { cells, scores } = assign(predictions, target([8, 8, 24, 24], [2]), stride, {
      ...settings,
      assignTop: 1,
    });
    expect([...cells]).toEqual([10]);
    expect(scores[0]).toBeCloseTo(2.25 / 5.75, 6);
  });

  test("a cell that two objects want is for the one that its box fits better", () => {
    const objects = target([0, 0, 32, 32, 8, 8, 24, 24], [1, 2]);
    const found = assign(plain(), objects, stride, { ...settings, assignTop: 16 });
    expect([...found.cells]).toEqual(Array.from({ length: 16 }, (_, i) => i));
    const inner = [5, 6, 9, 10];
    expect([...found.labels]).toEqual(Array.from({ length: 16 }, (_, i) => (inner.includes(i) ? 2 : 1)));
  });

  test.each([
    ["smaller than a cell", [9, 9, 11, 11], 5],
    ["off the centres of a row", [1, 17, 3, 30], 8],
    ["at the far edge", [30, 30, 32, 32], 15],
  ])("an object %s has a cell", (_, box, cell) => {
    const found = assign(plain(), target(box, [1]), stride, settings);
    expect(found.cells).toContain(cell);
    expect(found.distances.every((distance) => distance > 0)).toBe(true);
  });

  test("without objects nobody learns one; fits that underflow are alike", () => {
    expect(assign(plain(), target([], []), stride, settings).cells).toHaveLength(0);
    const tiny = plain();
    tiny.logits.fill(-1e4);
    const { scores } = assign(tiny, target([8, 8, 24, 24], [1]), stride, settings);
    for (const score of scores) expect(score).toBeCloseTo(2.25 / 5.75, 6);
  });
});

test("giouLoss is 1 - GIoU of the boxes, along any dimension", () => {
  scope(() => {
    const a = [1, 1, 1, 1, 0.5, 2, 1, 0.25];
    const b = [1, 1, 1, 1, 2, 1, 0.5, 1];
    const loss = (i: number) => {
      const [p, q] = [a, b].map((one) => one.slice(4 * i, 4 * i + 4));
      const area = (s: number[]) => (s[0] + s[2]) * (s[1] + s[3]);
      const both = area(p.map((x, k) => Math.min(x, q[k])));
      const around = area(p.map((x, k) => Math.max(x, q[k])));
      const either = area(p) + area(q) - both;
      return 1 - both / either + (around - either) / around;
    };
    const rows = giouLoss(tensor(a, [2, 4]), tensor(b, [2, 4]), 1).toFloat32();
    for (const i of [0, 1]) expect(rows[i]).toBeCloseTo(loss(i), 6);
    expect(rows[0]).toBeCloseTo(0, 6);
  });
});

describe("losses", () => {
  const [classes, size] = [2, 16];
  const random = createRandom("fcos");
  const logits = Float32Array.from({ length: classes * size }, () => 2 * random() - 2);
  const distances = Float32Array.from({ length: 4 * size }, () => 0.5 + random());
  const run = (of: Target, placed = [0, 0, 32, 32]) =>
    scope(() => {
      const outputs = {
        logits: tensor(logits, [1, classes, 4, 4]),
        distances: tensor(distances, [1, 4, 4, 4]),
      };
      for (const one of Object.values(outputs)) one.requiresGrad = true;
      const losses = cellLosses(outputs, [of], Float32Array.from(placed), stride, settings);
      backward(add(losses.class, losses.box));
      const gradientOf = (one: Tensor) => one.grad?.toFloat32() ?? new Float32Array(one.size);
      return {
        class: losses.class.item(),
        box: losses.box.item(),
        logits: gradientOf(outputs.logits),
        distances: gradientOf(outputs.distances),
      };
    });

  /** Quality focal loss of the cells in `learns`, written out. */
  const formula = (found: Assignment, learns: (cell: number) => boolean) => {
    const total = Math.max(
      1,
      found.scores.reduce((sum, one) => sum + one, 0),
    );
    let loss = 0;
    for (let i = 0; i < logits.length; i++) {
      const [label, cell] = [Math.floor(i / size) + 1, i % size];
      const at = found.cells.indexOf(cell);
      if (at < 0 && (!learns(cell) || found.close.includes(cell))) continue;
      const y = at >= 0 && found.labels[at] === label ? found.scores[at] : 0;
      const p = 1 / (1 + Math.exp(-logits[i]));
      loss -= Math.abs(y - p) ** 2 * (y * Math.log(p) + (1 - y) * Math.log(1 - p));
    }
    return loss / total;
  };

  test("are quality focal loss and GIoU loss, over the scores that are asked for", () => {
    const objects = target([3, 5, 26, 30], [2]);
    const found = assign({ logits, distances, height: 4, width: 4 }, objects, stride, settings);
    const actual = run(objects);
    expect(actual.class).toBeCloseTo(
      formula(found, () => true),
      5,
    );
    const total = Math.max(
      1,
      found.scores.reduce((sum, one) => sum + one, 0),
    );
    let box = 0;
    scope(() => {
      found.cells.forEach((cell, i) => {
        const own = [0, 1, 2, 3].map((k) => distances[k * size + cell]);
        const goal = [0, 1, 2, 3].map((k) => found.distances[k * found.cells.length + i]);
        box += found.scores[i] * giouLoss(tensor(own, [4, 1]), tensor(goal, [4, 1])).item();
      });
    });
    expect(actual.box).toBeCloseTo(box / total, 5);
    // Only cells that learn an object move their sides.
    const moved = new Set(
      [...actual.distances.keys()].filter((i) => actual.distances[i] !== 0).map((i) => i % size),
    );
    expect([...moved].sort((a, b) => a - b)).toEqual([...found.cells]);
  });

  test("leave out padding and ignored regions", () => {
    const nothing = {
      cells: new Int32Array(0),
      labels: new Int32Array(0),
      scores: new Float32Array(0),
      distances: new Float32Array(0),
      close: new Int32Array(0),
    };
    // The image fills the left half; its upper left cell is ignored.
    const { class: loss, logits: gradient } = run(target([], [], [0, 0, 8, 8]), [0, 0, 16, 32]);
    const learns = (cell: number) => cell % 4 < 2 && cell !== 0;
    expect(loss).toBeCloseTo(formula(nothing, learns), 5);
    for (let i = 0; i < gradient.length; i++) expect(gradient[i] !== 0).toBe(learns(i % size));
  });

  test("are 0 where everything is ignored, without objects the box loss is", () => {
    expect(run(target([], [], [-10, -10, 100, 100]))).toMatchObject({ class: 0, box: 0 });
    const { box, distances: gradient } = run(target([], []));
    expect(box).toBe(0);
    expect(gradient.every((one) => one === 0)).toBe(true);
  });
});

describe("detector", () => {
  const config: FcosConfig = fcosConfigSchema.parse({
    ...{
      detector: "fcos",
      backbone: "vgg-1-32",
      outputStride: 8,
      neck: "none",
      classes: ["a", "b"],
      side: 64,
    },
    ...{ quantizer: { kind: "none" }, towerKind: "depthwise", towerDepth: 1, boxScore: 0.001, boxNms: 0.5 },
    ...{ boxVote: 1, boxDetections: 5, preNms: 40 },
  });
  const detector = createFcos(config, createRandom("detector")).eval();
  afterAll(() => detector.dispose());
  const images = () =>
    tensor(
      Float32Array.from({ length: 3 * 64 * 64 }, (_, i) => Math.sin(i)),
      [1, 3, 64, 64],
    );

  test("lets out as many as it may, inside the image, best first", () => {
    const [{ boxes, scores, labels }] = scope(() => detector.detect(images(), [{ width: 50, height: 40 }]));
    expect(labels).toHaveLength(5);
    expect([...scores]).toEqual([...scores].sort((a, b) => b - a));
    for (let k = 0; k < boxes.length; k += 2) {
      expect(Math.min(boxes[k], boxes[k + 1])).toBeGreaterThanOrEqual(0);
      expect(boxes[k]).toBeLessThanOrEqual(50);
      expect(boxes[k + 1]).toBeLessThanOrEqual(40);
    }
  });

  test("knows little at first: scores near the prior", () => {
    const [{ scores }] = scope(() => detector.detect(images(), [{ width: 64, height: 64 }]));
    expect(scores[0]).toBeGreaterThan(0.002);
    expect(scores[0]).toBeLessThan(0.1);
  });

  test("regions are its own boxes, as many as do not overlap", () => {
    scope(() => {
      const batch = { images: images(), placed: Float32Array.of(0, 0, 64, 64), targets: [target([], [])] };
      const [few] = detector.trainingPass({ regionNms: 0 })(batch, createRandom(0)).regions();
      const [many] = detector.trainingPass({ regionNms: 1 })(batch, createRandom(0)).regions();
      expect(many).toHaveLength(4 * 64);
      expect(few.length).toBeGreaterThan(0);
      expect(few.length).toBeLessThan(many.length);
      expect(few.subarray(0, 4)).toEqual(many.subarray(0, 4));
    });
  });
});
