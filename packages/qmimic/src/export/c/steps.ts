// Map operations as steps that each compute one row, ordered so that few rows are in memory at a time. A row is
// computed when an output row first needs it, and its memory is reused when it is no longer needed. A map is
// stored as a ring buffer of rows: three between two 3x3 convolutions.
import { inferShapes, type Model, type Operation, type Shape } from "@qmimic/runtime";

/** A map, or the part of it in memory. */
export interface RowMap {
  /** Index in the model's list. */
  value: number;
  shape: Shape;
  /** Zero padding on either side of a row, for convolutions. */
  border: number;
  /** Rows in memory. */
  rows: number;
  /** Whether the decoder reads it: then all its rows are kept. */
  kept: boolean;
  /** First and last step that writes or reads it; for kept maps: the last step. */
  from: number;
  to: number;
}

/** The operation that computes the rows of a map. */
export interface Step {
  /** Undefined: drawing the input image. */
  operation: Operation | undefined;
  /** From the model's list. */
  index: number;
  /** Indices of maps; step i computes map i. */
  reads: number[];
}

export interface RowProgram {
  maps: RowMap[];
  steps: Step[];
  /** Indices of steps: each computes the next row of its map. */
  order: number[];
  /** Maps of the model's values; undefined for values computed by the decoder, or not maps. */
  mapOf: ReadonlyMap<number, number>;
}

/** @param kept map values read by the decoder */
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
    // The image is drawn again for each of its readers: its rows are the largest, and readers are far apart.
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

/** Input rows needed for row `y`. */
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

/** Schedules rows as outputs need them, and records rows in memory and lifetimes in `maps`. */
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
