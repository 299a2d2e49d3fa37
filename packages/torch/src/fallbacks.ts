// What the addon's kernels compute, from libtorch's operators: for devices that the kernels do not run on.
import { operator } from "./dispatcher.js";
import type { RoiAlignOptions } from "./kernels.js";
import { add, cast, cat, detach, gridSample, indexSelect, mul, permute, reshape, slice, sub } from "./ops.js";
import { scope, type Tensor, tensor } from "./tensor.js";

const ceilOf = operator("aten::ceil");
const clampOf = operator("aten::clamp");
const divScalar = operator("aten::div.Scalar");
const whereOf = operator("aten::where.self");
const greaterThan = operator("aten::gt.Scalar");
const zerosLike = operator("aten::zeros_like");
const avgPool2d = operator("aten::avg_pool2d");

/** The kernels' largest index. */
const MAX_CODE = 2 ** 30;

/**
 * `value` with the gradient of x (straight-through): value + (x - x), whose derivative is that of x. The difference is
 * exactly 0, so that nothing is rounded; where x is infinite or not a number the result is not a number.
 */
const straightThrough = (value: Tensor, x: Tensor): Tensor => add(value, sub(x, detach(x)));

/** Index of the nearest entry of {0, stride, 2 stride, ...}, in float64, where the ties of float32 are exact. */
function indexOf(x: Tensor, stride: number): Tensor {
  if (!(Number.isFinite(stride) && stride > 0)) {
    throw new RangeError(`quantize: stride is ${stride}, expected above 0`);
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

/** @see quantizePow2. One comparison an entry: logarithms would be rounded near the middles. */
export const quantizePow2Fallback = (x: Tensor, minExponent: number, maxExponent: number): Tensor =>
  scope(() => {
    const value = detach(x);
    let entry = zerosLike(value);
    for (let k = minExponent; k <= maxExponent; k++) {
      const middle = k === minExponent ? 2 ** (k - 1) : 1.5 * 2 ** (k - 1);
      entry = whereOf(greaterThan(value, middle), tensor([2 ** k]).to(x.device), entry);
    }
    return straightThrough(entry, x);
  });

/**
 * @see roiAlign. The samples of all regions of an image are one grid_sample with the border repeated; those more than
 * a cell outside are then set to 0, and an average pooling makes the cells.
 */
export function roiAlignFallback(features: Tensor, rois: Tensor, options: RoiAlignOptions): Tensor {
  return scope(() => {
    const [batch, channels, height, width] = features.shape;
    const { pooled, samplingRatio } = options;
    if (!(samplingRatio > 0))
      throw new RangeError(`roiAlign: samplingRatio is ${samplingRatio}, expected above 0`);
    const boxes = rois.toFloat32();
    const count = boxes.length / 5;
    const ofImage: number[][] = Array.from({ length: batch }, () => []);
    for (let k = 0; k < count; k++) {
      const own = ofImage[boxes[5 * k]];
      if (!own) throw new RangeError(`roiAlign: rois[${k}] names image ${boxes[5 * k]} of ${batch}`);
      own.push(k);
    }
    if (count === 0) {
      return reshape(slice(reshape(features, [-1]), 0, 0, 0), [0, channels, pooled, pooled]);
    }
    const parts = ofImage.flatMap((own, image) => {
      if (own.length === 0) return [];
      const { grid, inside } = samplesOf(own, boxes, height, width, options);
      const side = pooled * samplingRatio;
      const shape = [1, own.length * side, side];
      const at = tensor(grid, [...shape, 2]).to(features.device);
      const map = slice(features, 0, image, image + 1);
      const samples = mul(
        gridSample(map, at, "bilinear", "border"),
        tensor(inside, shape).to(features.device),
      );
      const cells = avgPool2d(samples, [samplingRatio, samplingRatio]);
      return [permute(reshape(cells, [channels, own.length, pooled, pooled]), [1, 0, 2, 3])];
    });
    const order = new BigInt64Array(count);
    ofImage.flat().forEach((k, row) => {
      order[k] = BigInt(row);
    });
    return indexSelect(cat(parts), 0, tensor(order).to(features.device));
  });
}

/** Sample points of some regions in -1..1, [regions * side, side, 2], and 1 for each that counts, else 0. */
function samplesOf(
  regions: readonly number[],
  boxes: Float32Array,
  height: number,
  width: number,
  { spatialScale, pooled, samplingRatio, aligned }: RoiAlignOptions,
): { grid: Float32Array; inside: Float32Array } {
  const side = pooled * samplingRatio;
  const grid = new Float32Array(2 * regions.length * side * side);
  const inside = new Float32Array(regions.length * side * side);
  const shift = aligned ? 0.5 : 0;
  const least = aligned ? 0 : 1;
  let at = 0;
  for (const k of regions) {
    const [x0, y0, x1, y1] = boxes.subarray(5 * k + 1, 5 * k + 5).map((edge) => edge * spatialScale - shift);
    const stepX = Math.max(x1 - x0, least) / side;
    const stepY = Math.max(y1 - y0, least) / side;
    for (let row = 0; row < side; row++) {
      const y = y0 + (row + 0.5) * stepY;
      for (let column = 0; column < side; column++, at++) {
        const x = x0 + (column + 0.5) * stepX;
        grid[2 * at] = (2 * x + 1) / width - 1;
        grid[2 * at + 1] = (2 * y + 1) / height - 1;
        inside[at] = x >= -1 && x <= width && y >= -1 && y <= height ? 1 : 0;
      }
    }
  }
  return { grid, inside };
}
