// The counterpart of decode/keepBest.ts and geometry/voting.ts in @qmimic/runtime: from scored boxes to detections.
import { type KeepSettings, MIN_DETECTION_SIDE, singleAtLeast } from "@qmimic/runtime";
import { clipBoxes, halves } from "./boxes.js";
import type { Graph, Value } from "./graph.js";
import { suppress } from "./suppression.js";

/** Boxes [N, 4] xyxy, scores [N], labels [N] int64 from 1; best first. */
export interface ScoredBoxes {
  boxes: Value;
  scores: Value;
  labels: Value;
}

/** @param limits [4] width, height, width, height of the image */
export function keepBest(
  graph: Graph,
  found: ScoredBoxes,
  limits: Value,
  { nms: iou, vote, detections, classes }: KeepSettings & { classes: number },
): ScoredBoxes {
  const { clipped, large } = clipBoxes(graph, found.boxes, limits, MIN_DETECTION_SIDE);
  const all: ScoredBoxes = {
    boxes: graph.rowsWhere("boxes", clipped, large),
    scores: graph.rowsWhere("scores", found.scores, large),
    labels: graph.rowsWhere("labels", found.labels, large),
  };
  const suppressed = suppress(graph.within("nms"), all.boxes, {
    iou,
    max: detections,
    classes: { labels: all.labels, count: classes },
  });
  // Grouped by class so far: the lowest indices are the best.
  const count = graph.add("kept_count", "Min", [
    graph.add("suppressed_count", "Shape", [suppressed]),
    graph.ints(detections),
  ]);
  const [kept] = graph.addMany(["kept", "kept_order"], "TopK", [suppressed, count], { largest: 0 });
  const take = (name: string, value: Value) => graph.add(name, "Gather", [value, kept]);
  const best: ScoredBoxes = {
    boxes: take("kept_boxes", all.boxes),
    scores: take("kept_scores", all.scores),
    labels: take("kept_labels", all.labels),
  };
  return vote < 1 ? { ...best, boxes: voteBoxes(graph.within("vote"), all, best, vote) } : best;
}

/**
 * Box voting: moves each kept box to the score-weighted mean of all boxes of its label that overlap it.
 * @returns [K, 4]
 */
function voteBoxes(graph: Graph, all: ScoredBoxes, kept: ScoredBoxes, iou: number): Value {
  const column = (name: string, value: Value) => graph.add(name, "Unsqueeze", [value, graph.ints(1)]);
  const overlap = pairwiseIou(graph, column("kept_boxes", kept.boxes), all.boxes);
  const isNear = graph.add("is_near", "GreaterOrEqual", [overlap, graph.float(singleAtLeast(iou))]);
  const isAlike = graph.add("is_alike", "Equal", [column("kept_labels", kept.labels), all.labels]);
  const counts = graph.add("counts", "And", [isNear, isAlike]);
  const votes = graph.add("votes", "Where", [counts, all.scores, graph.float(0)]);
  const sum = graph.add("sum", "MatMul", [votes, all.boxes]);
  const total = graph.add("total", "ReduceSum", [votes, graph.ints(1)], { keepdims: 1 });
  return graph.add("mean", "Div", [sum, total]);
}

/**
 * @param a [K, 1, 4]
 * @param b [N, 4]
 * @returns [K, N]
 */
function pairwiseIou(graph: Graph, a: Value, b: Value): Value {
  const [fromA, toA] = halves(graph, a, ["kept_from", "kept_to"]);
  const [fromB, toB] = halves(graph, b, ["from", "to"]);
  // The axis is not negative: without boxes, ONNX Runtime would not find it.
  const area = (name: string, sides: Value, axis: number) =>
    graph.add(name, "ReduceProd", [sides], { axes: [axis], keepdims: 0 });
  const shared = graph.add("shared_sides", "Sub", [
    graph.add("shared_to", "Min", [toA, toB]),
    graph.add("shared_from", "Max", [fromA, fromB]),
  ]);
  const intersection = area("intersection", graph.add("shared_sides_or_0", "Relu", [shared]), 2);
  const areaA = area("kept_area", graph.add("kept_sides", "Sub", [toA, fromA]), 2);
  const areaB = area("area", graph.add("sides", "Sub", [toB, fromB]), 1);
  const union = graph.add("union", "Sub", [graph.add("areas", "Add", [areaA, areaB]), intersection]);
  return graph.add("iou", "Div", [intersection, union]);
}
