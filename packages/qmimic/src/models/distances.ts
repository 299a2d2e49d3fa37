// Boxes of one cell each, compared by the distances from the cell's centre to their sides: both contain the centre.
import { add, div, mul, operator, slice, sub, type Tensor } from "@qmimic/torch";

const smaller = operator("aten::minimum");
const larger = operator("aten::maximum");
const negate = operator("aten::neg");

const squeeze = operator("aten::squeeze.dim");

/**
 * 1 - GIoU (Rezatofighi et al., CVPR 2019) of boxes around the same cells.
 * @param a distances to the left, upper, right and lower side, above 0, along dimension `dim`
 * @param b the same
 * @returns the shape without that dimension, 0..2
 */
export function giouLoss(a: Tensor, b: Tensor, dim = 0): Tensor {
  const area = (x: Tensor) => {
    const side = (k: number) => slice(x, dim, k, k + 1);
    return mul(add(side(0), side(2)), add(side(1), side(3)));
  };
  const both = area(smaller(a, b));
  const around = area(larger(a, b));
  const either = sub(add(area(a), area(b)), both);
  // 1 - both / either + (around - either) / around
  return squeeze(sub(add(negate(div(both, either)), 2), div(either, around)), dim);
}
