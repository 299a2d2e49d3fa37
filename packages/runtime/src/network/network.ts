// The interface of a backend, which runs a model's operations: first those on maps, then those on regions, if any.

import type { Size } from "../decode/keepBest.js";
import type { nms } from "../geometry/nms.js";
import { fail } from "../model/errors.js";
import type { Model } from "../model/model.js";
import type { Operation } from "../model/operations.js";
import { inferShapes, type Shape } from "../model/shapes.js";
import type { RawPicture } from "../picture/pixels.js";
import type { Placement } from "../picture/placement.js";

/** The result of an operation. */
export interface Value extends Shape {
  /** [channels, height, width], or [N, channels, height, width] for N regions */
  data: Float32Array;
  /** Whether all values are finite, undefined if unknown. */
  finite?: boolean;
}

export interface Network {
  /** Draws a picture into the network's input. @throws ModelError if its maps would be too large */
  draw(picture: RawPicture, placement: Placement): void;
  /**
   * Runs the operations on maps. Call it once per picture drawn, because it may overwrite the input.
   * @returns the requested values, valid until the next run or call of nms
   */
  runMaps(values: readonly number[]): Value[];
  /** A map that is kept until the next picture: an output, or the features. */
  readMap(value: number): Value;
  /**
   * Runs the operations on regions.
   * @param regions [N, 4] xyxy, pixels of the input
   */
  runRegions(regions: Float32Array, values: readonly number[]): Value[];
  /** With the same results as geometry's. */
  nms: typeof nms;
}

/** The maximum number of regions proposed by the decoder. */
export const maxRegions = ({ decoder }: Model): number =>
  decoder.of === "regions" ? decoder.proposals.postNms : 0;

/** Limit on the total number of elements of all values, and on the floats of their layout: 1 GiB. */
export const MAX_ELEMENTS = 2 ** 28;
/** Limit on multiply-adds per picture: some 20 seconds. Useful models need far fewer; damaged files may need more. */
const MAX_MULTIPLY_ADDS = 2 ** 38;

/** Shapes of all values for an input size. @throws ModelError if they need too much memory or computation */
export function planShapes(
  operations: readonly Operation[],
  { width, height }: Size,
  regions: number,
): Shape[] {
  const shapes = inferShapes(operations, height, width);
  const count = ({ channels, height, width, regions: each }: Shape): number =>
    channels * height * width * (each ? regions : 1);
  let elements = shapes.reduce((sum, shape) => sum + count(shape), 0);
  let work = 0;
  operations.forEach((operation, i) => {
    const from = shapes[operation.input];
    work += count(shapes[i + 1]) * multiplyAdds(operation, from);
    // Weights are padded to sixteen outputs of four channels; the whole map is transposed for each roiAlign.
    if (operation.op === "linear")
      elements += (operation.channels + 15) * (from.channels + 4) * from.height * from.width;
    if (operation.op === "roiAlign") work += count(from);
  });
  if (elements > MAX_ELEMENTS || work > MAX_MULTIPLY_ADDS)
    fail(
      `an input of ${width} x ${height} pixels needs ${Math.round(elements / 2 ** 18)} MiB and ${Math.round(work / 1e9)} billion multiply-adds, expected at most ${MAX_ELEMENTS / 2 ** 18} and ${Math.round(MAX_MULTIPLY_ADDS / 1e9)}: use a smaller side`,
    );
  return shapes;
}

/** The approximate multiply-adds per element of an operation's result. */
function multiplyAdds(operation: Operation, from: Shape): number {
  switch (operation.op) {
    case "conv":
      return (from.channels / operation.groups) * operation.kernel ** 2;
    case "linear":
      return from.channels * from.height * from.width;
    case "maxPool":
      return operation.kernel ** 2;
    case "roiAlign":
      return 4 * operation.samples ** 2;
    case "psRoiAlign":
      return 4 * operation.samples ** 2 * operation.size ** 2;
    default:
      return 1;
  }
}
