// The memory layout of values per region: a row of floats for each region, in the order that is cheapest to compute.
import type { Operation } from "../model/operations.js";
import type { Shape } from "../model/shapes.js";
import { multipleOf4 } from "./memory.js";
import { linearOutputs } from "./packing.js";

/** A row is [cells, padded]: channels last, and padding after them, which has to be finite because its weights are 0. */
export interface RowLayout {
  channels: number;
  /** height * width */
  cells: number;
  /** Floats from one cell to the next, a multiple of 4. */
  padded: number;
  /** Floats from one row to the next. */
  floats: number;
}

function layOutRow({ channels, height, width }: Shape, padded: number): RowLayout {
  const cells = height * width;
  return { channels, cells, padded, floats: cells * padded };
}

/** The layout of each value, undefined for maps. */
export function rowLayouts(
  operations: readonly Operation[],
  shapes: readonly Shape[],
): (RowLayout | undefined)[] {
  const layouts: (RowLayout | undefined)[] = [undefined];
  operations.forEach((operation, i) => {
    const shape = shapes[i + 1];
    if (!shape.regions) layouts.push(undefined);
    else if (operation.op === "roiAlign" || operation.op === "psRoiAlign")
      layouts.push(layOutRow(shape, multipleOf4(shape.channels)));
    else if (operation.op === "linear") layouts.push(layOutRow(shape, linearOutputs(shape.channels)));
    else {
      const from = layouts[operation.input]!;
      const other = operation.op === "add" ? layouts[operation.other]! : from;
      // The shorter of the two, so that the sum has no padding that is not written.
      layouts.push(other.floats < from.floats ? other : from);
    }
  });
  return layouts;
}
