// Non-maximum suppression, over all boxes or per class.
import { singleAtMost } from "@qmimic/runtime";
import { ELEMENT, type Graph, type Value } from "./graph.js";

/**
 * Boxes are sorted best first, and their rank is used as the score, so that rounding of scores cannot change
 * the order.
 * @param boxes [N, 4] xyxy
 * @param max maximum boxes to keep per class
 * @param classes labels [N] and their number, if boxes of different labels must not suppress each other
 * @returns [K] indices of the kept boxes: grouped by class, best first within a class
 */
export function suppress(
  graph: Graph,
  boxes: Value,
  { iou, max, classes }: { iou: number; max: number; classes?: { labels: Value; count: number } },
): Value {
  const count = graph.add("box_count", "Squeeze", [
    graph.add("box_count_axis", "Shape", [boxes], { start: 0, end: 1 }),
  ]);
  const ranks = graph.add("rank", "Range", [count, graph.int(0), graph.int(-1)]);
  const scores = graph.add("rank_score", "Cast", [ranks], { to: ELEMENT.float32 });
  const inputs = [
    graph.add("boxes_of_one", "Unsqueeze", [boxes, graph.ints(0)]),
    classes
      ? graph.add("scores_of_one", "Unsqueeze", [byClass(graph, scores, classes), graph.ints(0)])
      : graph.add("scores_of_one", "Unsqueeze", [scores, graph.ints(0, 1)]),
    graph.ints(max),
    graph.float(singleAtMost(iou)),
    graph.float(0),
  ];
  // Rows of (image, class, box).
  const selected = graph.add("selected", "NonMaxSuppression", inputs);
  return graph.add("kept", "Gather", [selected, graph.int(2)], { axis: 1 });
}

/** [N] -> [classes, N], 0 if a box is of another class, so that it is excluded. */
function byClass(graph: Graph, scores: Value, { labels, count }: { labels: Value; count: number }): Value {
  const classes = graph.list(
    "class_labels",
    Array.from({ length: count }, (_, i) => i + 1),
  );
  const each = graph.add("each_label", "Unsqueeze", [classes, graph.ints(1)]);
  const isOfClass = graph.add("is_of_class", "Equal", [labels, each]);
  return graph.add("class_scores", "Where", [isOfClass, scores, graph.float(0)]);
}
