// Values computed with torchvision (fixtures/make_fixtures.py), and what several tests make.
import { readFileSync } from "node:fs";
import type { Operation } from "../src/index.js";

type Numbers = number[];

export interface Geometry {
  boxes: Record<"a" | "b" | "iou" | "outside" | "clipped" | "thin" | "kept", Numbers> & {
    width: number;
    height: number;
  };
  boxCoding: Record<"reference" | "proposals" | "deltas", Numbers> & {
    cases: { weights: [number, number, number, number]; encoded: Numbers; decoded: Numbers }[];
  };
  anchors: {
    sizes: Numbers;
    aspectRatios: Numbers;
    stride: [number, number];
    height: number;
    width: number;
    anchors: Numbers;
  }[];
  nms: Record<"boxes" | "scores" | "labels" | "order", Numbers> & {
    cases: { threshold: number; nms: Numbers; batchedNms: Numbers }[];
  };
  matcher: {
    anchors: Numbers;
    cases: {
      groundTruth: Numbers;
      results: { high: number; low: number; allowLowQuality: boolean; matches: Numbers }[];
    }[];
  };
  sampler: {
    labels: Numbers;
    count: number;
    positiveFraction: number;
    positives: number;
    negatives: number;
  }[];
}

export const geometry: Geometry = JSON.parse(
  readFileSync(new URL("./fixtures/geometry.json", import.meta.url), "utf8"),
);

/** Reproducible numbers in [0, 1): mulberry32. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** `count` boxes with corners inside a square of side `size`, sides 1..size/2. */
export function randomBoxes(count: number, size: number, rng: () => number): Float32Array {
  const boxes = new Float32Array(4 * count);
  for (let k = 0; k < boxes.length; k += 4) {
    boxes[k] = rng() * size;
    boxes[k + 1] = rng() * size;
    boxes[k + 2] = boxes[k] + 1 + (rng() * size) / 2;
    boxes[k + 3] = boxes[k + 1] + 1 + (rng() * size) / 2;
  }
  return boxes;
}

/** Up to `max` boxes of any size, half of them close copies, so that high IoU thresholds matter too. */
export function crowdedBoxes(max: number, rng: () => number): Float32Array {
  const count = 1 + Math.floor(rng() * max);
  const boxes = randomBoxes(count, 10 ** (rng() * 4), rng);
  const half = 4 * (count >> 1);
  for (let k = half; k < boxes.length; k++) boxes[k] = boxes[k - half] * (1 + rng() / 20);
  return boxes;
}

export function expectClose(actual: Float32Array, expected: number[], tolerance: number): void {
  if (actual.length !== expected.length)
    throw new Error(`${actual.length} numbers, expected ${expected.length}`);
  for (let i = 0; i < expected.length; i++) {
    if (!(Math.abs(actual[i] - expected[i]) <= tolerance * Math.max(1, Math.abs(expected[i])))) {
      throw new Error(`number ${i} is ${actual[i]}, expected ${expected[i]}`);
    }
  }
}

/** A convolution that keeps the size of its input, unless `more` says otherwise. */
export const conv = (input: number, channels: number, kernel: number, more: object = {}): Operation => ({
  ...{
    op: "conv",
    input,
    channels,
    kernel,
    stride: 1,
    padding: (kernel - 1) >> 1,
    groups: 1,
    relu: 0,
    step: 0,
  },
  ...more,
});
