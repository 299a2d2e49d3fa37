// The counterpart of decode/regions.ts in @qmimic/runtime: from a head's outputs for regions to boxes with
// scores.
import type { RegionsDecoder } from "@qmimic/runtime";
import { bestEntries } from "./best.js";
import { decodeBoxes } from "./boxes.js";
import type { Graph, Value } from "./graph.js";
import type { ScoredBoxes } from "./keepBest.js";

/**
 * @param outputs logits [N, classes + 1], deltas [N, 4 (classes + 1)], or [N, 4] if all labels share them
 * @param regions [N, 4]
 */
export function scoredRegions(
  graph: Graph,
  { logits, deltas, shared }: { logits: Value; deltas: Value; shared: boolean },
  regions: Value,
  { classes, decoder: { boxWeights, score } }: { classes: number; decoder: RegionsDecoder },
): ScoredBoxes {
  const softmax = graph.add("softmax", "Softmax", [logits], { axis: 1 });
  const objects = graph.add("object_scores", "Slice", [
    softmax,
    graph.ints(1),
    graph.ints(classes + 1),
    graph.ints(1),
  ]);
  const { places, values } = bestEntries(graph.within("best"), objects, { compare: "Greater", min: score });
  const row = graph.add("region", "Div", [places, graph.int(classes)]);
  const labels = graph.add("labels", "Add", [
    graph.add("class", "Mod", [places, graph.int(classes)]),
    graph.int(1),
  ]);
  const deltaRows = graph.add("delta_rows", "Reshape", [deltas, graph.ints(-1, 4)]);
  const ofLabel = () =>
    graph.add("delta_row", "Add", [
      graph.add("first_delta_row", "Mul", [row, graph.int(classes + 1)]),
      labels,
    ]);
  const taken = graph.add("deltas", "Gather", [deltaRows, shared ? row : ofLabel()]);
  const from = graph.add("regions", "Gather", [regions, row]);
  return { boxes: decodeBoxes(graph.within("decode"), taken, from, boxWeights), scores: values, labels };
}
