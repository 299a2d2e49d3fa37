// The memory layout of values per region: a row of floats for each region, in the order that is cheapest to compute.
import type { Operation } from "../model/operations.js";
import type { Shape } from "../model/shapes.js";
import { linearOutputs } from "./packing.js";

export interface RowLayout {
  /** The index of each float of a row in [channels, height, width], -1: padding. */
  order: Int32Array;
  /** Number of floats of a row without padding. */
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

/** The layout of each value, undefined for maps. */
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
