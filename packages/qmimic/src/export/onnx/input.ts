// From image pixels to the network's input: normalised, and zero-padded to whole cells of every map.

import { NO_AUGMENTATION } from "../../data/augment.js";
import { GRID } from "../../data/drawing.js";
import { ELEMENT, type Graph, type Value } from "./graph.js";

/**
 * @param image [1, 3, H, W], 0..255
 * @returns picture [1, 3, H', W'], sides multiples of GRID; limits [4] W, H, W, H
 */
export function addInput(graph: Graph, image: Value): { picture: Value; limits: Value } {
  const { mean, std } = NO_AUGMENTATION;
  const perChannel = (name: string, value: (c: number) => number) =>
    graph.floats(name, [0, 1, 2].map(value), [1, 3, 1, 1]);
  const scaled = graph.add("scaled", "Mul", [image, perChannel("gain", (c) => 1 / (255 * std[c]))]);
  const normalized = graph.add("normalized", "Add", [scaled, perChannel("shift", (c) => -mean[c] / std[c])]);

  const size = graph.add("size", "Shape", [image], { start: 2, end: 4 });
  const missing = graph.add("missing", "Mod", [graph.add("minus_size", "Neg", [size]), graph.int(GRID)]);
  const pads = graph.add("pads", "Concat", [graph.ints(0, 0, 0, 0, 0, 0), missing], { axis: 0 });
  const limits = graph.add("limits", "Gather", [size, graph.ints(1, 0, 1, 0)]);
  return {
    picture: graph.add("padded", "Pad", [normalized, pads]),
    limits: graph.add("limits_float", "Cast", [limits], { to: ELEMENT.float32 }),
  };
}
