// The mimic loss, in both forms and for each quantizer, against the formula written out over regions.
import { backward, type Conv2d, copy, mul, noGrad, scope, setPrecision, sum, tensor } from "@qmimic/torch";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { decodeFeatures, encodeFeatures } from "../../src/mimic/dictionary.js";
import { createRegressor, type MimicSettings, mimicLoss, predict } from "../../src/mimic/mimic.js";
import { addBackground, cellWeights, regionCells } from "../../src/mimic/regions.js";
import type { Quantizer, TrainingPass } from "../../src/models/index.js";
import { quantize, quantizePow2 } from "../../src/native/quantize.js";
import { expectClose } from "../models/torchvision.js";

const [batch, own, channels, height, width, stride] = [2, 3, 5, 6, 8, 16];
/** Every image fills its canvas. */
const placed = Float32Array.of(0, 0, 128, 96, 0, 0, 128, 96);
const proposals = [Float32Array.of(0, 0, 60, 40, 30, 20, 128, 96), Float32Array.of(50, 50, 51, 51)];
const targets = proposals.map(() => ({
  boxes: new Float32Array(0),
  labels: new Int32Array(0),
  ignore: new Float32Array(0),
}));

const uniform: Quantizer = { kind: "uniform", stride: 0.5 };
const powers: Quantizer = { kind: "power-of-two", minExponent: -2, maxExponent: 1 };
const none: Quantizer = { kind: "none" };
const QUANTIZERS: [string, Quantizer][] = [
  ["uniform", uniform],
  ["power-of-two", powers],
  ["none", none],
];

const random = createRandom("mimic");
const fill = (length: number, low: number, high: number) =>
  Float32Array.from({ length }, () => low + (high - low) * random());
const studentMap = fill(batch * own * height * width, -1, 2);
const teacherMap = fill(batch * channels * height * width, -0.5, 3);
const regressor: Conv2d = createRegressor(own, channels, createRandom("regressor"));

const round = (values: Float32Array, quantizer: Quantizer): Float32Array => {
  if (quantizer.kind === "none") return values;
  const x = tensor(values);
  return quantizer.kind === "uniform"
    ? quantize(x, quantizer.stride).toFloat32()
    : quantizePow2(x, quantizer.minExponent, quantizer.maxExponent).toFloat32();
};

interface Run {
  loss: number;
  matched: number;
  zero: number;
  compared: number;
  /** Of the loss in the regressor's bias, [channels]. */
  biasGradient: Float32Array;
  /** Of the loss in the student's map. */
  mapGradient: Float32Array;
  prediction: Float32Array;
  /** Norm of the gradient in the regressor's weights of each channel. */
  weightGradients: number[];
}

function run(
  quantizer: Quantizer,
  regionForm: MimicSettings["regionForm"],
  boxes = proposals,
  changes: Partial<MimicSettings> = {},
): Run {
  const settings: MimicSettings = {
    regions: "proposals",
    regionForm,
    mimicRegions: 16,
    loss: "squared",
    background: 0,
    quantizer,
    predictionQuantizer: quantizer,
    stride,
    roiSize: 3,
    heads: false,
    teacherScale: 1,
    ...changes,
  };
  return scope(() => {
    const features = tensor(studentMap, [batch, own, height, width]);
    features.requiresGrad = true;
    const stored = encodeFeatures(tensor(teacherMap, [batch, channels, height, width]), quantizer);
    const pass = { features, regions: () => boxes } as unknown as TrainingPass;
    const { loss, counts } = mimicLoss({ pass, stored, targets, placed, regressor }, settings, random);
    for (const one of regressor.parameters()) one.clearGrad();
    backward(loss);
    return {
      loss: loss.item(),
      ...counts,
      biasGradient: regressor.bias!.grad!.toFloat32(),
      mapGradient: features.grad!.toFloat32(),
      prediction: regressor.forward(features).toFloat32(),
      weightGradients: Array.from({ length: channels }, (_, c) =>
        Math.hypot(...regressor.weight.grad!.toFloat32().subarray(c * own, (c + 1) * own)),
      ),
    };
  });
}

/** Teacher's values as stored: half precision without quantizer. */
const goal = (quantizer: Quantizer): Float32Array =>
  scope(() => decodeFeatures(encodeFeatures(tensor(teacherMap), quantizer), quantizer).toFloat32());

/** Lm = 1/(2N) sum_i 1/m_i ||.||^2, and its gradient in the prediction, region by region. */
function formula(quantizer: Quantizer, prediction: Float32Array, ofStudent = quantizer) {
  const [student, teacher] = [scope(() => round(prediction, ofStudent)), goal(quantizer)];
  const count = proposals.reduce((all, list) => all + list.length / 4, 0);
  let loss = 0;
  const biasGradient = new Float64Array(channels);
  const seen = new Set<number>();
  proposals.forEach((list, image) => {
    for (let k = 0; k < list.length; k += 4) {
      const { x0, y0, x1, y1 } = regionCells(list.subarray(k, k + 4), stride, height, width);
      const values = (x1 - x0) * (y1 - y0) * channels;
      for (let c = 0; c < channels; c++) {
        for (let y = y0; y < y1; y++) {
          for (let x = x0; x < x1; x++) {
            const at = ((image * channels + c) * height + y) * width + x;
            const gap = student[at] - teacher[at];
            loss += (gap * gap) / (2 * count * values);
            biasGradient[c] += gap / (count * values);
            seen.add(at);
          }
        }
      }
    }
  });
  const equal = [...seen].filter((at) => student[at] === teacher[at]);
  const zero = equal.filter((at) => teacher[at] === 0).length;
  return { loss, biasGradient, matched: equal.length, zero, compared: seen.size };
}

describe.each(QUANTIZERS)("form cells, quantizer %s", (_, quantizer) => {
  test("is the formula, with a straight-through gradient", () => {
    const actual = run(quantizer, "cells");
    const expected = formula(quantizer, actual.prediction);
    expect(actual.loss).toBeCloseTo(expected.loss, 5);
    expectClose(actual.biasGradient, expected.biasGradient, 1e-4);
    if (quantizer.kind === "none") return;
    const { matched, zero, compared } = expected;
    expect([actual.matched, actual.zero, actual.compared]).toEqual([matched, zero, compared]);
  });

  test("with quantize-prediction false, only the teacher's map is quantized", () => {
    const actual = run(quantizer, "cells", proposals, { predictionQuantizer: none });
    const expected = formula(quantizer, actual.prediction, none);
    expect(actual.loss).toBeCloseTo(expected.loss, 5);
    expectClose(actual.biasGradient, expected.biasGradient, 1e-4);
    expect([actual.matched, actual.zero, actual.compared]).toEqual([0, 0, 0]);
  });
});

/** adaptive_max_pool2d: cell i of n covers floor(i size / n) to ceil((i + 1) size / n). */
function pooled(
  map: Float32Array,
  { image, c }: { image: number; c: number },
  box: ReturnType<typeof regionCells>,
  n: number,
): number[] {
  const out: number[] = [];
  for (let i = 0; i < n * n; i++) {
    const [row, column] = [Math.floor(i / n), i % n];
    const [h, w] = [box.y1 - box.y0, box.x1 - box.x0];
    let best = Number.NEGATIVE_INFINITY;
    for (let y = Math.floor((row * h) / n); y < Math.ceil(((row + 1) * h) / n); y++) {
      for (let x = Math.floor((column * w) / n); x < Math.ceil(((column + 1) * w) / n); x++) {
        best = Math.max(best, map[((image * channels + c) * height + box.y0 + y) * width + box.x0 + x]);
      }
    }
    out.push(best);
  }
  return out;
}

describe.each(QUANTIZERS)("form rois, quantizer %s", (_, quantizer) => {
  test("is the squared difference of max-pooled regions", () => {
    const actual = run(quantizer, "rois");
    const [student, teacher] = [scope(() => round(actual.prediction, quantizer)), goal(quantizer)];
    let [loss, matched, zero, compared] = [0, 0, 0, 0];
    proposals.forEach((list, image) => {
      for (let k = 0; k < list.length; k += 4) {
        const box = regionCells(list.subarray(k, k + 4), stride, height, width);
        for (let c = 0; c < channels; c++) {
          const goals = pooled(teacher, { image, c }, box, 3);
          pooled(student, { image, c }, box, 3).forEach((value, i) => {
            loss += (value - goals[i]) ** 2;
            matched += Number(value === goals[i]);
            zero += Number(value === goals[i] && value === 0);
            compared++;
          });
        }
      }
    });
    expect(actual.loss).toBeCloseTo(loss / (2 * compared), 4);
    expect(actual.mapGradient.some((value) => value !== 0)).toBe(true);
    if (quantizer.kind === "none") return;
    expect([actual.matched, actual.zero, actual.compared]).toEqual([matched, zero, compared]);
  });
});

/** Weight of each cell: the mean over regions, and over the cells outside of them. */
function weightsOf(background: number): number[] {
  const weights = new Array(batch * height * width).fill(0);
  const count = proposals.reduce((all, list) => all + list.length / 4, 0);
  proposals.forEach((list, image) => {
    for (let k = 0; k < list.length; k += 4) {
      const { x0, y0, x1, y1 } = regionCells(list.subarray(k, k + 4), stride, height, width);
      for (let y = y0; y < y1; y++)
        for (let x = x0; x < x1; x++)
          weights[(image * height + y) * width + x] += 1 / (2 * count * (x1 - x0) * (y1 - y0) * channels);
    }
  });
  const outside = weights.filter((weight) => weight === 0).length;
  return weights.map((weight) => (weight === 0 ? background / (2 * outside * channels) : weight));
}

/** The values of one channel with the weights of their cells. */
function channelOf(map: Float32Array, channel: number): number[] {
  const plane = height * width;
  return Array.from(
    { length: batch * plane },
    (_, at) => map[(Math.floor(at / plane) * channels + channel) * plane + (at % plane)],
  );
}

describe.each(QUANTIZERS)("quantizer %s", (_, quantizer) => {
  test("the background counts as much as its weight says, apart from the regions", () => {
    const actual = run(quantizer, "cells", proposals, { background: 0.7 });
    const [student, teacher] = [scope(() => round(actual.prediction, quantizer)), goal(quantizer)];
    const weights = weightsOf(0.7);
    let loss = 0;
    for (let c = 0; c < channels; c++) {
      const [s, t] = [channelOf(student, c), channelOf(teacher, c)];
      weights.forEach((weight, at) => {
        loss += weight * (s[at] - t[at]) ** 2;
      });
    }
    expect(actual.loss).toBeCloseTo(loss, 4);
    expect(actual.loss).toBeGreaterThan(run(quantizer, "cells").loss);
    // Cells with a weight are not only those in regions.
    expect(actual.compared).toBe(0);
  });

  test.each([0, 1])(
    "correlation: 2 (1 - Pearson's) but for the floor of the variances, background %f",
    (background) => {
      const actual = run(quantizer, "cells", proposals, { loss: "correlation", background });
      const [student, teacher] = [scope(() => round(actual.prediction, quantizer)), goal(quantizer)];
      const weights = weightsOf(background);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const mean = (values: number[]) => values.reduce((sum, v, at) => sum + (weights[at] * v) / total, 0);
      const centered = (values: number[]) => {
        const middle = mean(values);
        return values.map((value) => value - middle);
      };
      let loss = 0;
      for (let c = 0; c < channels; c++) {
        const [s, t] = [student, teacher].map((map) => centered(channelOf(map, c)));
        const product = (a: number[], b: number[]) => mean(a.map((value, at) => value * b[at]));
        const floor = { uniform: 0.25 ** 2, "power-of-two": 0.125 ** 2, none: 1e-6 }[quantizer.kind];
        const [ss, tt] = [product(s, s), product(t, t)];
        loss += total * (ss / (ss + floor) + tt / (tt + floor));
        loss -= (2 * total * product(s, t)) / Math.sqrt((ss + floor) * (tt + floor));
      }
      expect(actual.loss).toBeCloseTo(loss, 3);
      expect(actual.mapGradient.some((value) => value !== 0)).toBe(true);
      // Without the teacher's scale, matches are chance.
      expect(actual.compared).toBe(0);
    },
  );
});

test.each([
  ["uniform", uniform],
  ["power-of-two", powers],
])(
  "correlation, quantizer %s: a channel that rounding makes constant has a gradient like others",
  (_, quantizer) => {
    const before = scope(() => regressor.bias!.toFloat32());
    const setBias = (values: Float32Array) =>
      noGrad(() => scope(() => copy(regressor.bias!, tensor(values))));
    setBias(before.map((value, c) => (c === 0 ? -100 : value)));
    const { weightGradients } = run(quantizer, "cells", proposals, { loss: "correlation" });
    setBias(before);
    const [constant, ...others] = weightGradients;
    expect(constant).toBeGreaterThan(0);
    expect(constant).toBeLessThan(10 * Math.max(...others));
  },
);

test("padding is not background", () => {
  const weights = cellWeights([Float32Array.of(0, 0, 16, 16)], { stride, channels, height, width });
  addBackground(weights, Float32Array.of(0, 0, 48, 32), { stride, channels, height, width }, 1);
  // Three by two cells on the image, one of them in the region.
  const outside = 1 / (2 * 5 * channels);
  const expected = new Float32Array(height * width);
  for (const at of [1, 2, width, width + 1, width + 2]) expected[at] = outside;
  expected[0] = 1 / (2 * channels);
  expect([...weights]).toEqual([...expected]);
});

test("correlation does not depend on the scale of the student's features, and without regions is 0", () => {
  const correlation = { loss: "correlation" } as const;
  const before = run(none, "cells", proposals, correlation).loss;
  noGrad(() =>
    scope(() => {
      for (const parameter of regressor.parameters()) copy(parameter, mul(parameter, 3));
    }),
  );
  expect(run(none, "cells", proposals, correlation).loss).toBeCloseTo(before, 5);
  noGrad(() =>
    scope(() => {
      for (const parameter of regressor.parameters()) copy(parameter, mul(parameter, 1 / 3));
    }),
  );
  const nothing = [new Float32Array(0), new Float32Array(0)];
  const { loss, mapGradient } = run(uniform, "cells", nothing, correlation);
  expect(loss).toBe(0);
  expect(mapGradient.every((value) => Math.abs(value) === 0)).toBe(true);
});

test.each(["cells", "rois"] as const)("form %s without regions is 0, with zero gradient", (form) => {
  const { loss, matched, compared, mapGradient } = run(uniform, form, [
    new Float32Array(0),
    new Float32Array(0),
  ]);
  expect([loss, matched, compared]).toEqual([0, 0, 0]);
  expect(mapGradient.every((value) => Math.abs(value) === 0)).toBe(true);
});

test.each(["cells", "rois"] as const)(
  "form %s is 0, all matched, for a student that equals the teacher",
  (form) => {
    scope(() => {
      const equal = createRegressor(channels, channels, random);
      // The layer that changes nothing.
      const eye = new Float32Array(channels * channels).map((_, i) => Number(i % (channels + 1) === 0));
      noGrad(() => copy(equal.weight, tensor(eye, [channels, channels, 1, 1])));
      const features = tensor(teacherMap, [batch, channels, height, width]);
      const settings = {
        regions: "proposals",
        regionForm: form,
        mimicRegions: 16,
        loss: "squared",
        background: 0,
        quantizer: uniform,
        predictionQuantizer: uniform,
        stride,
        roiSize: 3,
        heads: false,
        teacherScale: 1,
      } as const;
      const pass = { features, regions: () => proposals } as unknown as TrainingPass;
      const stored = encodeFeatures(features, uniform);
      const result = mimicLoss({ pass, stored, targets, placed, regressor: equal }, settings, random);
      expect(result.loss.item()).toBe(0);
      expect(result.counts.matched).toBe(result.counts.compared);
      expect(result.counts.compared).toBeGreaterThan(0);
    });
  },
);

describe("dictionary", () => {
  const values = fill(500, -1, 3);

  test.each([
    ["uniform", uniform],
    ["power-of-two", powers],
  ])("%s: stored in bytes, and back to the rounded features", (_, quantizer) => {
    scope(() => {
      const stored = encodeFeatures(tensor(values, [5, 100]), quantizer);
      expect([stored.dtype, stored.shape]).toEqual(["uint8", [5, 100]]);
      const decoded = decodeFeatures(stored, quantizer);
      expect(decoded.shape).toEqual([5, 100]);
      expect([...decoded.toFloat32()]).toEqual([...round(values, quantizer)]);
      // Rounded once, features stay what they are.
      expect(encodeFeatures(decoded, quantizer).toArray()).toEqual(stored.toArray());
    });
  });

  test("power-of-two indices are 0, then one a power", () => {
    scope(() => {
      const stored = encodeFeatures(tensor([-3, 0, 0.25, 0.5, 1, 2, 7]), powers);
      expect([...stored.toArray()]).toEqual([0, 0, 1, 2, 3, 4, 4]);
    });
  });

  test("without quantizer features are kept in half precision", () => {
    scope(() => {
      const stored = encodeFeatures(tensor(values), none);
      expect(stored.dtype).toBe("float16");
      expectClose(decodeFeatures(stored, none).toFloat32(), values, 5e-4);
      expect(sum(decodeFeatures(encodeFeatures(tensor([0.5, -2]), none), none)).item()).toBe(-1.5);
    });
  });
});

test("wide r is computed in float32 also if the networks' precision is bfloat16: Q comes next", () => {
  scope(() => {
    const wide = createRegressor(32, 32, createRandom("wide"));
    const map = tensor(fill(32 * 4, -1, 2), [1, 32, 2, 2]);
    const exact = predict(wide, map).toFloat32();
    setPrecision("bfloat16");
    try {
      const found = predict(wide, map);
      expect(found.dtype).toBe("float32");
      expect([...found.toFloat32()]).toEqual([...exact]);
    } finally {
      setPrecision("float32");
    }
  });
});
