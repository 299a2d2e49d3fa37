// What a back end is: it runs a model's operations, in two stages where some are of regions.

import type { Size } from "../decode/keepBest.js";
import { fail } from "../model/errors.js";
import type { Operation } from "../model/operations.js";
import { inferShapes, type Shape } from "../model/shapes.js";

/** What an operation made. */
export interface Value extends Shape {
  /** [channels, height, width], or that of each region */
  data: Float32Array;
}

export interface Network {
  /** Where the picture's planes go, [3, height, width]; sides are multiples of the model's grid. @throws ModelError when the maps would be too large */
  input(canvas: Size): Float32Array;
  /** Runs the operations on maps, on what stands in the input. @returns the values asked for, until the next run */
  runMaps(values: readonly number[]): Value[];
  /**
   * Runs the operations of regions.
   * @param regions [N, 4] xyxy, pixels of the input
   */
  runRegions(regions: Float32Array, values: readonly number[]): Value[];
}

/** Numbers that all values of a picture may have together: 1 GiB. */
const MOST_NUMBERS = 2 ** 28;

/** Shapes of all values for a picture, when they can be held. */
export function planShapes(
  operations: readonly Operation[],
  { width, height }: Size,
  regions: number,
): Shape[] {
  const shapes = inferShapes(operations, height, width);
  const numbers = shapes.reduce(
    (sum, shape) => sum + shape.channels * shape.height * shape.width * (shape.regions ? regions : 1),
    0,
  );
  if (numbers > MOST_NUMBERS)
    fail(
      `an input of ${width} x ${height} pixels needs ${Math.round(numbers / 2 ** 18)} MiB, expected at most 1024: take a smaller side`,
    );
  return shapes;
}
