import { describe, expect, it } from "vitest";
import { bestPlaces, iou, type Model, nms, topK } from "../src/index.js";
import { createMachine } from "../src/network/machine.js";
import { wasmNms } from "../src/network/wasmNms.js";
import { crowdedBoxes, geometry, randomNumbers } from "./fixture.js";

/** The definition, without optimisation. */
function slowNms(
  boxes: Float32Array,
  scores: Float32Array,
  threshold: number,
  labels?: Int32Array,
): number[] {
  const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b);
  const kept: number[] = [];
  for (const i of order) {
    const rivals = kept.filter((k) => labels === undefined || labels[k] === labels[i]);
    if (rivals.every((k) => iou(boxes, k, boxes, i) <= threshold)) kept.push(i);
  }
  return kept;
}

const empty = { operations: [], parameters: [], input: { mean: [0, 0, 0], std: [1, 1, 1], levels: 0 } };
const machine = await createMachine(empty as unknown as Model, []);

describe.each([
  ["in TypeScript", nms],
  ["in WebAssembly", wasmNms(machine, () => machine.free)],
])("nms %s", (_, suppress) => {
  const boxes = Float32Array.from(geometry.nms.boxes);
  const scores = Float32Array.from(geometry.nms.scores);
  const labels = Int32Array.from(geometry.nms.labels);
  const order = Int32Array.from(geometry.nms.order);

  for (const { threshold, ...expected } of geometry.nms.cases) {
    it(`keeps what torchvision keeps at IoU ${threshold}`, () => {
      expect([...topK(scores)]).toEqual([...order]);
      expect([...suppress({ boxes, order }, threshold)]).toEqual(expected.nms);
      expect([...suppress({ boxes, order, labels }, threshold)]).toEqual(expected.batchedNms);
      expect([...suppress({ boxes, order }, threshold, 5)]).toEqual(expected.nms.slice(0, 5));
    });
  }

  it("equals the definition on random boxes of many sizes", () => {
    const rng = randomNumbers(3);
    for (let round = 0; round < 60; round++) {
      const some = crowdedBoxes(150, rng);
      const count = some.length / 4;
      const points = Float32Array.from({ length: count }, () => Math.round(rng() * 20) / 20);
      const classes = Int32Array.from({ length: count }, () => Math.floor(rng() * 3));
      const found = { boxes: some, order: topK(points) };
      for (const threshold of [0, 0.05, 0.3, 0.5, 0.7, 0.9, 1]) {
        expect([...suppress(found, threshold)]).toEqual(slowNms(some, points, threshold));
        const labelled = { ...found, labels: classes };
        expect([...suppress(labelled, threshold)]).toEqual(slowNms(some, points, threshold, classes));
      }
    }
  });

  it("keeps a box on the threshold and drops one above it", () => {
    const found = { boxes: Float32Array.of(0, 0, 10, 10, 0, 0, 10, 5), order: Int32Array.of(0, 1) };
    expect([...suppress(found, 0.5)]).toEqual([0, 1]);
    expect([...suppress(found, 0.5 - 2 ** -40)]).toEqual([0]);
    // Three tenths is rounded up to single precision, so an IoU of that is above it.
    const tenths = { boxes: Float32Array.of(0, 0, 1, 10, 0, 0, 1, 3), order: Int32Array.of(0, 1) };
    expect([...suppress(tenths, 0.3)]).toEqual([0]);
    expect([...suppress(tenths, Math.fround(0.3))]).toEqual([0, 1]);
  });

  it("keeps boxes that are empty, inverted or not finite, and terminates", () => {
    const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
    const odd = [
      [5, 5, 5, 5],
      [5, 5, 5, 5],
      [9, 9, 1, 1],
      [nan, 0, 1, 1],
      [0, 0, inf, inf],
      [0, 0, 10, 10],
    ];
    const found = { boxes: Float32Array.from(odd.flat()), order: Int32Array.of(0, 1, 2, 3, 4, 5) };
    expect([...suppress(found, 0.5)]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("keeps thousands of boxes", () => {
    const many = Float32Array.from({ length: 4 * 5000 }, (_, i) => 10 * (i >> 2) + (i % 4 > 1 ? 8 : 0));
    const all = Int32Array.from({ length: 5000 }, (_, i) => 4999 - i);
    expect([...suppress({ boxes: many, order: all }, 0.5)]).toEqual([...all]);
    expect([...suppress({ boxes: many, order: all }, 0.5, 999)]).toEqual([...all.slice(0, 999)]);
  });

  it("names what does not fit", () => {
    const found = { boxes: new Float32Array(480), order: new Int32Array(0) };
    for (const threshold of [1.5, -0.1, Number.NaN])
      expect(() => suppress(found, threshold)).toThrow(`threshold ${threshold}`);
    expect(() => suppress({ ...found, labels: new Int32Array(2) }, 0.5)).toThrow(/2 labels for 120 boxes/);
  });

  it("accepts empty input", () => {
    const none = { boxes: new Float32Array(0), order: new Int32Array(0) };
    expect(suppress(none, 0.5).length).toBe(0);
    expect(suppress({ boxes, order }, 0.5, 0).length).toBe(0);
  });
});

describe("topK", () => {
  it("equals a stable sort for any scores", () => {
    const rng = randomNumbers(4);
    const kinds: (() => number)[] = [
      () => rng(),
      () => Math.round(rng() * 10) / 10,
      () => (rng() - 0.5) * 10 ** (rng() * 60 - 30),
      () => 0.5,
      () => [0, -0, 1e-45, -1e-45, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY][Math.floor(rng() * 6)],
    ];
    for (const kind of kinds) {
      for (const count of [1, 2, 77, 5000]) {
        const scores = Float32Array.from({ length: count }, kind);
        const sorted = [...scores.keys()].sort((a, b) =>
          scores[a] < scores[b] ? 1 : scores[a] > scores[b] ? -1 : a - b,
        );
        for (const k of [0, 1, count >> 1, count, count + 3]) {
          expect([...topK(scores, k)]).toEqual(sorted.slice(0, k));
        }
        expect([...topK(scores)]).toEqual(sorted);
      }
    }
  });

  it("puts NaN last and does not modify the scores", () => {
    const scores = Float32Array.of(Number.NaN, -1, Number.NEGATIVE_INFINITY, 2, Number.NaN);
    expect([...topK(scores)]).toEqual([3, 1, 2, 0, 4]);
    expect(scores[3]).toBe(2);
  });
});

describe("bestPlaces", () => {
  const rng = randomNumbers(11);
  // Many ties.
  const logits = Float32Array.from({ length: 500 }, () => Math.round(40 * (rng() - 0.5)) / 4);

  it.each([0, 0.01, 0.5, 0.9, 1])("the best with scores of at least %f, ties in order", (minScore) => {
    const scoreOf = (x: number) => 1 / (1 + Math.exp(-x));
    const expected = [...logits.keys()]
      .filter((i) => scoreOf(logits[i]) >= minScore)
      .sort((a, b) => logits[b] - logits[a] || a - b);
    for (const limit of [0, 1, 20, 500, 1000])
      expect([...bestPlaces(logits, limit, minScore)]).toEqual(expected.slice(0, limit));
  });

  it.each([0, 0.3])("NaN is never among the best places, minimum score %f", (minScore) => {
    const some = Float32Array.of(1, Number.NaN, 2, Number.POSITIVE_INFINITY, Number.NaN);
    expect([...bestPlaces(some, 10, minScore)]).toEqual([3, 2, 0]);
  });

  it.each([
    ["like the rest", (i: number) => (i * 7919) % 5000],
    ["the best", (i: number) => (i % 16 === 0 ? 1e6 + i : i % 5000)],
    ["the worst", (i: number) => (i % 16 === 0 ? -1e6 - i : i % 5000)],
    ["NaN", (i: number) => (i % 16 === 0 ? Number.NaN : i % 5000)],
    ["all equal", () => 3],
  ])("the best of many, if the sampled logits are %s", (_, numberAt) => {
    const many = Float32Array.from({ length: 20_000 }, (_, i) => numberAt(i));
    const expected = [...many.keys()]
      .filter((i) => !Number.isNaN(many[i]))
      .sort((a, b) => many[b] - many[a] || a - b);
    for (const limit of [1, 100, 2000])
      expect([...bestPlaces(many, limit, 0)]).toEqual(expected.slice(0, limit));
  });
});
