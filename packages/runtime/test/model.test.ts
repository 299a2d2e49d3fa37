// Valid and invalid model files: errors say what is wrong, and no file causes a hang or an excessive allocation.
import { describe, expect, test, vi } from "vitest";
import {
  Detector,
  inferShapes,
  ModelError,
  type Operation,
  PictureError,
  parametersOf,
  parseModel,
} from "../src/index.js";
import { formatOperation } from "../src/model/operations.js";
import { conv } from "./fixture.js";

const OPERATIONS: Operation[] = [
  conv(0, 4, 4, { stride: 4, padding: 0, relu: 1 }),
  conv(1, 4, 3, { relu: 1 }),
  conv(2, 2, 1),
  conv(2, 4, 1),
  { op: "exp", input: 4, max: 5 },
];

const DESCRIPTION = {
  classes: ["cat", "dog"],
  thresholds: [0.2, 0.3],
  input: { side: 64, grid: 32, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
  operations: OPERATIONS.map(formatOperation),
  outputs: [3, 5],
  features: 2,
  decoder: {
    of: "cells",
    stride: 4,
    score: 0.01,
    preNms: 50,
    keep: { nms: 0.5, vote: 0.6, detections: 20 },
  },
};

interface Parts {
  description?: unknown;
  metadata?: Record<string, string>;
  weights?: Float32Array | Int8Array;
  biases?: Float32Array;
  scales?: Float32Array;
  /** Edits the header before it is written. */
  header?: (header: Record<string, { data_offsets: number[] }>) => void;
}

const SHAPES = inferShapes(OPERATIONS, 64, 64);
const sum = (key: "weights" | "biases") =>
  OPERATIONS.reduce((total, operation) => total + parametersOf(operation, SHAPES[operation.input])[key], 0);
const WEIGHTS = Float32Array.from({ length: sum("weights") }, (_, i) => Math.sin(7 * i) / 3);
const BIASES = Float32Array.from({ length: sum("biases") }, (_, i) => Math.cos(i) / 5);

/** A model file with these parts; defaults make a valid one. */
function fileOf({ description, metadata, weights, biases, scales, header: change }: Parts = {}): Uint8Array {
  const tensors = Object.entries({ weights: weights ?? WEIGHTS, biases: biases ?? BIASES, scales });
  const header: Record<string, unknown> = {
    __metadata__: {
      ...{ format: "qmimic-model", version: "1", model: JSON.stringify(description ?? DESCRIPTION) },
      ...metadata,
    },
  };
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, data] of tensors) {
    if (!data) continue;
    const dtype = data instanceof Int8Array ? "I8" : "F32";
    header[name] = { dtype, shape: [data.length], data_offsets: [at, at + data.byteLength] };
    parts.push(new Uint8Array(data.buffer));
    at += data.byteLength;
  }
  change?.(header as Record<string, { data_offsets: number[] }>);
  const text = Buffer.from(JSON.stringify(header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setUint32(0, text.length, true);
  return new Uint8Array(Buffer.concat([length, text, ...parts]));
}

/** A two-stage detector of 8-bit weights, with every operation that the one-stage one does not have. */
function twoStageFile(): Uint8Array {
  const operations: Operation[] = [
    conv(0, 4, 4, { stride: 4, padding: 0, relu: 1 }),
    { op: "maxPool", input: 1, kernel: 3, stride: 2, padding: 1 },
    { op: "upsample", input: 2, factor: 2 },
    { op: "add", input: 1, other: 3, relu: 1 },
    { op: "round", input: 4, step: 0.25 },
    { op: "roundPow2", input: 5, min: -4, max: 2 },
    conv(6, 2, 1),
    conv(6, 8, 1),
    { op: "roiAlign", input: 6, size: 2, samples: 2, stride: 4 },
    { op: "linear", input: 9, channels: 5, relu: 1 },
    { op: "linear", input: 10, channels: 3, relu: 0 },
    conv(6, 48, 1),
    { op: "psRoiAlign", input: 12, size: 2, samples: 1, stride: 4 },
  ];
  const shapes = inferShapes(operations, 64, 64);
  const total = (key: "weights" | "biases") =>
    operations.reduce((sum, operation) => sum + parametersOf(operation, shapes[operation.input])[key], 0);
  const description = {
    ...DESCRIPTION,
    ...{ operations: operations.map(formatOperation), outputs: [7, 8, 11, 13], features: 6 },
    decoder: {
      ...{ of: "regions", stride: 4, score: 0.01, anchorSizes: [8, 16], aspectRatios: [1] },
      proposals: { score: 0, nms: 0.7, preNms: 100, postNms: 20 },
      boxWeights: [10, 10, 5, 5],
      keep: { nms: 0.5, vote: 0.6, detections: 20 },
    },
  };
  return fileOf({
    description,
    weights: Int8Array.from({ length: total("weights") }, (_, i) => 100 * Math.sin(7 * i)),
    biases: Float32Array.from({ length: total("biases") }, (_, i) => Math.cos(i) / 5),
    scales: new Float32Array(total("biases")).fill(0.01),
  });
}

const PICTURE = {
  width: 61,
  height: 40,
  data: Uint8Array.from({ length: 61 * 40 * 3 }, (_, i) => (i * 31) % 256),
};

describe("valid", () => {
  test("loads from any kind of bytes, including a slice of a larger buffer", async () => {
    const file = fileOf();
    const inner = Buffer.concat([Buffer.alloc(3), file, Buffer.alloc(5)]).subarray(3, 3 + file.length);
    const found = (await Detector.load(file)).detect(PICTURE, { threshold: 0 });
    expect(found.length).toBeGreaterThan(2);
    const copy = file.slice().buffer as ArrayBuffer;
    for (const source of [inner, copy, new Blob([copy]), new Response(copy)])
      expect((await Detector.load(source)).detect(PICTURE, { threshold: 0 })).toEqual(found);
  });

  test("int8: weights are multiplied by their channel's scale", async () => {
    const weights = Int8Array.from(WEIGHTS, (weight) => Math.round(100 * weight));
    const scales = new Float32Array(BIASES.length).fill(0.01);
    const rounded = Float32Array.from(weights, (weight) => weight * Math.fround(0.01));
    const a = parseModel(fileOf({ weights, scales }));
    const b = parseModel(fileOf({ weights: rounded }));
    expect(a.parameters).toEqual(b.parameters);
  });

  test("thresholds, maxDetections, labels, order, boxes clipped to the picture", async () => {
    const detector = await Detector.load(fileOf());
    const all = detector.detect(PICTURE, { threshold: 0 });
    expect(all.map(({ score }) => score)).toEqual(all.map(({ score }) => score).sort((a, b) => b - a));
    for (const { label, box } of all) {
      expect(detector.classes).toContain(label);
      expect(Math.min(box.xmin, box.ymin)).toBeGreaterThanOrEqual(0);
      expect(box.xmax).toBeLessThanOrEqual(61);
      expect(box.ymax).toBeLessThanOrEqual(40);
    }
    const byDefault = all.filter(({ label, score }) => score >= (label === "cat" ? 0.2 : 0.3));
    expect(detector.detect(PICTURE)).toEqual(byDefault);
    expect(detector.detect(PICTURE, { threshold: 0, maxDetections: 2 })).toEqual(all.slice(0, 2));
    expect(detector.detect(PICTURE, { threshold: 1 })).toEqual([]);
  });

  test("overrides the input side", async () => {
    const detector = await Detector.load(fileOf(), { side: 96 });
    expect(detector.side).toBe(96);
    expect(detector.detect(PICTURE, { threshold: 0 }).length).toBeGreaterThan(0);
    await expect(Detector.load(fileOf(), { side: 0 })).rejects.toThrow("side is 0");
  });

  test("inspect: timings, and equal feature maps on both backends", async () => {
    const [fast, plain] = await Promise.all(
      (["wasm", "typescript"] as const).map((backend) => Detector.load(fileOf(), { backend })),
    );
    const [a, b] = [fast, plain].map((detector) => detector.inspect(PICTURE, { threshold: 0 }));
    expect(a.detections).toEqual(fast.detect(PICTURE, { threshold: 0 }));
    fast.inspect(PICTURE);
    expect(a.regions).toHaveLength(0);
    for (const time of Object.values(a.milliseconds)) expect(time).toBeGreaterThanOrEqual(0);
    const [ours, theirs] = [a.features(), b.features()];
    expect([ours.channels, ours.height, ours.width]).toEqual([4, 16, 16]);
    expect(ours.placement).toEqual(theirs.placement);
    ours.data.forEach((value, i) => {
      expect(value).toBeCloseTo(theirs.data[i], 4);
    });
  });

  test("reports download progress", async () => {
    const file = fileOf();
    const seen: unknown[] = [];
    const response = new Response(file.slice(), { headers: { "content-length": String(file.length) } });
    await Detector.load(response, { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ loaded: file.length, total: file.length });
    const gone = new Response("", { status: 404, statusText: "Not Found" });
    await expect(Detector.load(gone)).rejects.toThrow("404 Not Found");
  });
});

describe("sources and options", () => {
  test("any view of bytes; an aborted signal counts for bytes too", async () => {
    const file = fileOf();
    for (const source of [new Uint8ClampedArray(file), new DataView(file.slice().buffer)])
      expect((await Detector.load(source)).classes).toEqual(["cat", "dog"]);
    await expect(Detector.load(file, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/);
  });

  test.each<[string, unknown, RegExp]>([
    ["nothing", undefined, /^the model is undefined, expected a URL/],
    ["null", null, /^the model is null/],
    ["a number", 3, /^the model is number/],
    ["a path", "detector.safetensors", /^detector\.safetensors: not a URL.*read the file and pass its bytes/],
    ["a file URL", new URL("file:///x.safetensors"), /^file:\/\/\/x\.safetensors: not a URL that/],
  ])("%s is refused", async (_, source, message) => {
    await expect(Detector.load(source as string)).rejects.toThrow(message);
  });

  test.each<[object, RegExp]>([
    [{ threshold: Number.NaN }, /^threshold is NaN, expected 0 to 1/],
    [{ threshold: "abc" }, /^threshold is "abc"/],
    [{ threshold: 1.5 }, /^threshold is 1\.5/],
    [{ maxDetections: 2.5 }, /^maxDetections is 2\.5, expected an integer of at least 1/],
    [{ maxDetections: -1 }, /^maxDetections is -1/],
  ])("detect(picture, %o) is refused", async (options, message) => {
    const detector = await Detector.load(fileOf());
    expect(() => detector.detect(PICTURE, options)).toThrow(RangeError);
    expect(() => detector.detect(PICTURE, options)).toThrow(message);
  });

  test("null is a default, and infinity no limit", async () => {
    const detector = await Detector.load(fileOf(), { backend: null as never });
    expect(detector.backend).toBe("wasm");
    const all = detector.detect(PICTURE, { threshold: 0 });
    expect(detector.detect(PICTURE, { threshold: 0, maxDetections: null as never })).toEqual(all);
    const more = detector.detect(PICTURE, { threshold: 0, maxDetections: Number.POSITIVE_INFINITY });
    expect(more.length).toBeGreaterThan(all.length);
  });

  test("null options of load are defaults", async () => {
    const options = { side: null, onProgress: null, backend: null, signal: null } as never;
    const response = new Response(fileOf().slice());
    expect((await Detector.load(response, options)).side).toBe(64);
  });

  test("a download ends if onProgress throws, or with its signal", async () => {
    const slow = () => {
      const cancelled = vi.fn();
      const file = fileOf();
      const body = new ReadableStream({
        pull: (controller) => controller.enqueue(file.subarray(0, 10)),
        cancel: cancelled,
      });
      return { response: new Response(body), cancelled };
    };
    const thrown = slow();
    const failing = () => {
      throw new Error("mine");
    };
    await expect(Detector.load(thrown.response, { onProgress: failing })).rejects.toThrow("mine");
    expect(thrown.cancelled).toHaveBeenCalled();
    const aborted = slow();
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    await expect(Detector.load(aborted.response, { onProgress, signal: controller.signal })).rejects.toThrow(
      /abort/,
    );
    expect(aborted.cancelled).toHaveBeenCalled();
  });

  test("backend and side", async () => {
    await expect(Detector.load(fileOf(), { backend: "wsam" as never })).rejects.toThrow(/^backend is "wsam"/);
    for (const side of [0, 2.5, 9999, "96"])
      await expect(Detector.load(fileOf(), { side: side as number })).rejects.toThrow(
        /^side is .*1 to 8192$/,
      );
  });

  test("where WebAssembly is forbidden, plain TypeScript gives the same boxes; asked for, it is an error", async () => {
    const found = (await Detector.load(fileOf())).detect(PICTURE, { threshold: 0 });
    vi.resetModules();
    vi.stubGlobal("WebAssembly", {
      ...{ validate: () => true, Memory: WebAssembly.Memory, CompileError: WebAssembly.CompileError },
      Module: class {
        constructor() {
          throw new WebAssembly.CompileError("blocked by CSP");
        }
      },
    });
    const { Detector: Fresh } = await import("../src/index.js");
    const detector = await Fresh.load(fileOf());
    expect(detector.backend).toBe("typescript");
    expect(detector.detect(PICTURE, { threshold: 0 }).map(({ label }) => label)).toEqual(
      found.map(({ label }) => label),
    );
    await expect(Fresh.load(fileOf(), { backend: "wasm" })).rejects.toThrow(/blocked by CSP/);
    // A download that fails too is one error.
    await expect(Fresh.load("http://127.0.0.1:9/x")).rejects.toThrow(/fetch failed/);
    vi.unstubAllGlobals();
    vi.resetModules();
  });
});

describe("pictures", () => {
  test.each<[string, object, RegExp]>([
    [
      "floats",
      { data: new Float32Array(3), width: 1, height: 1 },
      /data is Float32Array, expected a Uint8Array/,
    ],
    ["16-bit integers", { data: new Uint16Array(3), width: 1, height: 1 }, /data is Uint16Array/],
    ["a list", { data: [1, 2, 3], width: 1, height: 1 }, /data is Array/],
    ["an ArrayBuffer", { data: new ArrayBuffer(3), width: 1, height: 1 }, /data is ArrayBuffer/],
    ["an image that is loading", { naturalWidth: 9, naturalHeight: 9, complete: false }, /still loading/],
    ["a video without a frame", { videoWidth: 9, videoHeight: 9, readyState: 1 }, /no current frame yet/],
  ])("%s: refused", async (_, picture, message) => {
    const detector = await Detector.load(fileOf());
    expect(() => detector.detect(picture as never)).toThrow(PictureError);
    expect(() => detector.detect(picture as never)).toThrow(message);
  });

  test("one beyond the size of the browser's canvases is refused, a transparent one is not", async () => {
    const detector = await Detector.load(fileOf());
    let limit = 4;
    vi.stubGlobal(
      "OffscreenCanvas",
      class {
        private filled = false;
        constructor(
          public width: number,
          public height: number,
        ) {}
        getContext() {
          return {
            drawImage: () => {
              this.filled = false;
            },
            fillRect: () => {
              this.filled = this.width <= limit;
            },
            getImageData: (_x: number, _y: number, width: number, height: number) => ({
              data: new Uint8ClampedArray(4 * width * height).fill(this.filled ? 255 : 0),
            }),
          };
        }
      },
    );
    const image = { naturalWidth: 4, naturalHeight: 4, complete: true };
    expect(detector.detect(image)).toBeInstanceOf(Array);
    limit = 3;
    expect(() => detector.detect(image)).toThrow(PictureError);
    expect(() => detector.detect(image)).toThrow(/4 x 4 is too large for this browser's canvas/);
    vi.unstubAllGlobals();
  });

  test("one that the page may not read is refused, and does not spoil the canvas for the next", async () => {
    const detector = await Detector.load(fileOf());
    vi.stubGlobal(
      "OffscreenCanvas",
      class {
        tainted = false;
        constructor(
          public width: number,
          public height: number,
        ) {}
        getContext() {
          return {
            drawImage: ({ foreign }: { foreign: boolean }) => {
              this.tainted ||= foreign;
            },
            getImageData: (_x: number, _y: number, width: number, height: number) => {
              if (this.tainted) throw new DOMException("The canvas has been tainted", "SecurityError");
              return { data: new Uint8ClampedArray(4 * width * height).fill(255) };
            },
          };
        }
      },
    );
    const image = (foreign: boolean) => ({ naturalWidth: 4, naturalHeight: 4, foreign });
    expect(() => detector.detect(image(true))).toThrow(PictureError);
    expect(() => detector.detect(image(true))).toThrow(/cannot be read: .*tainted.*attribute crossorigin/);
    expect(detector.detect(image(false))).toBeInstanceOf(Array);
    vi.unstubAllGlobals();
  });

  test.each([
    ["no pixels", { width: 0, height: 0, data: new Uint8Array(0) }, "0 x 0 pixels"],
    ["half a pixel", { width: 1.5, height: 2, data: new Uint8Array(9) }, "1.5 x 2 pixels"],
    ["grey bytes", { width: 4, height: 4, data: new Uint8Array(16) }, "16 bytes for 4 x 4"],
    ["too many", { width: 20_000, height: 20_000, data: new Uint8Array(0) }, "at most 100000000"],
    ["an element without a browser", { naturalWidth: 4, naturalHeight: 4 }, "without a browser"],
  ])("%s", async (_, picture, message) => {
    const detector = await Detector.load(fileOf());
    expect(() => detector.detect(picture)).toThrow(message);
    expect(() => detector.detect(picture)).toThrow(PictureError);
  });

  test("one pixel, one row, and 8000 x 8000 pixels", async () => {
    const detector = await Detector.load(fileOf());
    for (const [width, height] of [
      [1, 1],
      [500, 1],
      [8000, 8000],
    ])
      expect(
        detector.detect({ width, height, data: new Uint8Array(4 * width * height).fill(99) }),
      ).toBeInstanceOf(Array);
  });
});

const changed = (change: (description: Record<string, never>) => void): Parts => {
  const description = JSON.parse(JSON.stringify(DESCRIPTION));
  change(description);
  return { description };
};
// biome-ignore lint/suspicious/noExplicitAny: the contents of a damaged file have no type
type Anything = any;
const change = (body: (description: Anything) => void): Parts => changed(body);

describe("invalid", () => {
  test.each<[string, Parts, string]>([
    ["another format", { metadata: { format: "pt" } }, 'format is "pt"'],
    ["a later version", { metadata: { version: "2" } }, 'version is "2"'],
    ["no description", { metadata: { model: "{" } }, "not JSON"],
    ["no classes", change((d) => (d.classes = [])), "classes are []"],
    ["too few thresholds", change((d) => (d.thresholds = [0.5])), "one number for each of 2 classes"],
    ["a side of 0", change((d) => (d.input.side = 0)), "input side is 0"],
    ["a side of 1e9", change((d) => (d.input.side = 1e9)), "input side is 1000000000"],
    ["std of 0", change((d) => (d.input.std[1] = 0)), "std is 0"],
    ["half a level", change((d) => (d.input.levels = 0.5)), "input levels is 0.5"],
    ["too many levels", change((d) => (d.input.levels = 65_536)), "input levels is 65536"],
    ["a negative step", change((d) => (d.operations[0].step = -1)), "step is -1, expected 1e-30 to 1e+30"],
    ["a step that no float has", change((d) => (d.operations[0].step = 1e-40)), "step is 1e-40"],
    ["an unknown operation", change((d) => (d.operations[0].op = "attention")), '"attention": unknown'],
    ["an inherited name", change((d) => (d.operations[0].op = "constructor")), '"constructor": unknown'],
    ["an unknown field", change((d) => (d.operations[0].dilation = 2)), '"dilation" is unknown'],
    ["a cycle", change((d) => (d.operations[1].input = 2)), "operation 1, conv: input is 2"],
    ["an input that is not a number", change((d) => (d.operations[1].input = "0")), 'input is "0"'],
    ["a negative input", change((d) => (d.operations[1].input = -1)), "input is -1"],
    ["many channels", change((d) => (d.operations[1].channels = 60_000)), "the operations need"],
    [
      "a channel count of 1e12",
      change((d) => (d.operations[1].channels = 1e12)),
      "channels is 1000000000000",
    ],
    [
      "a type that is not text",
      { header: (header) => Object.assign(header.weights, { dtype: { toString: 1 } }) },
      "expected dtype F32 or I8",
    ],
    [
      "a grid that the stride does not divide",
      change((d) => (d.input.grid = 30)),
      "grid is 30, expected a multiple of the decoder's stride, 4",
    ],
    ["groups that do not fit", change((d) => (d.operations[1].groups = 3)), "in 3 groups"],
    ["an output that does not exist", change((d) => (d.outputs[1] = 9)), "distances is 9"],
    ["an output with other channels", change((d) => (d.outputs = [5, 3])), "4 channels, expected 2"],
    ["an output with another stride", change((d) => (d.decoder.stride = 8)), "4 pixels apart"],
    [
      "a regions decoder without proposals",
      change((d) => (d.decoder.of = "regions")),
      "proposals is undefined",
    ],
    ["no suppression", change((d) => delete d.decoder.keep.nms), "nms is undefined"],
    [
      "a kernel larger than the map",
      change((d) => {
        for (const operation of d.operations.slice(1, 3))
          Object.assign(operation, { kernel: 50, padding: 0 });
      }),
      "no cells",
    ],
    [
      "a NaN weight",
      { weights: WEIGHTS.map((w, i) => (i === 7 ? Number.NaN : w)) },
      "weights contains NaN at index 7",
    ],
    ["infinite biases", { biases: BIASES.map(() => 1 / 0) }, "biases contains Infinity at index 0"],
    ["too few weights", { weights: WEIGHTS.slice(1) }, "the operations need"],
    ["integers without scales", { weights: new Int8Array(WEIGHTS.length) }, "no tensor scales"],
    ["offsets beyond the file", { header: (h) => (h.biases.data_offsets[1] += 400) }, "has data_offsets"],
    [
      "a gap",
      { header: (h) => (h.biases.data_offsets = h.biases.data_offsets.map((o) => o + 4)) },
      "has data_offsets",
    ],
    [
      "overlapping tensors",
      { header: (h) => (h.biases.data_offsets = h.biases.data_offsets.map((o) => o - 4)) },
      "begins at byte",
    ],
  ])("%s", (_, parts, message) => {
    expect(() => parseModel(fileOf(parts))).toThrow(message);
    expect(() => parseModel(fileOf(parts))).toThrow(ModelError);
  });

  test("truncated anywhere", () => {
    const file = fileOf();
    for (let length = 0; length < file.length; length += 13)
      expect(() => parseModel(file.subarray(0, length))).toThrow(ModelError);
  });

  test("maps that would need gigabytes or hours", async () => {
    const up = (input: number) => ({ op: "upsample", input, factor: 16 });
    const big = change((d) => d.operations.push(up(5), up(6), up(7)));
    await expect(Detector.load(fileOf(big), { backend: "wasm" })).rejects.toThrow(/needs \d+ MiB/);
    const detector = await Detector.load(fileOf(big), { backend: "typescript" });
    expect(() => detector.detect(PICTURE)).toThrow(/needs \d+ MiB/);
  });

  test.each<[string, object]>([
    ["cells", { preNms: 1_000_000, keep: { nms: 1, vote: 0, detections: 1_000_000 } }],
    ["cells, one of them large", { preNms: 1_000_000, keep: { nms: 0.5, vote: 0.6, detections: 1000 } }],
  ])("a decoder that would compare too many pairs of boxes: %s", (_, changes) => {
    const description = { ...DESCRIPTION, decoder: { ...DESCRIPTION.decoder, ...changes } };
    expect(() => parseModel(fileOf({ description }))).toThrow(
      /decoder may compare \d+ million pairs of boxes/,
    );
  });

  test("a decoder of regions that would compare too many pairs", () => {
    const regions = { of: "regions", anchorSizes: [8], aspectRatios: [1], boxWeights: [1, 1, 1, 1] };
    const proposals = { score: 0, nms: 0.7, preNms: 1_000_000, postNms: 1000 };
    const description = { ...DESCRIPTION, decoder: { ...DESCRIPTION.decoder, ...regions, proposals } };
    expect(() => parseModel(fileOf({ description }))).toThrow(
      /1000 million pairs of boxes, expected at most 400/,
    );
  });

  test("operations on regions, if the decoder proposes none", () => {
    const roi = { op: "roiAlign", input: 2, size: 64, samples: 1, stride: 4 };
    const description = { ...DESCRIPTION, operations: [...DESCRIPTION.operations, roi] };
    expect(() => parseModel(fileOf({ description }))).toThrow(
      /operation 5 works on regions, but the decoder/,
    );
  });

  test("outputs that are equally large only for some pictures", async () => {
    // 2 x 2 pixels per cell, rounded up in one output and down in the other.
    const operations = [conv(0, 2, 3, { stride: 2, padding: 1 }), conv(0, 4, 2, { stride: 2, padding: 0 })];
    const [input, decoder] = [
      { ...DESCRIPTION.input, grid: 2 },
      { ...DESCRIPTION.decoder, stride: 2 },
    ];
    const description = { ...DESCRIPTION, ...{ operations, outputs: [1, 2], features: 1, input, decoder } };
    const parts = { description, weights: new Float32Array(102), biases: new Float32Array(6) };
    for (const backend of ["wasm", "typescript"] as const) {
      const detector = await Detector.load(fileOf(parts), { backend });
      expect(detector.detect({ width: 6, height: 4, data: new Uint8Array(72) })).toBeInstanceOf(Array);
    }
    const uneven = {
      ...description,
      ...{ input: { ...input, grid: 1 }, decoder: { ...decoder, stride: 1 } },
    };
    expect(() => parseModel(fileOf({ ...parts, description: uneven }))).toThrow(/cells are 2 pixels apart/);
  });

  test("features per region", () => {
    const file = Buffer.from(twoStageFile());
    const text = file.toString("latin1").replace('\\"features\\":6', '\\"features\\":9');
    expect(() => parseModel(new Uint8Array(Buffer.from(text, "latin1")))).toThrow(
      /features are value 9, which is per region: expected a map/,
    );
  });

  test("padding that would need more memory than the maps", async () => {
    const operations: Operation[] = [
      conv(0, 4, 4, { stride: 4, padding: 0, relu: 1 }),
      conv(1, 60_000, 1, { stride: 64, padding: 64, groups: 4 }),
      conv(1, 2, 1),
      conv(1, 4, 1),
      { op: "exp", input: 4, max: 5 },
    ];
    const shapes = inferShapes(operations, 64, 64);
    const total = (key: "weights" | "biases") =>
      operations.reduce((sum, operation) => sum + parametersOf(operation, shapes[operation.input])[key], 0);
    const description = {
      ...DESCRIPTION,
      ...{ operations: operations.map(formatOperation), outputs: [3, 5], features: 1 },
    };
    const file = fileOf({
      description,
      weights: new Float32Array(total("weights")),
      biases: new Float32Array(total("biases")),
    });
    const detector = await Detector.load(file, { backend: "wasm" });
    expect(() => detector.detect(PICTURE)).toThrow(ModelError);
    expect(() => detector.detect(PICTURE)).toThrow(/MiB of memory with the padding of its maps/);
  });

  test("maps whose size in floats does not fit into 32 bits", async () => {
    // The padding of the last convolution applies to all maps: 60,000 x (512 + 64 rows) x (1 + 64 columns).
    const operations: Operation[] = [
      conv(0, 60_000, 1, { stride: 16, padding: 0, groups: 1 }),
      conv(0, 4, 16, { stride: 16, padding: 0 }),
      conv(2, 2, 129, { padding: 64, groups: 2 }),
      conv(2, 4, 1),
    ];
    const total = (key: "weights" | "biases") => {
      const shapes = inferShapes(operations, 64, 64);
      return operations.reduce((sum, one) => sum + parametersOf(one, shapes[one.input])[key], 0);
    };
    const input = { ...DESCRIPTION.input, side: 8192, grid: 16 };
    const decoder = { ...DESCRIPTION.decoder, stride: 16 };
    const listed = { operations: operations.map(formatOperation), outputs: [3, 4], features: 2 };
    const file = fileOf({
      description: { ...DESCRIPTION, ...listed, input, decoder },
      weights: new Float32Array(total("weights")),
      biases: new Float32Array(total("biases")),
    });
    const loading = Detector.load(file, { backend: "wasm" });
    const tall = { width: 16, height: 8192, data: new Uint8Array(3 * 16 * 8192) };
    await expect(loading.then((detector) => detector.detect(tall))).rejects.toThrow(ModelError);
  });

  test("finite weights that overflow", async () => {
    for (const backend of ["wasm", "typescript"] as const) {
      const detector = await Detector.load(fileOf({ weights: WEIGHTS.map((w) => w * 1e30) }), { backend });
      expect(() => detector.detect(PICTURE)).toThrow("NaN or infinity");
    }
  });

  test("14,000 damaged files either run or throw ModelError", { timeout: 120_000 }, async () => {
    const files = [fileOf(), twoStageFile()];
    expect((await Detector.load(files[1])).inspect(PICTURE).regions.length).toBeGreaterThan(0);
    let state = 5;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const seen = { refused: 0, run: 0 };
    for (let i = 0; i < 14_000; i++) {
      const damaged = DAMAGES[i % DAMAGES.length](files[Math.floor(i / DAMAGES.length) % 2], random);
      try {
        const detector = await Detector.load(damaged, { backend: i % 8 === 0 ? "typescript" : "wasm" });
        detector.detect(PICTURE, { threshold: 0 });
        seen.run++;
      } catch (error) {
        expect(error, String((error as Error).stack)).toBeInstanceOf(ModelError);
        seen.refused++;
      }
    }
    expect(Math.min(seen.run, seen.refused)).toBeGreaterThan(1000);
  });
});

type Damage = (file: Uint8Array, random: (below: number) => number) => Uint8Array;

/** The header's length, and where it ends. */
const headerOf = (file: Uint8Array) => 8 + new DataView(file.buffer, file.byteOffset).getUint32(0, true);

/** Changes one to three bytes; in the first case digits of the header stay digits, so that it is still JSON. */
const bytes =
  (of: "digits" | "header" | "file"): Damage =>
  (file, random) => {
    const damaged = file.slice();
    for (let k = 0; k <= random(3); k++) {
      const at = random(of === "file" ? file.length : headerOf(file));
      const digit = of === "digits" && damaged[at] >= 48 && damaged[at] <= 57;
      damaged[at] = digit ? 48 + random(10) : random(256);
    }
    return damaged;
  };

const EXTREMES = [0, -1, 1, 2, 63, 65_536, 1e9, 2 ** 53, 1e308, -1e308, 0.5, null, "1", [], {}];

/** One number, list or object of the model's description becomes something else, or is removed. */
const described: Damage = (file, random) => {
  const end = headerOf(file);
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, end)));
  const model = JSON.parse(header.__metadata__.model);
  const places: [Record<string, unknown>, string][] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const key of Object.keys(value)) {
      places.push([value as Record<string, unknown>, key]);
      visit((value as Record<string, unknown>)[key]);
    }
  };
  visit(model);
  const [parent, key] = places[random(places.length)];
  if (random(8) === 0) delete parent[key];
  else parent[key] = EXTREMES[random(EXTREMES.length)];
  header.__metadata__.model = JSON.stringify(model);
  const text = new TextEncoder().encode(JSON.stringify(header));
  const damaged = new Uint8Array(8 + text.length + file.length - end);
  new DataView(damaged.buffer).setUint32(0, text.length, true);
  damaged.set(text, 8);
  damaged.set(file.subarray(end), 8 + text.length);
  return damaged;
};

const DAMAGES: Damage[] = [
  bytes("digits"),
  bytes("digits"),
  bytes("header"),
  bytes("file"),
  described,
  described,
  (file, random) => file.slice(0, random(file.length)),
];
