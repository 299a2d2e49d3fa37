// Rounding to a dictionary (Quantization Mimic, section 3.1): nearest entry, ties down, clamped at 0.
import type { Round, RoundPow2 } from "@qmimic/runtime";
import type { Graph, Value } from "./graph.js";

/** Nearest of {0, step, 2 step, ...}: max(0, ceil(x / step - 1/2)) step. */
export function roundToMultiples(graph: Graph, x: Value, { step }: Round): Value {
  const steps = graph.add("steps", "Div", [x, graph.float(step)]);
  const nearest = graph.add("ceil", "Ceil", [graph.add("less_half", "Sub", [steps, graph.float(0.5)])]);
  const index = graph.add("index", "Relu", [nearest]);
  return graph.add("rounded", "Mul", [index, graph.float(step)]);
}

/**
 * Nearest of {0, 2^min, ..., 2^max}. ONNX has no base 2 logarithm, and rounding in another base may be off by
 * one power: then the comparison with 1.5 times the power below gives the same result.
 */
export function roundToPowers(graph: Graph, x: Value, { min, max }: RoundPow2): Value {
  const [lowest, highest] = [graph.float(2 ** min), graph.float(2 ** max)];
  const inRange = graph.add("in_range", "Clip", [x, lowest, highest]);
  const log = graph.add("log", "Log", [inRange]);
  const exponent = graph.add("exponent", "Floor", [
    graph.add("log2", "Mul", [log, graph.float(1 / Math.LN2)]),
  ]);
  const below = graph.add("below", "Pow", [graph.float(2), exponent]);
  const above = graph.add("above", "Mul", [below, graph.float(2)]);
  const middle = graph.add("middle", "Mul", [below, graph.float(1.5)]);
  const isAbove = graph.add("is_above", "Greater", [inRange, middle]);
  const nearest = graph.add("nearest", "Where", [isAbove, above, below]);
  const power = graph.add("power", "Min", [nearest, highest]);
  const isPower = graph.add("is_power", "Greater", [x, graph.float(2 ** (min - 1))]);
  return graph.add("rounded", "Where", [isPower, power, graph.float(0)]);
}
