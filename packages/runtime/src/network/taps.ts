// Where the cells of a region sample a map, one axis at a time. Bilinear sampling and averaging are separable: the samples of
// a cell along an axis become one weight for each row (or column) that they touch.

export interface AxisTaps {
  /** [size, 2] of the first tap of a cell and how many it has */
  cells: Uint32Array;
  /** Rows or columns, and their weights. */
  index: number[];
  weight: number[];
}

/**
 * @param start of the region in cells of the map, and `step`, the length of one of its cells
 * @param length rows or columns of the map
 */
export function axisTaps(
  start: number,
  step: number,
  size: number,
  samples: number,
  length: number,
): AxisTaps {
  const taps: AxisTaps = { cells: new Uint32Array(2 * size), index: [], weight: [] };
  for (let i = 0; i < size; i++) {
    const first = taps.index.length;
    const add = (index: number, weight: number) => {
      const at = taps.index.indexOf(index, first);
      if (at >= 0) taps.weight[at] += weight;
      else {
        taps.index.push(index);
        taps.weight.push(weight);
      }
    };
    for (let s = 0; s < samples; s++) {
      const point = start + step * (i + (s + 0.5) / samples);
      // More than a cell outside of the map there is nothing.
      if (!(point >= -1 && point <= length)) continue;
      const place = Math.max(0, point);
      const low = Math.min(Math.floor(place), length - 1);
      const part = low === length - 1 ? 0 : place - low;
      add(low, (1 - part) / samples);
      if (part > 0) add(low + 1, part / samples);
    }
    taps.cells[2 * i] = first;
    taps.cells[2 * i + 1] = taps.index.length - first;
  }
  return taps;
}
