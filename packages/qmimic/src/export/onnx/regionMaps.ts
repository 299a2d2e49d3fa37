// Pooling of regions: RoIAlign (He et al., Mask R-CNN, ICCV 2017, section 3) and position-sensitive voting (Dai
// et al., R-FCN, NeurIPS 2016, section 2.2).
import type { PsRoiAlign, RoiAlign } from "@qmimic/runtime";
import type { Graph, Value } from "./graph.js";

/**
 * @param map [1, C, H, W]
 * @param regions [N, 4]
 * @returns [N, C, size, size]
 */
export function alignRegions(
  graph: Graph,
  map: Value,
  regions: Value,
  { size, samples, stride }: RoiAlign,
): Value {
  const count = graph.add("count", "Shape", [regions], { start: 0, end: 1 });
  const ofFirst = graph.add("batch_indices", "Expand", [graph.int(0), count]);
  return graph.add("cells", "RoiAlign", [map, regions, ofFirst], {
    mode: "avg",
    coordinate_transformation_mode: "output_half_pixel",
    output_height: size,
    output_width: size,
    sampling_ratio: samples,
    spatial_scale: { float: 1 / stride },
  });
}

/**
 * The maps of each region cell become an image in a batch of size x size images, and each cell of each region
 * becomes a region in its image, so that nothing unnecessary is read.
 * @param map [1, channels, H, W]; channel (c * size + i) * size + j is read by cell (i, j)
 * @param regions [N, 4]
 * @returns [N, channels / size^2], the means over the cells
 */
export function alignVotes(
  graph: Graph,
  map: Value,
  regions: Value,
  { size, samples, stride, channels }: PsRoiAlign & { channels: number },
): Value {
  const cells = size ** 2;
  const votes = channels / cells;
  const byVote = graph.add("maps_by_vote", "Reshape", [map, graph.ints(votes, cells, 0, 0)]);
  const byCell = graph.add("maps_by_cell", "Transpose", [byVote], { perm: [1, 0, 2, 3] });
  const each = graph.add("each_region", "Unsqueeze", [regions, graph.ints(1)]);
  const [from, to] = graph.addMany(["from", "to"], "Split", [each, graph.ints(2, 2)], { axis: 2 });
  const extent = graph.add("extent", "Sub", [to, from]);
  const step = graph.add("step", "Div", [extent, graph.float(size)]);
  const columnAndRow = Array.from({ length: cells }, (_, i) => [i % size, Math.floor(i / size)]).flat();
  const place = graph.floats("column_and_row", columnAndRow, [1, cells, 2]);
  const offset = graph.add("offset", "Mul", [step, place]);
  const cellFrom = graph.add("cell_from", "Add", [from, offset]);
  const cellTo = graph.add("cell_to", "Add", [cellFrom, step]);
  const boxes = graph.add("cell_boxes", "Concat", [cellFrom, cellTo], { axis: 2 });
  const allBoxes = graph.add("all_cell_boxes", "Reshape", [boxes, graph.ints(-1, 4)]);
  const count = graph.add("count", "Shape", [regions], { start: 0, end: 1 });
  const shape = graph.add("indices_shape", "Concat", [count, graph.ints(cells)], { axis: 0 });
  const indices = graph.list("cell_numbers", [...Array(cells).keys()]);
  const perRegion = graph.add("cell_indices", "Expand", [indices, shape]);
  const batch = graph.add("batch_indices", "Reshape", [perRegion, graph.ints(-1)]);
  const means = graph.add("cell_means", "RoiAlign", [byCell, allBoxes, batch], {
    mode: "avg",
    coordinate_transformation_mode: "half_pixel",
    output_height: 1,
    output_width: 1,
    sampling_ratio: samples,
    spatial_scale: { float: 1 / stride },
  });
  const voted = graph.add("votes", "Reshape", [means, graph.ints(-1, cells, votes)]);
  return graph.add("mean", "ReduceMean", [voted], { axes: [1], keepdims: 0 });
}
