// qmimic::roi_align against a slow reference: the weight of each feature cell in each output cell.
import { expect, test } from "vitest";
import { type RoiAlignOptions, roiAlign, type Tensor, tensor } from "../../src/index.js";
import { evaluate, expectClose, regions, seeded, sizeOf, uniform } from "../helpers.js";

/** One axis of a bilinear sample (He et al., Mask R-CNN): cells and their weights; empty more than one cell outside. */
function axis(at: number, size: number): [cell: number, weight: number][] {
  if (at < -1 || at > size) return [];
  const inside = Math.max(0, at);
  const low = Math.floor(inside);
  if (low >= size - 1) return [[size - 1, 1]];
  return [
    [low, 1 - (inside - low)],
    [low + 1, inside - low],
  ];
}

interface Weight {
  output: number;
  input: number;
  weight: number;
}

function weights(shape: number[], rois: Float32Array, options: RoiAlignOptions): Weight[] {
  const [, channels, height, width] = shape;
  const { spatialScale, pooled, samplingRatio, aligned } = options;
  const found: Weight[] = [];
  for (let k = 0; k < rois.length / 5; k++) {
    const image = rois[5 * k];
    const shift = aligned ? 0.5 : 0;
    const [x0, y0, x1, y1] = [1, 2, 3, 4].map((c) => rois[5 * k + c] * spatialScale - shift);
    const minSide = aligned ? Number.NEGATIVE_INFINITY : 1;
    const [cellWidth, cellHeight] = [
      Math.max(x1 - x0, minSide) / pooled,
      Math.max(y1 - y0, minSide) / pooled,
    ];
    for (let bin = 0; bin < pooled * pooled; bin++) {
      for (let sample = 0; sample < samplingRatio ** 2; sample++) {
        const y =
          y0 +
          (Math.floor(bin / pooled) + (Math.floor(sample / samplingRatio) + 0.5) / samplingRatio) *
            cellHeight;
        const x = x0 + ((bin % pooled) + ((sample % samplingRatio) + 0.5) / samplingRatio) * cellWidth;
        for (const [row, wy] of axis(y, height)) {
          for (const [column, wx] of axis(x, width)) {
            for (let c = 0; c < channels; c++) {
              found.push({
                output: (k * channels + c) * pooled * pooled + bin,
                input: ((image * channels + c) * height + row) * width + column,
                weight: (wy * wx) / samplingRatio ** 2,
              });
            }
          }
        }
      }
    }
  }
  return found;
}

function compare(shape: number[], rois: Tensor, options: RoiAlignOptions): void {
  const random = seeded(shape[1]);
  const features = { shape, data: uniform(sizeOf(shape), random) };
  const [count] = rois.shape;
  const gradient = uniform(count * shape[1] * options.pooled ** 2, random);
  const output = new Float64Array(gradient.length);
  const inputGradient = new Float64Array(features.data.length);
  for (const { output: to, input, weight } of weights(shape, rois.toFloat32(), options)) {
    output[to] += weight * features.data[input];
    inputGradient[input] += weight * gradient[to];
  }
  const actual = evaluate((x) => roiAlign(x, rois, options), [features], gradient);
  const what = `${shape} ${JSON.stringify(options)}`;
  expect(actual.shape).toEqual([count, shape[1], options.pooled, options.pooled]);
  expectClose(actual.output, output, 1e-5, `${what}: output`);
  expectClose(actual.gradients[0], inputGradient, 2e-5, `${what}: gradient`);
}

export function roiAlignCases(): void {
  test("roiAlign is the bilinear average, channels 1 to 33, with its gradient", () => {
    for (let channels = 1; channels <= 33; channels += 4) {
      const [height, width] = [3 + (channels % 7), 2 + (channels % 9)];
      const rois = regions([0, 1], 8 * height, 8 * width, seeded(channels));
      const aligned = channels % 8 === 1;
      compare([2, channels, height, width], rois, {
        spatialScale: 1 / 8,
        pooled: 3,
        samplingRatio: 2,
        aligned,
      });
    }
  });

  test("roiAlign with other sizes, samples and scales", () => {
    for (const [pooled, samplingRatio, stride] of [
      [7, 2, 16],
      [1, 1, 4],
      [2, 3, 1],
    ]) {
      for (const aligned of [false, true]) {
        const rois = regions([0, 1, 2], 9 * stride, 11 * stride, seeded(pooled));
        compare([3, 5, 9, 11], rois, { spatialScale: 1 / stride, pooled, samplingRatio, aligned });
      }
    }
  });

  const options = { spatialScale: 0.125, pooled: 7, samplingRatio: 2, aligned: false };

  test("roiAlign of no boxes is empty", () => {
    const features = { shape: [1, 4, 5, 6], data: new Float32Array(120) };
    const none = tensor(new Float32Array(0), [0, 5]);
    const { shape, gradients } = evaluate((x) => roiAlign(x, none, options), [features], null);
    expect(shape).toEqual([0, 4, 7, 7]);
    expect(gradients[0].every((value) => value === 0)).toBe(true);
  });

  test("roiAlign rejects a box with an invalid image index", () => {
    const features = tensor(new Float32Array(120), [1, 4, 5, 6]);
    expect(() => roiAlign(features, tensor([1, 0, 0, 8, 8], [1, 5]), options)).toThrow(
      /rois\[0\] names image 1/,
    );
  });

  test("roiAlign gives the same bits twice", () => {
    const features = { shape: [2, 19, 12, 15], data: uniform(2 * 19 * 12 * 15, seeded(1)) };
    const rois = regions([0, 1], 96, 120, seeded(2));
    const gradient = uniform(rois.shape[0] * 19 * 49, seeded(3));
    const run = () => evaluate((x) => roiAlign(x, rois, options), [features], gradient);
    expect(run()).toEqual(run());
  });
}
