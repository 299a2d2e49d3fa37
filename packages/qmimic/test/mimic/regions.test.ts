// Where the student mimics, and what each cell weighs.
import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { cellWeights, chooseRegions, regionCells } from "../../src/mimic/regions.js";
import type { Target } from "../../src/models/targets.js";

/** Both images fill their canvas. */
const whole = Float32Array.of(0, 0, 100, 80, 0, 0, 100, 80);
const proposals = [Float32Array.of(0, 0, 10, 10, 20, 20, 40, 60), new Float32Array(0)];
const targets: Target[] = [
  {
    boxes: Float32Array.of(10, 10, 30, 50, 60, 5, 99, 79),
    labels: Int32Array.of(1, 2),
    ignore: new Float32Array(0),
  },
  { boxes: new Float32Array(0), labels: new Int32Array(0), ignore: new Float32Array(0) },
];
const choose = (source: "proposals" | "ground-truth" | "jittered", count: number, placed = whole) =>
  chooseRegions({ proposals: () => proposals, targets, placed }, { source, count }, createRandom("regions"));

describe("chooseRegions", () => {
  test("takes the best proposals, at most as many as asked for", () => {
    expect(choose("proposals", 8)).toEqual(proposals);
    expect(choose("proposals", 1)).toEqual([proposals[0].subarray(0, 4), proposals[1]]);
  });

  test("leaves out what lies on padding, and cuts the rest at the image's edges", () => {
    const placed = Float32Array.of(16, 16, 36, 80, 0, 0, 100, 80);
    expect(choose("proposals", 8, placed)).toEqual([Float32Array.of(20, 20, 36, 60), proposals[1]]);
  });

  test("takes the objects", () => {
    expect(choose("ground-truth", 8)).toEqual(targets.map((one) => one.boxes));
    expect(choose("ground-truth", 1)[0]).toHaveLength(4);
  });

  test("moves and stretches copies of the objects, inside the image", () => {
    const [moved, none] = choose("jittered", 64);
    expect(moved).toHaveLength(4 * 8);
    expect(none).toHaveLength(0);
    for (let k = 0; k < moved.length; k += 4) {
      const [x0, y0, x1, y1] = moved.subarray(k, k + 4);
      expect(Math.min(x0, y0, x1 - x0, y1 - y0)).toBeGreaterThanOrEqual(0);
      expect(x1).toBeLessThanOrEqual(100);
      expect(y1).toBeLessThanOrEqual(80);
      // Centres move by at most a fifth of the object's side.
      const object = targets[0].boxes.subarray(k % 8, (k % 8) + 4);
      if (k % 8 === 0)
        expect(Math.abs((x0 + x1) / 2 - (object[0] + object[2]) / 2)).toBeLessThanOrEqual(4.01);
    }
    expect(new Set(Array.from({ length: 8 }, (_, i) => moved[4 * i])).size).toBeGreaterThan(4);
    expect(choose("jittered", 64)).toEqual([moved, none]);
    expect(choose("jittered", 3)[0]).toHaveLength(4 * 2);
  });
});

describe("regionCells", () => {
  test("are the cells that a box touches", () => {
    expect(regionCells([16, 0, 33, 16], 16, 5, 7)).toEqual({ x0: 1, x1: 3, y0: 0, y1: 1 });
  });

  test("are at least one cell, inside the map", () => {
    expect(regionCells([40, 40, 40, 40], 16, 5, 7)).toEqual({ x0: 2, x1: 3, y0: 2, y1: 3 });
    expect(regionCells([-50, 500, -20, 900], 16, 5, 7)).toEqual({ x0: 0, x1: 1, y0: 4, y1: 5 });
  });
});

describe("cellWeights", () => {
  const [channels, height, width] = [6, 5, 7];
  const weigh = (regions: Float32Array[]) => cellWeights(regions, { stride: 16, channels, height, width });
  const sum = (values: Float32Array) => values.reduce((all, value) => all + value, 0);

  test("times channels sum to one half, however many regions there are and wherever they lie", () => {
    const random = createRandom("boxes");
    for (const count of [1, 2, 37]) {
      const regions = [count, 0, 2].map((n) =>
        Float32Array.from({ length: 4 * n }, (_, k) => random() * (k % 4 < 2 ? 60 : 130)),
      );
      const weights = weigh(regions);
      expect(weights).toHaveLength(3 * height * width);
      expect(sum(weights) * channels).toBeCloseTo(0.5, 5);
      expect(sum(weights.subarray(height * width, 2 * height * width))).toBe(0);
    }
  });

  test("are 1 / (2 N m) inside a region of m values, and add up where regions overlap", () => {
    const weights = weigh([Float32Array.of(0, 0, 32, 16, 16, 0, 32, 16)]);
    // Two cells, then one of them: N is 2.
    expect(weights[0]).toBeCloseTo(1 / (2 * 2 * 2 * channels), 7);
    expect(weights[1]).toBeCloseTo(1 / (2 * 2 * 2 * channels) + 1 / (2 * 2 * channels), 7);
    expect(sum(weights.subarray(2))).toBe(0);
  });

  test("are 0 without regions", () => {
    expect(sum(weigh([new Float32Array(0)]))).toBe(0);
  });
});
