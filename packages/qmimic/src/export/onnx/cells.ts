// The counterpart of decode/cells.ts in @qmimic/runtime: from cell outputs to boxes with scores.
import type { CellsDecoder } from "@qmimic/runtime";
import { bestEntries, locate, logit } from "./best.js";
import { halves } from "./boxes.js";
import type { Graph, Value } from "./graph.js";
import type { ScoredBoxes } from "./keepBest.js";

/** @param maps logits [1, classes, H, W], distances [1, 4, H, W] in cells */
export function scoredCells(
  graph: Graph,
  { logits, distances }: { logits: Value; distances: Value },
  { preNms, score, stride }: CellsDecoder,
): ScoredBoxes {
  const { places, values } = bestEntries(graph.within("best"), logits, {
    max: preNms,
    compare: "GreaterOrEqual",
    min: logit(score),
  });
  const { channel, cell, position } = locate(graph, logits, places);
  const planes = graph.add("distance_planes", "Reshape", [distances, graph.ints(4, -1)]);
  const taken = graph.add("distances", "Gather", [planes, cell], { axis: 1 });
  const rows = graph.add("distance_rows", "Transpose", [taken], { perm: [1, 0] });
  const [before, after] = halves(graph, rows, ["to_left_and_top", "to_right_and_bottom"]);
  const centre = graph.add("centre", "Add", [position, graph.float(0.5)]);
  const corners = [graph.add("from", "Sub", [centre, before]), graph.add("to", "Add", [centre, after])];
  const inCells = graph.add("boxes_in_cells", "Concat", corners, { axis: 1 });
  return {
    boxes: graph.add("boxes", "Mul", [inCells, graph.float(stride)]),
    scores: graph.add("scores", "Sigmoid", [values]),
    labels: graph.add("labels", "Add", [channel, graph.int(1)]),
  };
}
