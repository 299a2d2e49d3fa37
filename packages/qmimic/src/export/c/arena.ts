// Allocates blocks with known lifetimes in one arena.

export interface Block {
  bytes: number;
  /** First and last moment of its lifetime, inclusive. */
  from: number;
  to: number;
}

/** Alignment of every offset. */
const ALIGNMENT = 4;

/**
 * Places blocks largest first, each at the lowest offset that is free during its lifetime.
 * @returns the offset of each block, and the total size in bytes
 */
export function placeBlocks(blocks: readonly Block[]): { places: number[]; bytes: number } {
  const places = new Array<number>(blocks.length).fill(-1);
  const order = [...blocks.keys()].sort((a, b) => blocks[b].bytes - blocks[a].bytes || a - b);
  let total = 0;
  for (const i of order) {
    const { bytes, from, to } = blocks[i];
    const rivals = order
      .filter((other) => places[other] >= 0 && blocks[other].from <= to && blocks[other].to >= from)
      .sort((a, b) => places[a] - places[b]);
    let at = 0;
    for (const other of rivals) {
      if (at + bytes <= places[other]) break;
      at = Math.max(at, align(places[other] + blocks[other].bytes));
    }
    places[i] = at;
    total = Math.max(total, align(at + bytes));
  }
  return { places, bytes: total };
}

const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
