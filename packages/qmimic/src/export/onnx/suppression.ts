// Non-maximum suppression, of all boxes or one class at a time.
import { ELEMENT, type Graph, type Value } from "./graph.js";

/**
 * Boxes come best first, and their rank is the score that they are suppressed by: no rounding of scores can change the order.
 * @param boxes [N, 4] xyxy
 * @param most boxes of a class that are kept
 * @param classes labels [N] and how many there are, where boxes of different labels do not suppress each other
 * @returns [K] numbers of the boxes that are kept: class by class, of each the best first
 */
export function suppress(
  graph: Graph,
  boxes: Value,
  { iou, most, classes }: { iou: number; most: number; classes?: { labels: Value; count: number } },
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
    graph.ints(most),
    graph.float(iou),
    graph.float(0),
  ];
  // Rows of image, class, box.
  const selected = graph.add("selected", "NonMaxSuppression", inputs);
  return graph.add("kept", "Gather", [selected, graph.int(2)], { axis: 1 });
}

/** [N] -> [classes, N], 0 where a box is of another class: such a one takes no part. */
function byClass(graph: Graph, scores: Value, { labels, count }: { labels: Value; count: number }): Value {
  const classes = graph.list(
    "class_labels",
    Array.from({ length: count }, (_, i) => i + 1),
  );
  const each = graph.add("each_label", "Unsqueeze", [classes, graph.ints(1)]);
  const own = graph.add("is_of_class", "Equal", [labels, each]);
  return graph.add("class_scores", "Where", [own, scores, graph.float(0)]);
}
