// Places in one block of memory for things that do not all live at the same time.

export interface Block {
  bytes: number;
  /** Alive from one moment to another, both included. */
  from: number;
  to: number;
}

/** That every place is a multiple of. */
const ALIGNMENT = 4;

/**
 * Largest first, each as low as those that it shares a moment with leave room.
 * @returns the place of each block, and the bytes of all
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
