// Implements the quantizer kernels with libtorch operators, for devices that the kernels do not support.
import { add, cast, detach, mul, operator, scope, sub, type Tensor, tensor } from "@qmimic/torch";

const ceilOf = operator("aten::ceil");
const clampOf = operator("aten::clamp");
const divScalar = operator("aten::div.Scalar");
const whereOf = operator("aten::where.self");
const greaterThan = operator("aten::gt.Scalar");
const zerosLike = operator("aten::zeros_like");

/** The kernels' largest index. */
const MAX_CODE = 2 ** 30;

/**
 * `value` with the gradient of x (straight-through): value + (x - x), whose derivative is that of x. The difference is
 * exactly 0, so there is no rounding; if x is infinite or NaN, the result is NaN.
 */
const straightThrough = (value: Tensor, x: Tensor): Tensor => add(value, sub(x, detach(x)));

/** The index of the nearest entry of {0, stride, 2 stride, ...}, in float64, where ties of float32 values are exact. */
function indexOf(x: Tensor, stride: number): Tensor {
  if (!(Number.isFinite(stride) && stride > 0)) {
    throw new RangeError(`quantize: stride is ${stride}, expected a finite number above 0`);
  }
  const quotient = divScalar(cast(detach(x), "float64"), Math.fround(stride));
  return clampOf(ceilOf(add(quotient, -0.5)), 0, MAX_CODE);
}

/** @see quantize */
export const quantizeFallback = (x: Tensor, stride: number): Tensor =>
  scope(() => straightThrough(mul(cast(indexOf(x, stride), "float32"), Math.fround(stride)), x));

/** @see quantizeCodes */
export const quantizeCodesFallback = (x: Tensor, stride: number): Tensor =>
  scope(() => cast(clampOf(indexOf(x, stride), 0, 255), "uint8"));

/**
 * @see quantizePow2. One comparison per dictionary entry, since logarithms would have rounding errors near midpoints.
 */
export const quantizePow2Fallback = (x: Tensor, minExponent: number, maxExponent: number): Tensor =>
  scope(() => {
    const value = detach(x);
    let entry = zerosLike(value);
    for (let k = minExponent; k <= maxExponent; k++) {
      const midpoint = k === minExponent ? 2 ** (k - 1) : 1.5 * 2 ** (k - 1);
      entry = whereOf(greaterThan(value, midpoint), tensor([2 ** k]).to(x.device), entry);
    }
    return straightThrough(entry, x);
  });
