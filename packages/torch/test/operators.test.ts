// Operators and their gradients against values computed by PyTorch and torchvision (fixtures/make_fixtures.py).
import { readFileSync } from "node:fs";
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
  batch_norm: ({ x, weight, bias, runningMean, runningVar }, options) =>
    batchNorm(x, { weight, bias, runningMean, runningVar }, options),
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
    gridSample(x, grid, { interpolation: mode, padding, alignCorners }),
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
