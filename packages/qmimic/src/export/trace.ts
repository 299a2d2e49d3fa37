// Traces a network to a list of operations: records one forward pass, operator by operator, and folds it.
// Modules need no export code; everything trained with known operators can be exported.
import { inferShapes, type Operation } from "@qmimic/runtime";
import {
  noGrad,
  type OperatorArgument,
  type OperatorCall,
  recordOperators,
  scope,
  Tensor,
  tensor,
} from "@qmimic/torch";
import { GRID } from "../data/drawing.js";
import type { Detector } from "../models/index.js";
import { foldBatchNorm } from "./fold.js";

export interface TracedNetwork {
  operations: Operation[];
  /** Weights of each operation that has some. */
  parameters: ({ weights: Float32Array; biases: Float32Array } | undefined)[];
  /** Indices of the values named by the detector. */
  outputs: Record<string, number>;
}

/** Sides of the traced image: the result does not depend on them. */
const SIDE = 4 * GRID;

/** @param detector on the CPU @throws Error naming an operator that has no corresponding operation */
export function traceDetector(detector: Detector): TracedNetwork {
  return noGrad(() =>
    scope(() => {
      const wasTraining = detector.training;
      detector.eval();
      const picture = tensor(new Float32Array(3 * SIDE * SIDE), [1, 3, SIDE, SIDE]);
      let named: Record<string, Tensor> = {};
      const calls = recordOperators(() => {
        named = detector.everyLayer(picture);
      });
      detector.train(wasTraining);
      const trace = new Trace(picture, calls);
      for (const call of calls) trace.add(call);
      const outputs = Object.entries(named).map(([name, value]) => [name, trace.valueOf(value)]);
      const { operations, parameters } = trace;
      return { operations, parameters, outputs: Object.fromEntries(outputs) };
    }),
  );
}

/** The part of a position-sensitive vote seen so far. */
type Unfinished =
  | { kind: "cells" | "sum"; operation: number }
  | { kind: "clamped"; input: number; max: number };

class Trace {
  readonly operations: Operation[] = [];
  readonly parameters: TracedNetwork["parameters"] = [];
  private readonly values = new Map<Tensor, number>();
  private readonly unfinished = new Map<Tensor, Unfinished>();
  private readonly readers = new Map<Tensor, number>();

  constructor(picture: Tensor, calls: readonly OperatorCall[]) {
    this.values.set(picture, 0);
    for (const { args } of calls)
      for (const argument of args)
        if (argument instanceof Tensor) this.readers.set(argument, (this.readers.get(argument) ?? 0) + 1);
  }

  valueOf(of: OperatorArgument): number {
    const value = this.values.get(of as Tensor);
    if (value === undefined)
      throw new Error("export: an operator reads a tensor that no traced operator produced");
    return value;
  }

  add({ name, args, result }: OperatorCall): void {
    const handler = HANDLERS[name];
    if (!handler) throw new Error(`export: operator ${name} is not supported`);
    handler(this, args, result as Tensor);
  }

  /** Adds an operation that produces `result`. */
  push(
    result: Tensor,
    operation: Operation,
    parameters?: { weights: Float32Array; biases: Float32Array },
  ): void {
    this.operations.push(operation);
    this.parameters.push(parameters);
    this.values.set(result, this.operations.length);
  }

  /** `result` is an alias of `from`. */
  alias(result: Tensor, from: OperatorArgument): void {
    this.set(result, this.valueOf(from));
  }

  set(result: Tensor, value: number): void {
    this.values.set(result, value);
  }

  /** The operation that produced a tensor read only by the next operator: that operator can be fused into it. */
  private makerOf(of: OperatorArgument, operator: string): number {
    const index = this.valueOf(of) - 1;
    if (index < 0 || this.readers.get(of as Tensor) !== 1)
      throw new Error(
        `export: cannot fuse ${operator} with the operation before it, whose result is used twice`,
      );
    return index;
  }

  relu(result: Tensor, from: OperatorArgument): void {
    const operation = this.operations[this.makerOf(from, "relu")];
    if (!("relu" in operation)) throw new Error(`export: relu after ${operation.op} is not supported`);
    operation.relu = 1;
    this.alias(result, from);
  }

  batchNorm(from: OperatorArgument, statistics: readonly OperatorArgument[], eps: number): void {
    const index = this.makerOf(from, "batch norm");
    const parameters = this.parameters[index];
    if (this.operations[index].op !== "conv" || !parameters)
      throw new Error(`export: batch norm after ${this.operations[index].op} is not supported`);
    const [gain, shift, mean, variance] = statistics.map(numbersOf);
    foldBatchNorm(parameters, { gain, shift, mean, variance, eps });
  }

  /** Remembers an operator that is an operation only together with those that follow. */
  begin(result: Tensor, unfinished: Unfinished): void {
    this.unfinished.set(result, unfinished);
  }

  /** The pending operation of this type. */
  begun<K extends Unfinished["kind"]>(of: OperatorArgument, kind: K, operator: string) {
    const found = this.unfinished.get(of as Tensor);
    if (found?.kind !== kind) throw new Error(`export: ${operator} is not supported here`);
    return found as Extract<Unfinished, { kind: K }>;
  }
}

const numbersOf = (of: OperatorArgument): Float32Array => (of as Tensor).toFloat32();

const first = (pair: OperatorArgument): number => {
  const [a, b] = pair as readonly number[];
  if (a !== b)
    throw new Error(`export: ${a} x ${b}: only square kernels, strides and paddings are supported`);
  return a;
};

function convolution(
  trace: Trace,
  result: Tensor,
  [x, weight, bias]: readonly OperatorArgument[],
  { stride, padding, groups }: { stride: number; padding: number; groups: number },
): void {
  const [channels, , kernel] = (weight as Tensor).shape;
  const biases = bias ? numbersOf(bias) : new Float32Array(channels);
  const operation = { input: trace.valueOf(x), channels, kernel, stride, padding, groups, relu: 0, step: 0 };
  trace.push(result, { op: "conv", ...operation }, { weights: numbersOf(weight), biases });
}

/** Handlers per operator: arguments in the order of its schema. */
const HANDLERS: Record<string, (trace: Trace, args: readonly OperatorArgument[], result: Tensor) => void> = {
  "qmimic::conv3x3": (trace, args, result) =>
    convolution(trace, result, args, { stride: 1, padding: 1, groups: 1 }),
  "aten::conv2d": (trace, args, result) => {
    const [, , , stride, padding, dilation, groups] = args;
    if (first(dilation) !== 1) throw new Error("export: convolutions with dilation are not supported");
    const options = { stride: first(stride), padding: first(padding), groups: groups as number };
    convolution(trace, result, args, options);
  },
  "qmimic::batch_norm_relu": (trace, [x, ...rest], result) => {
    const [, , eps, relu, pool] = rest.slice(4);
    trace.batchNorm(x, rest.slice(0, 4), eps as number);
    if (relu) trace.relu(result, x);
    else trace.alias(result, x);
    if (!pool) return;
    trace.push(result, { op: "maxPool", input: trace.valueOf(result), kernel: 2, stride: 2, padding: 0 });
  },
  "aten::relu": (trace, [x], result) => trace.relu(result, x),
  "aten::add.Tensor": (trace, [a, b], result) =>
    trace.push(result, { op: "add", input: trace.valueOf(a), other: trace.valueOf(b), relu: 0 }),
  "aten::max_pool2d": (trace, [x, kernel, stride, padding], result) =>
    trace.push(result, {
      op: "maxPool",
      input: trace.valueOf(x),
      kernel: first(kernel),
      stride: first(stride),
      padding: first(padding),
    }),
  "aten::upsample_nearest2d": (trace, [x, size], result) => {
    const input = trace.valueOf(x);
    const { height } = inferShapes(trace.operations, SIDE, SIDE)[input];
    trace.push(result, { op: "upsample", input, factor: (size as readonly number[])[0] / height });
  },
  "qmimic::quantize": (trace, [x, step], result) =>
    trace.push(result, { op: "round", input: trace.valueOf(x), step: step as number }),
  "qmimic::quantize_pow2": (trace, [x, min, max], result) =>
    trace.push(result, {
      op: "roundPow2",
      input: trace.valueOf(x),
      min: min as number,
      max: max as number,
    }),
  "qmimic::roi_align": (trace, [x, , scale, size, , samples, aligned], result) => {
    if (aligned) throw new Error("export: aligned RoIAlign is not supported");
    const regions = { size: size as number, samples: samples as number, stride: 1 / (scale as number) };
    trace.push(result, { op: "roiAlign", input: trace.valueOf(x), ...regions });
  },
  // The mean over the cells of a region follows, as a sum and a product.
  "qmimic::ps_roi_align": (trace, [x, , scale, size, samples], result) => {
    const regions = { size: size as number, samples: samples as number, stride: 1 / (scale as number) };
    trace.push(result, { op: "psRoiAlign", input: trace.valueOf(x), ...regions });
    trace.begin(result, { kind: "cells", operation: trace.operations.length - 1 });
  },
  "aten::sum.dim_IntList": (trace, [x], result) => {
    const { operation } = trace.begun(x, "cells", "a sum");
    trace.begin(result, { kind: "sum", operation });
  },
  "aten::mul.Scalar": (trace, [x, factor], result) => {
    const { operation } = trace.begun(x, "sum", "a product");
    const { size } = trace.operations[operation] as { size: number };
    if (Math.abs((factor as number) * size ** 2 - 1) > 1e-6)
      throw new Error(`export: position-sensitive votes times ${factor}, expected their mean`);
    trace.set(result, operation + 1);
  },
  "aten::linear": (trace, [x, weight, bias], result) => {
    const [channels] = (weight as Tensor).shape;
    const biases = bias ? numbersOf(bias) : new Float32Array(channels);
    const operation = { op: "linear", input: trace.valueOf(x), channels, relu: 0 } as const;
    trace.push(result, operation, { weights: numbersOf(weight), biases });
  },
  // Regions are row-major in every operation, so flattening changes nothing.
  "aten::flatten.using_ints": (trace, [x], result) => trace.alias(result, x),
  "aten::to.dtype": (trace, [x], result) => trace.alias(result, x),
  "aten::clamp_max": (trace, [x, max], result) =>
    trace.begin(result, { kind: "clamped", input: trace.valueOf(x), max: max as number }),
  "aten::exp": (trace, [x], result) => {
    const { input, max } = trace.begun(x, "clamped", "exp");
    trace.push(result, { op: "exp", input, max });
  },
};
