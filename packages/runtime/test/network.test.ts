// The kernels and the plain TypeScript reference compute the same numbers, for operations of all shapes.
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Decoder } from "../src/index.js";
import { inferShapes, type Model, type Operation, parametersOf, placePicture } from "../src/index.js";
import { createReferenceNetwork } from "../src/network/reference.js";
import { createWasmNetwork } from "../src/network/wasm.js";
import { conv } from "./fixture.js";

afterEach(() => {
  vi.restoreAllMocks();
});

/** Reproducible pseudo-random numbers. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
}

const GRID = 32;
const keep = { nms: 0.5, vote: 1, detections: 100 };
const cells: Decoder = { of: "cells", stride: 4, score: 0.1, preNms: 100, keep };
const regions: Decoder = {
  of: "regions",
  stride: 4,
  anchorSizes: [8],
  aspectRatios: [1],
  proposals: { score: 0, nms: 0.7, preNms: 50, postNms: 25 },
  boxWeights: [10, 10, 5, 5],
  score: 0.1,
  keep,
};

function modelOf(operations: Operation[], outputs: number[], decoder: Decoder): Model {
  const random = sequence(7);
  const shapes = inferShapes(operations, 256, 256);
  const parameters = operations.map((operation) => {
    const { weights, biases } = parametersOf(operation, shapes[operation.input]);
    if (weights === 0) return undefined;
    const spread = Math.sqrt((12 * biases) / weights);
    return {
      weights: Float32Array.from({ length: weights }, () => spread * random()),
      biases: Float32Array.from({ length: biases }, random),
    };
  });
  const input = { side: 90, grid: GRID, mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.25], levels: 0 };
  return { classes: ["a"], thresholds: [0.5], input, operations, outputs, features: 1, decoder, parameters };
}

function pictureOf(width: number, height: number, channels: 3 | 4) {
  const random = sequence(width + height);
  const data = Uint8Array.from({ length: width * height * channels }, () => 256 * (random() + 0.5));
  return { data, width, height, channels };
}

function expectClose(a: Float32Array, b: Float32Array): void {
  expect(a.length).toBe(b.length);
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]) / (1 + Math.abs(b[i])));
  expect(worst).toBeLessThan(2e-5);
}

const MAPS: Record<string, Operation[]> = {
  "3x3 with 1 to 9 channels": [1, 2, 3, 4, 5, 6, 7, 8, 9].map((channels, i) =>
    conv(i, channels, 3, { relu: i % 2 }),
  ),
  "kernels 1, 3, 5 and 7 in place": [conv(0, 5, 1), conv(1, 6, 3), conv(2, 3, 5), conv(3, 4, 7)],
  "eight channels or more, on maps with odd and even sides": [
    { op: "maxPool", input: 0, kernel: 3, stride: 3, padding: 0 },
    conv(1, 8, 3),
    conv(2, 12, 3, { relu: 1 }),
    conv(3, 16, 3),
    { op: "maxPool", input: 4, kernel: 2, stride: 2, padding: 0 },
    conv(5, 16, 3, { relu: 1 }),
    { op: "maxPool", input: 6, kernel: 2, stride: 2, padding: 0 },
    conv(7, 8, 3),
    conv(0, 8, 3),
    conv(9, 20, 3),
  ],
  "without padding, with excess padding": [
    conv(0, 4, 3, { padding: 0 }),
    conv(1, 4, 3, { padding: 2 }),
    conv(2, 2, 2),
  ],
  "strides 2, 3 and 4": [
    conv(0, 16, 4, { stride: 4, padding: 0 }),
    conv(0, 6, 7, { stride: 2, padding: 3 }),
    conv(2, 5, 3, { stride: 2, padding: 1 }),
    conv(3, 7, 1, { stride: 2 }),
    conv(0, 3, 5, { stride: 3, padding: 2 }),
    conv(0, 3, 2, { stride: 3, padding: 0 }),
  ],
  "groups and depthwise": [
    conv(0, 12, 3),
    conv(1, 12, 3, { groups: 12 }),
    conv(2, 18, 3, { groups: 2 }),
    conv(3, 6, 1, { groups: 3 }),
    conv(4, 12, 3, { groups: 6, stride: 2, padding: 1 }),
  ],
  poolings: [
    { op: "maxPool", input: 0, kernel: 2, stride: 2, padding: 0 },
    { op: "maxPool", input: 0, kernel: 3, stride: 2, padding: 1 },
    { op: "maxPool", input: 2, kernel: 5, stride: 1, padding: 2 },
    { op: "maxPool", input: 2, kernel: 3, stride: 3, padding: 0 },
    conv(4, 3, 3),
  ],
  "add, round, exp and upsample": [
    conv(0, 3, 3),
    { op: "add", input: 0, other: 1, relu: 1 },
    { op: "upsample", input: 2, factor: 2 },
    conv(3, 2, 3),
    { op: "upsample", input: 4, factor: 3 },
    conv(5, 2, 3),
    { op: "round", input: 6, step: 0.3 },
    { op: "roundPow2", input: 6, min: -3, max: 1 },
    { op: "exp", input: 6, max: 0.5 },
    { op: "add", input: 7, other: 8, relu: 0 },
    conv(10, 2, 3),
  ],
  // e^0 is 1: the zeros around the map must be restored.
  "exp before padded convolutions": [
    conv(0, 4, 3),
    { op: "exp", input: 1, max: 0.5 },
    conv(2, 2, 3),
    conv(2, 8, 3),
    { op: "add", input: 1, other: 2, relu: 0 },
    conv(5, 3, 5),
    { op: "maxPool", input: 2, kernel: 3, stride: 2, padding: 1 },
    conv(2, 3, 3, { stride: 2, padding: 1 }),
  ],
  "a value with a long lifetime": [
    conv(0, 3, 3),
    conv(1, 4, 3),
    conv(2, 3, 3),
    conv(3, 3, 3),
    { op: "add", input: 1, other: 4, relu: 0 },
    { op: "add", input: 0, other: 5, relu: 0 },
  ],
};

describe("maps", () => {
  test.each(Object.entries(MAPS))("%s", async (_, operations) => {
    const values = operations.map((_, i) => i + 1);
    const model = modelOf(operations, values, cells);
    const [fast, plain] = [await createWasmNetwork(model), createReferenceNetwork(model)];
    // The same size twice, then another, then the first again: a picture must not affect the next.
    for (const [width, height] of [
      [90, 61],
      [90, 61],
      [33, 90],
      [90, 61],
    ]) {
      const picture = pictureOf(width, height, 3);
      const placement = placePicture(picture, 90, GRID);
      for (const network of [fast, plain]) network.draw(picture, placement);
      const [ours, theirs] = [fast.runMaps(values), plain.runMaps(values)];
      values.forEach((_, i) => {
        expectClose(ours[i].data, theirs[i].data);
      });
    }
  });

  test("with only the last value as output, so that memory is reused", async () => {
    const operations = Array.from({ length: 12 }, (_, i) => conv(i, 3 + (i % 3), 3, { relu: i % 2 }));
    const model = modelOf(operations, [12], cells);
    const picture = pictureOf(90, 80, 4);
    const [fast, plain] = [await createWasmNetwork(model), createReferenceNetwork(model)];
    for (let again = 0; again < 2; again++) {
      for (const network of [fast, plain]) network.draw(picture, placePicture(picture, 90, GRID));
      expectClose(fast.runMaps([12])[0].data, plain.runMaps([12])[0].data);
    }
  });
});

test.each([
  ["larger than the input", 301, 200, 3],
  ["smaller", 20, 13, 4],
  ["the same size", 90, 77, 4],
  ["very wide", 1000, 9, 3],
  ["one pixel", 1, 1, 3],
  ["many rows", 50, 2000, 4],
] as const)("both backends draw the same picture: %s", async (_, width, height, channels) => {
  const model = modelOf([conv(0, 3, 1)], [1], cells);
  const picture = pictureOf(width, height, channels);
  const [fast, plain] = [await createWasmNetwork(model), createReferenceNetwork(model)];
  for (const network of [fast, plain]) network.draw(picture, placePicture(picture, 90, GRID));
  expectClose(fast.runMaps([1])[0].data, plain.runMaps([1])[0].data);
});

test.each([
  ["very wide", 5_000_000, 1],
  ["very high", 1, 17_000_000],
])("a %s picture is drawn without growing the memory for good", async (_, width, height) => {
  const model = modelOf([conv(0, 3, 1)], [1], cells);
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i >> 12) % 256);
  const picture = { data, width, height, channels: 3 } as const;
  const grow = vi.spyOn(WebAssembly.Memory.prototype, "grow");
  const [fast, plain] = [await createWasmNetwork(model), createReferenceNetwork(model)];
  for (const of of [picture, pictureOf(90, 61, 3)]) {
    for (const network of [fast, plain]) network.draw(of, placePicture(of, 90, GRID));
    expectClose(fast.runMaps([1])[0].data, plain.runMaps([1])[0].data);
  }
  expect(grow.mock.calls.reduce((sum, [pages]) => sum + pages, 0)).toBeLessThan(100);
});

test("regions: pooled, position-sensitive, fully connected; none, one and many", async () => {
  const operations: Operation[] = [
    conv(0, 6, 4, { stride: 4, padding: 0, relu: 1 }),
    conv(1, 18, 1),
    { op: "roiAlign", input: 1, size: 3, samples: 2, stride: 4 },
    { op: "linear", input: 3, channels: 20, relu: 1 },
    { op: "linear", input: 4, channels: 2, relu: 0 },
    { op: "psRoiAlign", input: 2, size: 3, samples: 3, stride: 4 },
    { op: "add", input: 5, other: 6, relu: 0 },
    { op: "roiAlign", input: 1, size: 1, samples: 4, stride: 4 },
    { op: "round", input: 8, step: 0.1 },
    { op: "linear", input: 9, channels: 17, relu: 0 },
  ];
  await expectSameRegions(modelOf(operations, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], regions));
});

test.each([1, 6, 8, 18])("regions: sums of %i channels, each pooled or fully connected", async (channels) => {
  const operations: Operation[] = [
    conv(0, channels, 4, { stride: 4, padding: 0, relu: 1 }),
    conv(0, 4 * channels, 4, { stride: 4, padding: 0, relu: 1 }),
    { op: "roiAlign", input: 1, size: 1, samples: 2, stride: 4 },
    { op: "psRoiAlign", input: 2, size: 2, samples: 1, stride: 4 },
    { op: "linear", input: 3, channels, relu: 0 },
    { op: "add", input: 4, other: 5, relu: 0 },
    { op: "add", input: 5, other: 4, relu: 1 },
    { op: "add", input: 5, other: 3, relu: 0 },
    { op: "add", input: 3, other: 4, relu: 1 },
    ...[6, 7, 8, 9].map((input): Operation => ({ op: "linear", input, channels: 3, relu: 0 })),
    { op: "exp", input: 6, max: 2 },
    { op: "add", input: 14, other: 5, relu: 0 },
    { op: "linear", input: 15, channels: 5, relu: 0 },
  ];
  await expectSameRegions(modelOf(operations, [1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16], regions));
});

test.each([5, 6, 7, 9])("regions: %i channels where something else was NaN before", async (channels) => {
  const operations: Operation[] = [
    conv(0, 4 * channels, 4, { stride: 4, padding: 0 }),
    // Only these two are NaN. The second takes the place of the picture, and its place is taken by the regions.
    conv(0, 3, 3),
    conv(2, 3, 3),
    { op: "psRoiAlign", input: 1, size: 2, samples: 1, stride: 4 },
    { op: "linear", input: 4, channels: 4, relu: 0 },
    { op: "add", input: 4, other: 4, relu: 0 },
    { op: "linear", input: 6, channels: 4, relu: 0 },
  ];
  const model = modelOf(operations, [1, 1, 4, 5, 6, 7], regions);
  model.parameters[1]!.biases.fill(Number.NaN);
  await expectSameRegions(model);
});

/** Both backends compute the same for the outputs per region: for none, one and many. */
async function expectSameRegions(model: Model): Promise<void> {
  const values = model.outputs.slice(2);
  const picture = pictureOf(90, 61, 3);
  const [fast, plain] = [await createWasmNetwork(model), createReferenceNetwork(model)];
  for (const network of [fast, plain]) {
    network.draw(picture, placePicture(picture, 90, GRID));
    network.runMaps([1]);
  }
  const random = sequence(3);
  for (const count of [0, 1, 25, 2]) {
    // Some are outside the map, some inverted, some tiny.
    const boxes = Float32Array.from(
      { length: 4 * count },
      (_, i) => (i % 4 < 2 ? 60 : 90) * (random() + 0.4),
    );
    const [ours, theirs] = [fast.runRegions(boxes, values), plain.runRegions(boxes, values)];
    values.forEach((_, i) => {
      expectClose(ours[i].data, theirs[i].data);
    });
  }
}

test("large rows of regions need no memory in plans", async () => {
  const operations: Operation[] = [
    conv(0, 1024, 1, { stride: 64 }),
    { op: "roiAlign", input: 1, size: 64, samples: 1, stride: 64 },
  ];
  const decoder = { ...regions, proposals: { ...regions.proposals, postNms: 1 } };
  const network = await createWasmNetwork(modelOf(operations, [1], decoder));
  const before = process.memoryUsage().arrayBuffers;
  for (let width = 1; width <= 8 * GRID; width += GRID) {
    const picture = pictureOf(width, 90, 3);
    network.draw(picture, placePicture(picture, 256, GRID));
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16e6);
});

test("exp: accurate to about one ulp over the whole range, and NaN stays NaN", async () => {
  const operations: Operation[] = [
    conv(0, 3, 1),
    { op: "exp", input: 1, max: 80 },
    conv(2, 1, 1),
    conv(2, 4, 1),
  ];
  const model = modelOf(operations, [3, 4], cells);
  // Diagonal weights: channel 0 is red, and so on.
  const scale = 40;
  model.parameters[0]!.weights.set([scale, 0, 0, 0, scale, 0, 0, 0, scale]);
  model.parameters[0]!.biases.set([0, -60, 60]);
  const network = await createWasmNetwork(model);
  const picture = pictureOf(90, 90, 3);
  network.draw(picture, placePicture(picture, 90, GRID));
  const [given, found] = network.runMaps([1, 2]);
  expect(Math.min(...given.data)).toBeLessThan(-87);
  expect(Math.max(...given.data)).toBeGreaterThan(80);
  given.data.forEach((x, i) => {
    const expected = x < -87 ? 0 : Math.exp(Math.min(x, 80));
    expect(Math.abs(found.data[i] - expected)).toBeLessThanOrEqual(2e-7 * expected);
  });
  model.parameters[0]!.biases[0] = Number.NaN;
  const broken = await createWasmNetwork(model);
  broken.draw(picture, placePicture(picture, 90, GRID));
  expect(broken.runMaps([2])[0].data[0]).toBeNaN();
});

test.each<[string, Operation]>([
  ["powers of two", { op: "roundPow2", input: 1, min: -3, max: 1 }],
  ["multiples of a step", { op: "round", input: 1, step: 0.25 }],
])("%s: NaN stays NaN on both backends", async (_, rounding) => {
  const operations: Operation[] = [conv(0, 2, 1), rounding];
  const model = modelOf(operations, [2], cells);
  model.parameters[0]!.biases[0] = Number.NaN;
  const picture = pictureOf(90, 61, 3);
  for (const network of [await createWasmNetwork(model), createReferenceNetwork(model)]) {
    network.draw(picture, placePicture(picture, 90, GRID));
    const [{ data }] = network.runMaps([2]);
    const plane = data.length / 2;
    expect(data.subarray(0, plane).every(Number.isNaN)).toBe(true);
    expect(data.subarray(plane).some(Number.isNaN)).toBe(false);
  }
});
