// The counterpart of decode/proposals.ts in @qmimic/runtime: from anchor outputs to regions. The anchors of a
// cell are constants; the cells' positions follow from the map size.
import {
  anchorsPerCell,
  generateAnchors,
  MIN_REGION_SIDE,
  type RegionsDecoder,
  UNIT_WEIGHTS,
} from "@qmimic/runtime";
import { bestEntries, locate, logit } from "./best.js";
import { clipBoxes, decodeBoxes } from "./boxes.js";
import type { Graph, Value } from "./graph.js";
import { suppress } from "./suppression.js";

/**
 * @param maps logits [1, A, H, W], deltas [1, 4A, H, W]
 * @param limits [4] width, height, width, height of the image
 * @returns [N, 4], best first
 */
export function proposeRegions(
  graph: Graph,
  { logits, deltas }: { logits: Value; deltas: Value },
  limits: Value,
  { stride, anchorSizes: sizes, aspectRatios, proposals }: RegionsDecoder,
): Value {
  const { score, preNms, postNms, nms } = proposals;
  const { places } = bestEntries(graph.within("best"), logits, {
    max: preNms,
    compare: "GreaterOrEqual",
    min: logit(score),
  });
  const { channel, position } = locate(graph, logits, places);

  const perCell = anchorsPerCell({ sizes, aspectRatios });
  const base = generateAnchors({ sizes, aspectRatios, stride, height: 1, width: 1 });
  const anchor = graph.add("base_anchor", "Gather", [graph.floats("anchors", base, [perCell, 4]), channel]);
  const offset = graph.add("cell_offset", "Mul", [position, graph.float(stride)]);
  const toCorners = graph.add("cell_offsets", "Concat", [offset, offset], { axis: 1 });
  const anchors = graph.add("placed_anchor", "Add", [anchor, toCorners]);

  // [A, 4, cells] -> one row per logit.
  const grouped = graph.add("grouped_deltas", "Reshape", [deltas, graph.ints(perCell, 4, -1)]);
  const last = graph.add("deltas_last", "Transpose", [grouped], { perm: [0, 2, 1] });
  const rows = graph.add("delta_rows", "Reshape", [last, graph.ints(-1, 4)]);
  const taken = graph.add("deltas", "Gather", [rows, places]);

  const decoded = decodeBoxes(graph.within("decode"), taken, anchors, UNIT_WEIGHTS);
  const { clipped, large } = clipBoxes(graph, decoded, limits, MIN_REGION_SIDE);
  const boxes = graph.rowsWhere("boxes", clipped, large);
  const kept = suppress(graph.within("nms"), boxes, { iou: nms, max: postNms });
  return graph.add("regions", "Gather", [boxes, kept]);
}
