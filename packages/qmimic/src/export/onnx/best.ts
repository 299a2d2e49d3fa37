// The best entries of a list of scores, and their positions on a map.
import { singleAtLeast, singleAtMost } from "@qmimic/runtime";
import { ELEMENT, type Graph, type Value } from "./graph.js";

export interface Best {
  /** [N] indices of the entries, best first; ties: lower index first */
  places: Value;
  /** [N] */
  values: Value;
}

/**
 * @param all scores or logits, of any shape
 * @param max maximum number of entries; default: unlimited
 * @param compare operator for values to keep: value `compare` `min`
 */
export function bestEntries(
  graph: Graph,
  all: Value,
  { max, compare, min }: { max?: number; compare: "Greater" | "GreaterOrEqual"; min: number },
): Best {
  const flat = graph.add("flat", "Reshape", [all, graph.ints(-1)]);
  const length = graph.add("length", "Shape", [flat]);
  const count = max === undefined ? length : graph.add("count", "Min", [length, graph.ints(max)]);
  const [values, places] = graph.addMany(["sorted", "sorted_places"], "TopK", [flat, count]);
  const enough = graph.add("is_enough", compare, [
    values,
    graph.float(compare === "Greater" ? singleAtMost(min) : singleAtLeast(min)),
  ]);
  return {
    places: graph.rowsWhere("best_places", places, enough),
    values: graph.rowsWhere("best", values, enough),
  };
}

/** The logit of a score. */
export const logit = (score: number): number => Math.log(score / (1 - score));

/**
 * Positions of entries.
 * @param map [1, C, H, W]
 * @param places [N] flat indices into it
 * @returns channel [N], cell [N] (row * W + column), and position [N, 2] column and row as float32
 */
export function locate(
  graph: Graph,
  map: Value,
  places: Value,
): { channel: Value; cell: Value; position: Value } {
  const size = graph.add("map_size", "Shape", [map], { start: 2, end: 4 });
  const width = graph.add("map_width", "Shape", [map], { start: 3, end: 4 });
  const cells = graph.add("cells", "ReduceProd", [size]);
  const cell = graph.add("cell", "Mod", [places, cells]);
  const column = graph.add("column", "Mod", [cell, width]);
  const row = graph.add("row", "Div", [cell, width]);
  const pair = [
    graph.add("x", "Unsqueeze", [column, graph.ints(1)]),
    graph.add("y", "Unsqueeze", [row, graph.ints(1)]),
  ];
  return {
    channel: graph.add("channel", "Div", [places, cells]),
    cell,
    position: graph.add("position", "Cast", [graph.add("column_and_row", "Concat", pair, { axis: 1 })], {
      to: ELEMENT.float32,
    }),
  };
}
