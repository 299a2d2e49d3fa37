// From a network to a list of operations: one forward pass is recorded, operator by operator, and folded. No module says
// how it is exported; what can be trained with known operators can be exported.
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
  /** Of each operation that has some. */
  parameters: ({ weights: Float32Array; biases: Float32Array } | undefined)[];
  /** Numbers of the values that the detector named. */
  outputs: Record<string, number>;
}

/** Sides of the recorded picture: what is recorded does not depend on them. */
const SIDE = 4 * GRID;

/** @throws Error naming an operator that no operation stands for */
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

/** The part of a position-sensitive vote that has been seen. */
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
    if (value === undefined) throw new Error("export: a tensor is read that no recorded operator has made");
    return value;
  }

  add({ name, args, result }: OperatorCall): void {
    const handler = HANDLERS[name];
    if (!handler) throw new Error(`export: there is no operation for the operator ${name}`);
    handler(this, args, result as Tensor);
  }

  /** A new operation makes `result`. */
  push(
    result: Tensor,
    operation: Operation,
    parameters?: { weights: Float32Array; biases: Float32Array },
  ): void {
    this.operations.push(operation);
    this.parameters.push(parameters);
    this.values.set(result, this.operations.length);
  }

  /** `result` is what `from` is, in other words. */
  alias(result: Tensor, from: OperatorArgument): void {
    this.set(result, this.valueOf(from));
  }

  set(result: Tensor, value: number): void {
    this.values.set(result, value);
  }

  /** The operation that made a tensor which nothing but the next operator reads: it can take that one along. */
  private makerOf(of: OperatorArgument, operator: string): number {
    const index = this.valueOf(of) - 1;
    if (index < 0 || this.readers.get(of as Tensor) !== 1)
      throw new Error(`export: ${operator} cannot join the operation before it, whose result is read twice`);
    return index;
  }

  relu(result: Tensor, from: OperatorArgument): void {
    const operation = this.operations[this.makerOf(from, "relu")];
    if (!("relu" in operation)) throw new Error(`export: relu behind ${operation.op}`);
    operation.relu = 1;
    this.alias(result, from);
  }

  batchNorm(from: OperatorArgument, statistics: readonly OperatorArgument[], eps: number): void {
    const index = this.makerOf(from, "batch norm");
    const parameters = this.parameters[index];
    if (this.operations[index].op !== "conv" || !parameters)
      throw new Error(`export: batch norm behind ${this.operations[index].op}`);
    const [gain, shift, mean, variance] = statistics.map(numbersOf);
    foldBatchNorm(parameters, { gain, shift, mean, variance, eps });
  }

  /** Remembers what is only an operation together with what follows. */
  begin(result: Tensor, unfinished: Unfinished): void {
    this.unfinished.set(result, unfinished);
  }

  /** What has begun, where it is of this kind. */
  begun<K extends Unfinished["kind"]>(of: OperatorArgument, kind: K, operator: string) {
    const found = this.unfinished.get(of as Tensor);
    if (found?.kind !== kind) throw new Error(`export: ${operator} stands where no operation has it`);
    return found as Extract<Unfinished, { kind: K }>;
  }
}

const numbersOf = (of: OperatorArgument): Float32Array => (of as Tensor).toFloat32();

const first = (pair: OperatorArgument): number => {
  const [a, b] = pair as readonly number[];
  if (a !== b) throw new Error(`export: ${a} x ${b}: only square kernels, strides and paddings are exported`);
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
  const operation = { input: trace.valueOf(x), channels, kernel, stride, padding, groups, relu: 0 };
  trace.push(result, { op: "conv", ...operation }, { weights: numbersOf(weight), biases });
}

/** What each operator becomes: arguments in the order of its schema. */
const HANDLERS: Record<string, (trace: Trace, args: readonly OperatorArgument[], result: Tensor) => void> = {
  "qmimic::conv3x3": (trace, args, result) =>
    convolution(trace, result, args, { stride: 1, padding: 1, groups: 1 }),
  "aten::conv2d": (trace, args, result) => {
    const [, , , stride, padding, dilation, groups] = args;
    if (first(dilation) !== 1) throw new Error("export: convolutions with dilation are not exported");
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
    if (aligned) throw new Error("export: aligned RoIAlign is not exported");
    const regions = { size: size as number, samples: samples as number, stride: 1 / (scale as number) };
    trace.push(result, { op: "roiAlign", input: trace.valueOf(x), ...regions });
  },
  // The mean over the cells of a region follows as a sum and a product.
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
  // Regions are row-major in every operation: as a row of numbers they are the same.
  "aten::flatten.using_ints": (trace, [x], result) => trace.alias(result, x),
  "aten::to.dtype": (trace, [x], result) => trace.alias(result, x),
  "aten::clamp_max": (trace, [x, max], result) =>
    trace.begin(result, { kind: "clamped", input: trace.valueOf(x), max: max as number }),
  "aten::exp": (trace, [x], result) => {
    const { input, max } = trace.begun(x, "clamped", "exp");
    trace.push(result, { op: "exp", input, max });
  },
};
