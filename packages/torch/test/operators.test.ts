// Operators and their gradients against values computed by PyTorch and torchvision (fixtures/make_fixtures.py).
import { closeSync, openSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  backward,
  batchNorm,
  binaryCrossEntropyWithLogits,
  conv2d,
  crossEntropy,
  gridSample,
  linear,
  maxPool2d,
  mul,
  operator,
  psRoiAlign,
  type Reduction,
  readMaps,
  relu,
  roiAlign,
  scope,
  smoothL1,
  softmax,
  sum,
  type Tensor,
  tensor,
} from "../src/index.js";
import { expectClose, type Packed } from "./helpers.js";

interface Case {
  op: string;
  name: string;
  inputs: Record<string, Packed>;
  options: Record<string, unknown>;
  output: Packed;
  outputGrad: Packed;
  grads: Record<string, Packed>;
  stateBefore?: Record<string, Packed>;
  stateAfter?: Record<string, Packed>;
}

const cases: Case[] = JSON.parse(readFileSync(new URL("./fixtures/operators.json", import.meta.url), "utf8"));

type Inputs = Record<string, Tensor>;
const maxPoolOf = operator("aten::max_pool2d");
const avgPoolOf = operator("aten::avg_pool2d");
const logSoftmaxOf = operator("aten::log_softmax.int");

// biome-ignore lint/suspicious/noExplicitAny: each operator's options have their own types in the file of cases.
const calls: Record<string, (inputs: Inputs, options: any) => Tensor> = {
  conv2d: ({ x, weight, bias }, options) => conv2d(x, weight, bias ?? null, options),
  batch_norm: ({ x, weight, bias, runningMean, runningVar }, { training, momentum, eps }) =>
    batchNorm(x, weight, bias, runningMean, runningVar, training, momentum, eps),
  linear: ({ x, weight, bias }) => linear(x, weight, bias),
  relu: ({ x }) => relu(x),
  max_pool2d: ({ x }, { kernel, stride, padding, ceilMode }) =>
    ceilMode
      ? maxPoolOf(x, [kernel, kernel], [stride, stride], [padding, padding], [1, 1], true)
      : maxPool2d(x, kernel, stride, padding),
  avg_pool2d: ({ x }, { kernel }) => avgPoolOf(x, [kernel, kernel]),
  softmax: ({ x }, { dim }) => softmax(x, dim),
  log_softmax: ({ x }, { dim }) => logSoftmaxOf(x, dim),
  cross_entropy: ({ x, target }, { reduction }: { reduction: Reduction }) =>
    crossEntropy(x, target, reduction),
  binary_cross_entropy_with_logits: ({ x, target }, { reduction }) =>
    binaryCrossEntropyWithLogits(x, target, reduction),
  smooth_l1_loss: ({ x, target }, { beta, reduction }) => smoothL1(x, target, beta, reduction),
  grid_sample: ({ x, grid }, { mode, padding, alignCorners }) =>
    gridSample(x, grid, mode, padding, alignCorners),
  roi_align: ({ x, rois }, options) => roiAlign(x, rois, options),
  ps_roi_align: ({ x, rois }, options) => psRoiAlign(x, rois, options),
};

test.each(cases)(
  "$op $name",
  ({ op, inputs, options, output, outputGrad, grads, stateBefore, stateAfter }) => {
    scope(() => {
      const given: Inputs = {};
      for (const [name, { shape, data }] of Object.entries({ ...inputs, ...stateBefore })) {
        const classes = op === "cross_entropy" && name === "target";
        given[name] = classes
          ? tensor(BigInt64Array.from(data, BigInt), shape)
          : tensor(Float32Array.from(data), shape);
      }
      for (const name of Object.keys(grads)) given[name].requiresGrad = true;
      const result = calls[op](given, options);
      expect(result.shape).toEqual(output.shape);
      expectClose(result.toFloat32(), output.data, 1e-5, "output");
      backward(sum(mul(result, tensor(outputGrad.data, outputGrad.shape))));
      for (const [name, { data }] of Object.entries(grads)) {
        expectClose(given[name].grad!.toFloat32(), data, 1e-5, `gradient of ${name}`);
      }
      for (const [name, { data }] of Object.entries(stateAfter ?? {})) {
        expectClose(given[name].toFloat32(), data, 1e-5, name);
      }
    });
  },
);

test("maps are read into a batch with zeros around, cut at its edges", () => {
  const path = join(tmpdir(), `qmimic-maps-${process.pid}.bin`);
  writeFileSync(path, Uint8Array.from([99, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0x00, 0x3c, 0x00, 0x40]));
  const file = openSync(path, "r");
  try {
    scope(() => {
      const one = { at: 1, height: 2, width: 2 };
      const two = { at: 5, height: 3, width: 2 };
      const placed = readMaps(file, [one, two, one], [0, -1, 2], [1, -1, 0], [1, 2, 3], "uint8");
      expect(placed.shape).toEqual([3, 1, 2, 3]);
      expect([...placed.toArray()]).toEqual([0, 1, 2, 0, 3, 4, 8, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0]);
      const whole = readMaps(file, [{ at: 1, height: 1, width: 3 }], [0], [0], [2, 1, 3], "uint8");
      expect([...whole.toArray()]).toEqual([1, 2, 3, 4, 5, 6]);
      const half = { at: 11, height: 1, width: 2 };
      expect([...readMaps(file, [half], [0], [1], [1, 1, 2], "float16").toArray()]).toEqual([0, 0x3c00]);
      expect(() => readMaps(file, [{ ...two, at: 10 }], [0], [0], [1, 3, 2], "uint8")).toThrow(
        /read_maps: the file ends after 15 bytes, expected at least 16/,
      );
      expect(() => readMaps(file, [one], [0, 0], [0], [1, 2, 2], "uint8")).toThrow(
        /1 maps.*2 rows and 1 columns/,
      );
      expect(() => readMaps(file, [], [], [], [1, 2, 2], "uint8")).toThrow(/read_maps/);
    });
  } finally {
    closeSync(file);
    unlinkSync(path);
  }
  expect(() => readMaps(file, [{ at: 0, height: 1, width: 1 }], [0], [0], [1, 1, 1], "uint8")).toThrow(
    /read_maps: Bad file descriptor/,
  );
});
