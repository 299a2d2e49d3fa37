// What a step of the generated source reads beside maps, whatever its numbers are.
import type { Operation } from "@qmimic/runtime";
import type { RowMap } from "./steps.js";

export interface StepParameters {
  /** The C function that makes a row, and the library's file that has it. */
  row: string;
  file: string;
  weights: ArrayLike<number>;
  biases: ArrayLike<number>;
  /** Of integers: a sum times its factor / 2^(32 + shift) is a number of the map. */
  factors: readonly number[];
  shift: number;
}

export interface MapFormat {
  /** Of a number. */
  bytes: number;
  /** The number that means 0, and what a step of one means. */
  zero: number;
  scale: number;
}

/** A network with all of its numbers, as 32-bit floats or as integers. */
export interface Lowered {
  maps: MapFormat[];
  steps: StepParameters[];
  /** Of each operation on regions. */
  regions: { weights: ArrayLike<number>; biases: ArrayLike<number> }[];
  /** That a level of 0 to 255 of red, green and blue is multiplied by, and what is added. */
  gains: number[];
  shifts: number[];
}

/** Of a step that has none. */
export const NO_PARAMETERS = { weights: [], biases: [], factors: [], shift: 1 };

/** The C function of each operation. */
export const FUNCTIONS = {
  conv: { row: "conv_row", file: "conv" },
  groupedConv: { row: "grouped_conv_row", file: "groupedConv" },
  maxPool: { row: "max_pool_row", file: "maxPool" },
  add: { row: "add_row", file: "add" },
  upsample: { row: "upsample_row", file: "upsample" },
  round: { row: "round_row", file: "round" },
  roundPow2: { row: "round_pow2_row", file: "roundPow2" },
  exp: { row: "exp_row", file: "exp" },
} as const;

export const functionOf = (operation: Operation): keyof typeof FUNCTIONS => {
  if (operation.op === "conv") return operation.groups === 1 ? "conv" : "groupedConv";
  if (operation.op in FUNCTIONS) return operation.op as keyof typeof FUNCTIONS;
  throw new Error(`export to C: there is no ${operation.op} of maps`);
};

/** [channels, inputs, kernel, kernel] -> [channels, kernel, kernel, inputs]: as cells lie in a row. */
export function cellMajor<T extends Float32Array | Int8Array>(
  weights: T,
  operation: Operation,
  { shape }: Pick<RowMap, "shape">,
): T {
  if (operation.op !== "conv") return weights;
  const inputs = shape.channels / operation.groups;
  const cells = operation.kernel ** 2;
  const moved = weights.slice() as T;
  for (let o = 0; o < operation.channels; o++)
    for (let i = 0; i < inputs; i++)
      for (let cell = 0; cell < cells; cell++)
        moved[(o * cells + cell) * inputs + i] = weights[(o * inputs + i) * cells + cell];
  return moved;
}
