// What a step of the generated source reads besides maps, for both number formats.
import type { Operation } from "@qmimic/runtime";
import type { RowMap } from "./steps.js";

export interface StepParameters {
  /** The C function that computes a row, and its file in the library. */
  row: string;
  file: string;
  weights: ArrayLike<number>;
  biases: ArrayLike<number>;
  /** For integers: a sum times its factor / 2^(32 + shift) is a number in the map. */
  factors: readonly number[];
  shift: number;
}

export interface MapFormat {
  /** Size of a number. */
  bytes: number;
  /** Zero point and scale. */
  zero: number;
  scale: number;
}

/** A network with all its numbers, as float32 or integers. */
export interface Lowered {
  maps: MapFormat[];
  steps: StepParameters[];
  /** Per region operation. */
  regions: { weights: ArrayLike<number>; biases: ArrayLike<number> }[];
  /** Scale and shift of 0..255 red, green and blue values. */
  gains: number[];
  shifts: number[];
}

/** For a step without parameters. */
export const NO_PARAMETERS = { weights: [], biases: [], factors: [], shift: 1 };

/** The C function per operation. */
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
  throw new Error(`export to C: ${operation.op} of maps is not supported`);
};

/** [channels, inputs, kernel, kernel] -> [channels, kernel, kernel, inputs]: the order of cells in a row. */
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
