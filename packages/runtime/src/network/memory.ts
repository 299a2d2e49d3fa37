// The layout of values in the module's memory. Each row of a map is followed by `pad` zeros, and each plane by `pad`
// rows of zeros, so that a padded convolution reads zeros past any edge, and can process a whole plane as one long
// row.
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
  /** Total number of floats. */
  size: number;
}

/** Number of cells past the end of a row that may be overwritten, because kernels write whole vectors. */
export const OVERRUN = 24;

/** Not with bitwise operators, which would wrap around for sizes that are only rejected later. */
export const multipleOf4 = (length: number): number => 4 * Math.ceil(length / 4);

/** @param pad the maximum padding of any convolution */
export function layOutMap({ channels, height, width }: Shape, pad: number): MapLayout {
  const row = multipleOf4(width + pad);
  const lead = multipleOf4(pad * row + pad);
  const plane = multipleOf4(height * row + Math.max(lead, OVERRUN));
  return { channels, height, width, row, plane, lead, size: lead + channels * plane + lead + OVERRUN };
}

/** Blocks of bytes one after another from an address on, aligned to whole vectors. */
export function blocksFrom(start: number): { allocate(bytes: number): number; end(): number } {
  let end = aligned(start);
  return {
    allocate(bytes) {
      const at = end;
      end = aligned(end + bytes);
      return at;
    },
    end: () => end,
  };
}

/** Not with bitwise operators either: addresses may be above 2^31. */
export const aligned = (bytes: number): number => 16 * Math.ceil(bytes / 16);

/** A block of memory needed during some steps of a run. */
export interface Tenant {
  /** In floats. */
  size: number;
  /** The first and last step that use it. */
  from: number;
  to: number;
}

/**
 * Allocates memory so that tenants used at the same time do not overlap: in the order of their first step, each in the
 * first gap that is large enough.
 * @returns the offset of each in floats, multiples of 4, and the total number of floats
 */
export function placeTenants(tenants: readonly Tenant[]): { places: number[]; size: number } {
  const places: number[] = Array(tenants.length);
  /** What is still in use, by address. Only this is searched, because there may be thousands of operations. */
  let used: { at: number; end: number; to: number }[] = [];
  let size = 0;
  for (const [i, tenant] of [...tenants.entries()].sort((a, b) => a[1].from - b[1].from)) {
    used = used.filter(({ to }) => to >= tenant.from);
    let at = 0;
    let next = 0;
    for (; next < used.length && used[next].at - at < tenant.size; next++) at = Math.max(at, used[next].end);
    const end = at + multipleOf4(tenant.size);
    used.splice(next, 0, { at, end, to: tenant.to });
    places[i] = at;
    size = Math.max(size, end);
  }
  return { places, size };
}
