// Implements the addon's kernels with libtorch operators, for devices that the kernels do not support.
import { operator } from "./dispatcher.js";
import type { PsRoiAlignOptions, RoiAlignOptions } from "./kernels.js";
import { cat, gridSample, indexSelect, mul, permute, reshape, slice } from "./ops.js";
import { scope, type Tensor, tensor } from "./tensor.js";

const avgPool2d = operator("aten::avg_pool2d");

/** @see roiAlign */
export const roiAlignFallback = (features: Tensor, rois: Tensor, options: RoiAlignOptions): Tensor =>
  alignedBins(features, rois, { ...options, op: "roiAlign" });

/** @see psRoiAlign */
export const psRoiAlignFallback = (features: Tensor, rois: Tensor, options: PsRoiAlignOptions): Tensor =>
  alignedBins(features, rois, { ...options, aligned: true, op: "psRoiAlign" });

interface BinOptions extends RoiAlignOptions {
  op: "roiAlign" | "psRoiAlign";
}

/**
 * One grid_sample per image takes the samples of all its regions, repeating the border; samples more than one cell
 * outside are then set to 0, and average pooling produces the bins. Channels are in groups: roiAlign has one group,
 * read by all bins, and psRoiAlign one group per bin.
 */
function alignedBins(features: Tensor, rois: Tensor, options: BinOptions): Tensor {
  return scope(() => {
    const [batch, channels, height, width] = features.shape;
    const { op, pooled, samplingRatio } = options;
    const boxes = rois.toFloat32();
    checkRois(features.shape, boxes, options);
    const count = boxes.length / 5;
    const groups = op === "roiAlign" ? 1 : pooled ** 2;
    const outputs = channels / groups;
    if (count === 0 || channels === 0) {
      return reshape(slice(reshape(features, [-1]), 0, 0, 0), [count, outputs, pooled, pooled]);
    }
    const ofImage: number[][] = Array.from({ length: batch }, () => []);
    for (let k = 0; k < count; k++) ofImage[boxes[5 * k]].push(k);
    // Bins per group along each side: all of them, or one.
    const perSide = groups === 1 ? pooled : 1;
    const parts = ofImage.flatMap((regions, image) => {
      if (regions.length === 0) return [];
      const { grid, inside } = samplesOf(regions, boxes, { height, width }, options);
      const byGroup = (values: Float32Array, size: number) => {
        const [n, s] = [regions.length, samplingRatio];
        const samples = tensor(values, [n, pooled, s, pooled, s, size]).to(features.device);
        const ordered = groups === 1 ? samples : permute(samples, [1, 3, 0, 2, 4, 5]);
        return reshape(ordered, [groups, n * perSide * s, perSide * s, size]);
      };
      const map = reshape(slice(features, 0, image, image + 1), [outputs, groups, height, width]);
      const sampled = gridSample(permute(map, [1, 0, 2, 3]), byGroup(grid, 2), { padding: "border" });
      const counted = mul(sampled, permute(byGroup(inside, 1), [0, 3, 1, 2]));
      const bins = avgPool2d(counted, [samplingRatio, samplingRatio]);
      const byRegion = permute(reshape(bins, [groups, outputs, regions.length, perSide ** 2]), [2, 1, 0, 3]);
      return [reshape(byRegion, [regions.length, outputs, pooled, pooled])];
    });
    const order = new BigInt64Array(count);
    ofImage.flat().forEach((k, row) => {
      order[k] = BigInt(row);
    });
    return indexSelect(cat(parts), 0, tensor(order).to(features.device));
  });
}

/** The kernels' limits, see native/kernels/rois.h. */
const MAX_POOLED = 1024;
const MAX_SAMPLES = 64;
const MAX_CELLS = 2 ** 20;
/** Samples per call: the fallback keeps all their coordinates in memory, 12 bytes each. */
const MAX_TOTAL = 2 ** 27;

function checkRois(shape: readonly number[], boxes: Float32Array, options: BinOptions): void {
  const [batch, channels, height, width] = shape;
  const { op, pooled, samplingRatio, spatialScale } = options;
  const refuse = (what: string, expected: string): never => {
    throw new RangeError(`${op}: ${what}, expected ${expected}`);
  };
  const outside = (value: number, max: number) => !(Number.isInteger(value) && value >= 1 && value <= max);
  if (height === 0 || width === 0) refuse(`features have shape ${shape}`, "at least 1 row and 1 column");
  if (outside(pooled, MAX_POOLED)) refuse(`pooled is ${pooled}`, `1 to ${MAX_POOLED}`);
  if (outside(samplingRatio, MAX_SAMPLES)) refuse(`samplingRatio is ${samplingRatio}`, `1 to ${MAX_SAMPLES}`);
  if (!(spatialScale > 0 && Number.isFinite(Math.fround(spatialScale))))
    refuse(`spatialScale is ${spatialScale}`, "a finite number above 0");
  if (op === "psRoiAlign" && channels % pooled ** 2 !== 0)
    refuse(`features have shape ${shape}`, `a multiple of ${pooled ** 2} channels`);
  const total = (boxes.length / 5) * (pooled * samplingRatio) ** 2;
  if (total > MAX_TOTAL)
    refuse(`boxes, pooled and samplingRatio make ${total} samples`, `at most ${MAX_TOTAL}`);
  for (let i = 0; i < boxes.length; i++) {
    const value = boxes[i];
    if (i % 5 > 0) {
      if (!(Math.abs(value * spatialScale) <= MAX_CELLS))
        refuse(
          `rois[${Math.floor(i / 5)}] has coordinate ${value}`,
          `at most ${MAX_CELLS / spatialScale} either way`,
        );
    } else if (!(Number.isInteger(value) && value >= 0 && value < batch)) {
      refuse(`rois[${Math.floor(i / 5)}] names image ${value}`, `an integer in [0, ${batch})`);
    }
  }
}

/** The sample points of some regions in -1..1, [regions * side, side, 2], and 1 for each point that counts, else 0. */
function samplesOf(
  regions: readonly number[],
  boxes: Float32Array,
  { height, width }: { height: number; width: number },
  { spatialScale, pooled, samplingRatio, aligned }: RoiAlignOptions,
): { grid: Float32Array; inside: Float32Array } {
  const side = pooled * samplingRatio;
  const grid = new Float32Array(2 * regions.length * side * side);
  const inside = new Float32Array(regions.length * side * side);
  const shift = aligned ? 0.5 : 0;
  const minSide = aligned ? Number.NEGATIVE_INFINITY : 1;
  let at = 0;
  for (const k of regions) {
    const [x0, y0, x1, y1] = boxes.subarray(5 * k + 1, 5 * k + 5).map((edge) => edge * spatialScale - shift);
    const stepX = Math.max(x1 - x0, minSide) / side;
    const stepY = Math.max(y1 - y0, minSide) / side;
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
