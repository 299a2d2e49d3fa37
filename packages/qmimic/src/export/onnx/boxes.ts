// Box geometry with ONNX operators: the counterpart of packages/runtime/src/geometry. Boxes are [N, 4] xyxy.
import { type BoxWeights, MAX_LOG_SCALE } from "@qmimic/runtime";
import type { Graph, Value } from "./graph.js";

/** Top left and bottom right corners, or any two pairs of four numbers, [N, 2] each. */
export const halves = (graph: Graph, boxes: Value, names: readonly [string, string]): Value[] =>
  graph.addMany(names, "Split", [boxes, graph.ints(2, 2)], { axis: -1 });

/**
 * @see decodeBoxes of @qmimic/runtime
 * @param deltas [N, 4]
 * @param anchors [N, 4]
 */
export function decodeBoxes(graph: Graph, deltas: Value, anchors: Value, weights: BoxWeights): Value {
  const [from, to] = halves(graph, anchors, ["anchor_from", "anchor_to"]);
  const size = graph.add("anchor_size", "Sub", [to, from]);
  const anchorCentre = graph.add("anchor_centre", "Add", [
    from,
    graph.add("anchor_half", "Mul", [size, graph.float(0.5)]),
  ]);
  const unweighted = graph.add("offsets", "Div", [deltas, graph.floats("weights", weights, [4])]);
  const [shift, logScale] = halves(graph, unweighted, ["shift", "log_scale"]);
  const centre = graph.add("centre", "Add", [graph.add("moved", "Mul", [shift, size]), anchorCentre]);
  const scale = graph.add("scale", "Exp", [
    graph.add("log_scale_limited", "Min", [logScale, graph.float(MAX_LOG_SCALE)]),
  ]);
  const half = graph.add("half", "Mul", [graph.add("size", "Mul", [scale, size]), graph.float(0.5)]);
  const corners = [graph.add("from", "Sub", [centre, half]), graph.add("to", "Add", [centre, half])];
  return graph.add("boxes", "Concat", corners, { axis: -1 });
}

/**
 * Clips boxes to the image, and determines which are still at least `minSide` pixels wide and high.
 * @param limits [4] width, height, width, height of the image
 * @returns clipped boxes [N, 4], and whether each is large enough, [N]
 */
export function clipBoxes(
  graph: Graph,
  boxes: Value,
  limits: Value,
  minSide: number,
): { clipped: Value; large: Value } {
  const below = graph.add("below_limits", "Min", [boxes, limits]);
  const clipped = graph.add("clipped", "Max", [below, graph.float(0)]);
  const [from, to] = halves(graph, clipped, ["clipped_from", "clipped_to"]);
  const sides = graph.add("sides", "Sub", [to, from]);
  const shorter = graph.add("shorter_side", "ReduceMin", [sides], { axes: [1], keepdims: 0 });
  return { clipped, large: graph.add("is_large", "GreaterOrEqual", [shorter, graph.float(minSide)]) };
}
