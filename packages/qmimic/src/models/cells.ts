// Gathers values of map cells, and compares boxes.
import {
  add,
  div,
  indexSelect,
  mul,
  operator,
  reshape,
  slice,
  sub,
  type Tensor,
  tensor,
} from "@qmimic/torch";

/**
 * Gathers the values of some cells.
 * @param map [B, C, H, W]
 * @param cells [N] flat indices into [B, H, W]
 * @returns [C, N]
 */
export function pickCells(map: Tensor, cells: Int32Array): Tensor {
  const [, channels, height, width] = map.shape;
  const plane = height * width;
  const places = new Int32Array(channels * cells.length);
  for (let i = 0; i < cells.length; i++) {
    // From an index in [B, H, W] to channel 0 in [B, C, H, W].
    const first = cells[i] + Math.floor(cells[i] / plane) * (channels - 1) * plane;
    for (let c = 0; c < channels; c++) places[c * cells.length + i] = first + c * plane;
  }
  const picked = indexSelect(reshape(map, [-1]), 0, tensor(places).to(map.device));
  return reshape(picked, [channels, cells.length]);
}

const minimum = operator("aten::minimum");
const maximum = operator("aten::maximum");
const clampMin = operator("aten::clamp_min");

/** Prevents a division by 0 for boxes without area; in square cells. */
const LEAST_AREA = 1e-6;

/**
 * 1 - GIoU (Rezatofighi et al., CVPR 2019, section 3) of pairs of boxes, both given as distances from the same
 * point: 0..2.
 * @param distances from each pair's point to the left, top, right and bottom side, along dimension `dim`
 * @param goals the same; negative if the point is outside the box on that side
 * @returns the same shape, with size 1 in that dimension
 */
export function iouLoss(distances: Tensor, goals: Tensor, dim = 0): Tensor {
  const side = (of: Tensor, k: number): Tensor => slice(of, dim, k, k + 1);
  const width = (both: Tensor) => add(side(both, 0), side(both, 2));
  const height = (both: Tensor) => add(side(both, 1), side(both, 3));
  const area = (of: Tensor) => mul(width(of), height(of));
  const inner = minimum(distances, goals);
  const overlap = mul(clampMin(width(inner), 0), clampMin(height(inner), 0));
  const union = add(sub(add(area(distances), area(goals)), overlap), LEAST_AREA);
  const hull = add(area(maximum(distances, goals)), LEAST_AREA);
  // 1 - (overlap / union - (hull - union) / hull)
  const gain = add(div(overlap, union), div(union, hull));
  return add(mul(gain, -1), 2);
}

/** The cells with centres from `from` to `to`, in input pixels, of `limit`: the first, and the one after the last. */
export const centersBetween = (from: number, to: number, stride: number, limit: number): [number, number] => [
  Math.max(0, Math.ceil(from / stride - 0.5)),
  Math.min(limit, Math.ceil(to / stride - 0.5)),
];
