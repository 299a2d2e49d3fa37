// Typed functions for common operators. Semantics, shapes and errors are libtorch's.
import { operator } from "./dispatcher.js";
import type { DType, Tensor } from "./tensor.js";

type Pair = number | readonly [number, number];
const pair = (value: Pair): readonly number[] => (typeof value === "number" ? [value, value] : value);

const addTensor = operator("aten::add.Tensor");
const addScalar = operator("aten::add.Scalar");
const subTensor = operator("aten::sub.Tensor");
const mulTensor = operator("aten::mul.Tensor");
const mulScalar = operator("aten::mul.Scalar");
const divTensor = operator("aten::div.Tensor");

/** a + b, with broadcasting. */
export function add(a: Tensor, b: Tensor | number): Tensor {
  return typeof b === "number" ? addScalar(a, b) : addTensor(a, b);
}

/** a - b, with broadcasting. */
export const sub: (a: Tensor, b: Tensor) => Tensor = subTensor;

/** a * b, with broadcasting. */
export function mul(a: Tensor, b: Tensor | number): Tensor {
  return typeof b === "number" ? mulScalar(a, b) : mulTensor(a, b);
}

/** a / b, with broadcasting. */
export const div: (a: Tensor, b: Tensor) => Tensor = divTensor;

/** max(x, 0), elementwise. */
export const relu: (x: Tensor) => Tensor = operator("aten::relu");
/** e^x, elementwise. */
export const exp: (x: Tensor) => Tensor = operator("aten::exp");
/** |x|, elementwise. */
export const abs: (x: Tensor) => Tensor = operator("aten::abs");
/** The same values, without gradients. */
export const detach: (x: Tensor) => Tensor = operator("aten::detach");
/** a [..., N, K], b [..., K, M] -> [..., N, M]. */
export const matmul: (a: Tensor, b: Tensor) => Tensor = operator("aten::matmul");

const softmaxOf = operator("aten::softmax.int");
/** exp(x), normalised along `dim`. */
export const softmax = (x: Tensor, dim: number): Tensor => softmaxOf(x, dim);

const sumAll = operator("aten::sum");
const sumDims = operator("aten::sum.dim_IntList");
/** The sum over all elements, or over the dimensions `dims`. */
export function sum(x: Tensor, dims?: readonly number[]): Tensor {
  return dims ? sumDims(x, dims) : sumAll(x);
}

const meanAll = operator("aten::mean");
/** The mean over all elements. */
export const mean: (x: Tensor) => Tensor = meanAll;

const toDtype = operator("aten::to.dtype");
/** `x` converted to `dtype`; `x` itself if it already has that dtype. */
export const cast = (x: Tensor, dtype: DType): Tensor => (x.dtype === dtype ? x : toDtype(x, dtype));

const reshapeTo = operator("aten::reshape");
/** The same elements in another shape; at most one dimension may be -1, which is inferred. */
export const reshape = (x: Tensor, shape: readonly number[]): Tensor => reshapeTo(x, shape);

const permuteTo = operator("aten::permute");
/** The dimensions in another order. */
export const permute = (x: Tensor, dims: readonly number[]): Tensor => permuteTo(x, dims);

const sliceOf = operator("aten::slice.Tensor");
/** Elements start..end (exclusive) along `dim`; a view. */
export const slice = (x: Tensor, dim: number, start: number, end: number): Tensor =>
  sliceOf(x, dim, start, end);

const catOf = operator("aten::cat");
/** Concatenates along `dim`; the other dimensions must be equal. */
export const cat = (tensors: readonly Tensor[], dim = 0): Tensor => catOf(tensors, dim);

const indexSelectOf = operator("aten::index_select");
/** Rows `index` (int64, one dimension) along `dim`. */
export const indexSelect = (x: Tensor, dim: number, index: Tensor): Tensor => indexSelectOf(x, dim, index);

const flattenOf = operator("aten::flatten.using_ints");
/** Flattens the dimensions from `start` on into one. */
export const flatten = (x: Tensor, start = 0): Tensor => flattenOf(x, start, -1);

const zerosOf = operator("aten::zeros");
/** A tensor of zeros. */
export const zeros = (shape: readonly number[], dtype: DType = "float32", device = "cpu"): Tensor =>
  zerosOf(shape, dtype, null, device);

const conv2dOf = operator("aten::conv2d");
export interface ConvolutionOptions {
  stride?: Pair;
  padding?: Pair;
  dilation?: Pair;
  groups?: number;
}
/** x [B, Cin, H, W], weight [Cout, Cin / groups, kh, kw], bias [Cout] -> [B, Cout, H', W']. */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: ConvolutionOptions = {},
): Tensor {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  return conv2dOf(x, weight, bias, pair(stride), pair(padding), pair(dilation), groups);
}

const batchNormOf = operator("aten::batch_norm");
/** Of one batch norm, [C] each. */
export interface BatchNormTensors {
  weight: Tensor;
  bias: Tensor;
  runningMean: Tensor;
  runningVar: Tensor;
}
export interface BatchNormOptions {
  training: boolean;
  /** Of the running statistics. */
  momentum?: number;
  /** Added to the variance. */
  eps?: number;
}
/** Batch norm over channel dimension 1. Training updates the running statistics in place. */
export function batchNorm(
  x: Tensor,
  { weight, bias, runningMean, runningVar }: BatchNormTensors,
  { training, momentum = 0.1, eps = 1e-5 }: BatchNormOptions,
): Tensor {
  return batchNormOf(x, weight, bias, runningMean, runningVar, training, momentum, eps, false);
}

const maxPool2dOf = operator("aten::max_pool2d");
/** Maximum of each window: x [B, C, H, W] -> [B, C, H', W']; padding never wins. */
export const maxPool2d = (x: Tensor, kernel: Pair, stride: Pair = kernel, padding: Pair = 0): Tensor =>
  maxPool2dOf(x, pair(kernel), pair(stride), pair(padding), [1, 1], false);

const upsampleNearestOf = operator("aten::upsample_nearest2d");
/** x [B, C, H, W] -> [B, C, factor H, factor W]; each cell becomes factor x factor equal cells. */
export const upsampleNearest = (x: Tensor, factor: number): Tensor =>
  upsampleNearestOf(x, [x.shape[2] * factor, x.shape[3] * factor], null, null);

const linearOf = operator("aten::linear");
/** x [N, in], weight [out, in], bias [out] -> [N, out]. */
export const linear = (x: Tensor, weight: Tensor, bias: Tensor | null): Tensor => linearOf(x, weight, bias);

/** How losses of elements are combined: at::Reduction. */
const reductions = { none: 0, mean: 1, sum: 2 } as const;
export type Reduction = keyof typeof reductions;

const crossEntropyOf = operator("aten::cross_entropy_loss");
/** logits [N, C], target int64 [N] or float32 probabilities [N, C] -> loss. */
export const crossEntropy = (logits: Tensor, target: Tensor, reduction: Reduction = "mean"): Tensor =>
  crossEntropyOf(logits, target, null, reductions[reduction]);

const bceOf = operator("aten::binary_cross_entropy_with_logits");
/** Logits and targets (0..1) of equal shape -> loss. */
export const binaryCrossEntropyWithLogits = (
  logits: Tensor,
  target: Tensor,
  reduction: Reduction = "mean",
): Tensor => bceOf(logits, target, null, null, reductions[reduction]);

const smoothL1Of = operator("aten::smooth_l1_loss");
/** Quadratic below `beta`, linear above. */
export const smoothL1 = (x: Tensor, target: Tensor, beta: number, reduction: Reduction = "mean"): Tensor =>
  smoothL1Of(x, target, reductions[reduction], beta);

const gridSampleOf = operator("aten::grid_sampler");
const interpolations = { bilinear: 0, nearest: 1 } as const;
const paddings = { zeros: 0, border: 1 } as const;
export interface GridSampleOptions {
  interpolation?: keyof typeof interpolations;
  padding?: keyof typeof paddings;
  alignCorners?: boolean;
}
/** x [B, C, H, W], grid [B, h, w, 2] in -1..1 (x first) -> [B, C, h, w]. */
export function gridSample(x: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  const { interpolation = "bilinear", padding = "zeros", alignCorners = false } = options;
  return gridSampleOf(x, grid, interpolations[interpolation], paddings[padding], alignCorners);
}

const copyInto = operator("aten::copy_");
/** Overwrites `target` with the values of `source` (equal shape). */
export const copy = (target: Tensor, source: Tensor): Tensor => copyInto(target, source);

const backwardOf = operator<undefined>("aten::_backward");
/** Adds d(loss)/d(leaf) to the gradient of every leaf that requires one. */
export const backward = (loss: Tensor): void => {
  backwardOf(loss, [], null, null, false);
};

/**
 * d(loss)/d(x) for a tensor inside the graph, [shape of x]. The gradients of other leaves do not change, and backward() can
 * still be called.
 */
export function gradientAt(loss: Tensor, x: Tensor): Tensor {
  const [gradient] = gradientsAt(loss, [x]);
  if (gradient === null) throw new Error("gradientAt: the loss does not depend on the tensor");
  return gradient;
}

/**
 * The same for several tensors in one backward pass; null for tensors that the loss does not depend on.
 * @param tensors inside the graph; for a leaf, a gradient that it already has is added to the result and cleared
 */
export function gradientsAt(loss: Tensor, tensors: readonly Tensor[]): (Tensor | null)[] {
  backwardOf(loss, tensors, null, true, false);
  return tensors.map((x) => {
    const gradient = x.grad;
    x.clearGrad();
    return gradient;
  });
}
