// What a back end is: it runs a model's operations, in two stages where some are of regions.

import type { Size } from "../decode/keepBest.js";
import { fail } from "../model/errors.js";
import type { Model, ModelInput } from "../model/model.js";
import type { Operation } from "../model/operations.js";
import { inferShapes, type Shape } from "../model/shapes.js";
import type { RawPicture } from "../picture/pixels.js";
import type { Placement } from "../picture/placement.js";

/** What an operation made. */
export interface Value extends Shape {
  /** [channels, height, width], or that of each region */
  data: Float32Array;
  /** Whether all are numbers, neither NaN nor infinite, where that is known. */
  finite?: boolean;
}

export interface Network {
  /** Draws a picture into the network's input. @throws ModelError when its maps would be too large */
  draw(picture: RawPicture, placement: Placement): void;
  /** Runs the operations on maps, once for each picture drawn: its memory may then be another value's. @returns the values asked for, until the next run */
  runMaps(values: readonly number[]): Value[];
  /** A map that is kept until the next picture: an output, or the features. */
  readMap(value: number): Value;
  /**
   * Runs the operations of regions.
   * @param regions [N, 4] xyxy, pixels of the input
   */
  runRegions(regions: Float32Array, values: readonly number[]): Value[];
}

/** Most regions that a decoder proposes. */
export const mostRegions = ({ decoder }: Model): number =>
  decoder.of === "regions" ? decoder.proposals.postNms : 0;

/** Of a picture of some size, to look at what does not depend on it. */
export function nominalCanvas({ grid }: ModelInput): Size {
  const side = grid * Math.ceil(256 / grid);
  return { width: side, height: side };
}

/** Numbers that all values of a picture may have together: 1 GiB. */
const MAX_NUMBERS = 2 ** 28;
/** Multiply-adds of a picture: some 20 seconds. No model of use is near; a damaged file can ask for more. */
const MAX_MULTIPLY_ADDS = 2 ** 38;

/** Shapes of all values for a picture, when they can be held and made. */
export function planShapes(
  operations: readonly Operation[],
  { width, height }: Size,
  regions: number,
): Shape[] {
  const shapes = inferShapes(operations, height, width);
  const count = ({ channels, height, width, regions: each }: Shape): number =>
    channels * height * width * (each ? regions : 1);
  const numbers = shapes.reduce((sum, shape) => sum + count(shape), 0);
  const work = operations.reduce(
    (sum, operation, i) => sum + count(shapes[i + 1]) * multiplyAdds(operation, shapes[operation.input]),
    0,
  );
  if (numbers > MAX_NUMBERS || work > MAX_MULTIPLY_ADDS)
    fail(
      `an input of ${width} x ${height} pixels needs ${Math.round(numbers / 2 ** 18)} MiB and ${Math.round(work / 1e9)} billion multiply-adds; at most ${MAX_NUMBERS / 2 ** 18} and ${Math.round(MAX_MULTIPLY_ADDS / 1e9)} are run. Take a smaller side.`,
    );
  return shapes;
}

/** Of one number of an operation's result, about. */
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
