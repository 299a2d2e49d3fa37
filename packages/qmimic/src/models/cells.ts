// What cells of a map say, picked out of it, and compared.
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
 * Values of some cells.
 * @param map [B, C, H, W]
 * @param cells [N] numbers in [B, H, W]
 * @returns [C, N]
 */
export function pickCells(map: Tensor, cells: Int32Array): Tensor {
  const [, channels, height, width] = map.shape;
  const plane = height * width;
  const places = new Int32Array(channels * cells.length);
  for (let i = 0; i < cells.length; i++) {
    // From [B, H, W] to channel 0 of [B, C, H, W].
    const first = cells[i] + Math.floor(cells[i] / plane) * (channels - 1) * plane;
    for (let c = 0; c < channels; c++) places[c * cells.length + i] = first + c * plane;
  }
  const picked = indexSelect(reshape(map, [-1]), 0, tensor(places).to(map.device));
  return reshape(picked, [channels, cells.length]);
}

const minimum = operator("aten::minimum");
const maximum = operator("aten::maximum");
const clampMin = operator("aten::clamp_min");

/** Keeps a box without any area from a division by 0; in square cells. */
const LEAST_AREA = 1e-6;

/**
 * 1 - GIoU (Rezatofighi et al., CVPR 2019, section 3) of pairs of boxes, each given as distances from one point: 0..2.
 * @param distances from each pair's point to the left, upper, right and lower side, along dimension `dim`
 * @param goals the same; negative where a side lies on the other side of the point
 * @returns the same shape, with 1 for that dimension
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
