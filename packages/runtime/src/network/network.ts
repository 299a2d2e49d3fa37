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
}

export interface Network {
  /** Draws a picture into the network's input. @throws ModelError when its maps would be too large */
  draw(picture: RawPicture, placement: Placement): void;
  /** Runs the operations on maps, once for each picture drawn: its memory may then be another value's. @returns the values asked for, until the next run */
  runMaps(values: readonly number[]): Value[];
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
