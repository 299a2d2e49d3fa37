// How values of regions lie in memory: a row of floats for each region, in the order in which it is cheapest to make them.
import type { Operation } from "../model/operations.js";
import type { Shape } from "../model/shapes.js";
import { linearOutputs } from "./packing.js";

export interface RowLayout {
  /** Where each float of a row stands in [channels, height, width], -1: it is padding. Its length is the row's. */
  order: Int32Array;
  /** Floats of a row that mean something, in that order; where they are the first, in order, they can be read as they are. */
  size: number;
}

const inOrder = (size: number, row: number): RowLayout => ({
  order: Int32Array.from({ length: row }, (_, i) => (i < size ? i : -1)),
  size,
});

/** [height, width, channels] with the channels padded to whole vectors. */
function channelsLast({ channels, height, width }: Shape): RowLayout {
  const padded = (channels + 3) & ~3;
  const cells = height * width;
  const order = new Int32Array(cells * padded).fill(-1);
  for (let cell = 0; cell < cells; cell++)
    for (let c = 0; c < channels; c++) order[cell * padded + c] = c * cells + cell;
  return { order, size: channels * cells };
}

/** Of each value; undefined for those that are maps. */
export function rowLayouts(
  operations: readonly Operation[],
  shapes: readonly Shape[],
): (RowLayout | undefined)[] {
  const layouts: (RowLayout | undefined)[] = [undefined];
  operations.forEach((operation, i) => {
    const shape = shapes[i + 1];
    if (!shape.regions) layouts.push(undefined);
    else if (operation.op === "roiAlign") layouts.push(channelsLast(shape));
    else if (operation.op === "psRoiAlign") layouts.push(inOrder(shape.channels, (shape.channels + 3) & ~3));
    else if (operation.op === "linear") layouts.push(inOrder(shape.channels, linearOutputs(shape.channels)));
    else layouts.push(layouts[operation.input]);
  });
  return layouts;
}
