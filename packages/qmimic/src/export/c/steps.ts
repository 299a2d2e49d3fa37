// The operations on maps as steps that each make one row, in an order in which few rows are in memory at a time.
//
// A row of a map is made when a row of an output first needs it, and its place is taken again when nothing needs it any
// more. What is in memory of a map is a ring of rows: between two convolutions of 3x3 that is three.
import { inferShapes, type Model, type Operation, type Shape } from "@qmimic/runtime";

/** A map, or the part of one that is in memory. */
export interface RowMap {
  /** Number in the model's list. */
  value: number;
  shape: Shape;
  /** Cells of zeros on either side of a row, for convolutions that read them. */
  border: number;
  /** Rows in memory. */
  rows: number;
  /** Whether the decoder reads it: then all of its rows stay. */
  kept: boolean;
  /** First and last place in the order at which it is written or read; kept maps: the end of the order. */
  from: number;
  to: number;
}

/** What makes the rows of one map. */
export interface Step {
  /** Undefined: the picture is drawn. */
  operation: Operation | undefined;
  /** Of the model's list. */
  index: number;
  /** Numbers of maps; step i makes map i. */
  reads: number[];
}

export interface RowProgram {
  maps: RowMap[];
  steps: Step[];
  /** Numbers of steps: each makes the next row of its map. */
  order: number[];
  /** Maps of the model's values; values that are left to the decoder, or not of maps, have none. */
  mapOf: ReadonlyMap<number, number>;
}

/**
 * @param kept values of maps that the decoder reads
 */
export function planSteps(model: Model, width: number, height: number, kept: readonly number[]): RowProgram {
  const { operations } = model;
  const shapes = inferShapes(operations, height, width);
  const wanted = new Set<number>();
  const visit = (value: number): void => {
    if (value === 0 || wanted.has(value)) return;
    wanted.add(value);
    for (const input of inputsOf(operations[value - 1])) visit(input);
  };
  for (const value of kept) visit(value);

  const maps: RowMap[] = [];
  const steps: Step[] = [];
  const mapOf = new Map<number, number>();
  const push = (step: Step, value: number): number => {
    const shape = shapes[value];
    maps.push({ value, shape, border: 0, rows: 1, kept: kept.includes(value), from: -1, to: -1 });
    steps.push(step);
    return maps.length - 1;
  };
  operations.forEach((operation, index) => {
    if (!wanted.has(index + 1)) return;
    // The picture is drawn anew for each of its readers: its rows are the largest, and readers are far apart.
    const reads = inputsOf(operation).map((input) =>
      input === 0 ? push({ operation: undefined, index: -1, reads: [] }, 0) : mapOf.get(input)!,
    );
    if (operation.op === "conv") maps[reads[0]].border = Math.max(maps[reads[0]].border, operation.padding);
    mapOf.set(index + 1, push({ operation, index, reads }, index + 1));
  });
  return { maps, steps, order: orderRows(maps, steps), mapOf };
}

const inputsOf = (operation: Operation): number[] =>
  operation.op === "add" ? [operation.input, operation.other] : [operation.input];

/** Rows of what is read that row `y` needs. */
function rowsRead({ operation }: Step, y: number, height: number): { first: number; last: number } {
  switch (operation?.op) {
    case "conv":
    case "maxPool": {
      const top = y * operation.stride - operation.padding;
      return { first: Math.max(0, top), last: Math.min(height - 1, top + operation.kernel - 1) };
    }
    case "upsample": {
      const row = Math.floor(y / operation.factor);
      return { first: row, last: row };
    }
    default:
      return { first: y, last: y };
  }
}

/** Makes rows as outputs need them, and notes in `maps` how many of each are in memory, and when. */
function orderRows(maps: RowMap[], steps: readonly Step[]): number[] {
  const order: number[] = [];
  const made = new Int32Array(maps.length);
  const readers = maps.map((_, map) => steps.flatMap(({ reads }, i) => (reads.includes(map) ? [i] : [])));
  /** The first row of a map that is still needed. */
  const needed = (map: number): number => {
    const { height } = maps[map].shape;
    return Math.min(
      ...readers[map].map((i) =>
        made[i] === maps[i].shape.height ? height : rowsRead(steps[i], made[i], height).first,
      ),
    );
  };
  const make = (map: number, row: number): void => {
    const { reads } = steps[map];
    while (made[map] <= row) {
      for (const read of reads) make(read, rowsRead(steps[map], made[map], maps[read].shape.height).last);
      for (const read of reads) maps[read].to = order.length;
      if (maps[map].from < 0) maps[map].from = order.length;
      maps[map].to = order.length;
      order.push(map);
      made[map]++;
      maps[map].rows = Math.max(maps[map].rows, made[map] - Math.min(needed(map), made[map] - 1));
    }
  };
  const kept = [...maps.keys()].filter((map) => maps[map].kept);
  const highest = Math.max(...kept.map((map) => maps[map].shape.height));
  for (let y = 1; y <= highest; y++)
    for (const map of kept) make(map, Math.ceil((y * maps[map].shape.height) / highest) - 1);
  for (const map of kept) {
    maps[map].rows = maps[map].shape.height;
    maps[map].to = order.length;
  }
  return order;
}
