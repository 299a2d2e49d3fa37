// Where each value lies in the module's memory. A map's rows have `pad` zeros behind them and a map's planes as many rows of
// zeros: what a padded convolution reads beyond an edge is then the zeros of the row or plane beside it, and a whole plane is
// one long row.
import type { Shape } from "../model/shapes.js";

export interface MapLayout {
  channels: number;
  height: number;
  width: number;
  /** Floats from one row to the next, and from one plane to the next. */
  row: number;
  plane: number;
  /** Zeros before the first plane. */
  lead: number;
  /** Floats in all. */
  size: number;
}

/** Cells that whole vectors may write behind the end of a row. */
export const OVERRUN = 24;

const multipleOf4 = (length: number): number => (length + 3) & ~3;

/** @param pad the most that any convolution pads */
export function layOutMap({ channels, height, width }: Shape, pad: number): MapLayout {
  const row = multipleOf4(width + pad);
  const lead = multipleOf4(pad * row + pad);
  const plane = multipleOf4(height * row + Math.max(lead, OVERRUN));
  return { channels, height, width, row, plane, lead, size: lead + channels * plane + lead + OVERRUN };
}

/** Something that needs memory from one step of a run to another. */
export interface Tenant {
  /** Floats. */
  size: number;
  /** First and last step that it is needed in. */
  from: number;
  to: number;
}

/**
 * Places tenants so that those of one time do not overlap: each in the lowest gap that it fits.
 * @returns the place of each in floats, multiples of 4, and the floats needed in all
 */
export function placeTenants(tenants: readonly Tenant[]): { places: number[]; size: number } {
  const places: number[] = [];
  let size = 0;
  tenants.forEach((tenant, i) => {
    const neighbours = places
      .map((at, k) => ({ at, end: at + multipleOf4(tenants[k].size), tenant: tenants[k] }))
      .filter((other) => other.tenant.from <= tenant.to && tenant.from <= other.tenant.to)
      .sort((a, b) => a.at - b.at);
    let at = 0;
    for (const other of neighbours) {
      if (other.at - at >= tenant.size) break;
      at = Math.max(at, other.end);
    }
    places[i] = at;
    size = Math.max(size, at + multipleOf4(tenant.size));
  });
  return { places, size };
}
