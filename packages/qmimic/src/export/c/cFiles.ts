// A detector as C99 for a picture of a fixed size: a header and a source that need nothing but the C library, take no
// memory but one block that is planned here, and do not recurse.
import { type Model, parseModel, type RawImage, type Size, toGrid } from "@qmimic/runtime";
import { InputError } from "../../errors.js";
import type { Detector } from "../../models/index.js";
import { modelFile, type WeightFormat } from "../modelFile.js";
import { valueRanges } from "./calibrate.js";
import { lowerFloat } from "./float.js";
import { headerText } from "./header.js";
import { lowerInt8 } from "./int8.js";
import { planMemory } from "./memory.js";
import { decoderInputs } from "./outputs.js";
import type { Lowered } from "./parameters.js";
import { sourceText } from "./source.js";
import { planSteps, type RowProgram } from "./steps.js";

export interface COptions {
  /** That files, functions and types are named after: letters, digits and underscores. Default: detector. */
  name?: string;
  /**
   * Of the network's input in pixels, multiples of the grid of 32. Default: the detector's side, and three quarters of it, the
   * shape of most cameras' pictures.
   */
  width?: number;
  height?: number;
  /** Of weights and, as "int8", of maps, too. */
  format: WeightFormat;
  /** Pictures like those that the detector will see: what eight bits have to stand for is learned from them. "int8" needs some. */
  calibration?: readonly RawImage[];
}

export interface CFiles {
  /** Texts of NAME.h and NAME.c by name. */
  files: Record<string, string>;
  /** RAM: of the one block that the source has; stack and pictures come on top. */
  arenaBytes: number;
  /** Flash: of weights and tables; code comes on top. */
  constantBytes: number;
}

/** Of an input. */
const LONGEST_SIDE = 4096;

/**
 * @param thresholds of each class, null: none is known
 * @throws InputError for a name that is none in C, sides off the grid, or int8 without pictures
 */
export function cFiles(
  detector: Detector,
  thresholds: readonly (number | null)[] | undefined,
  options: COptions,
): CFiles {
  return cFilesOf(parseModel(modelFile(detector, thresholds, "float32")), options);
}

/** Whether there can be an input of this size. @throws InputError for sides off the grid */
export function checkInput(input: Size, grid: number): void {
  for (const [what, length] of Object.entries(input))
    if (!(length >= grid && length <= LONGEST_SIDE && length % grid === 0))
      throw new InputError(
        `${what} ${length}: expected a multiple of ${grid} up to ${LONGEST_SIDE}, for instance ${Math.min(LONGEST_SIDE, toGrid(Math.max(grid, length || grid), grid))}`,
      );
}

/** As cFiles, of what is in a model file. */
export function cFilesOf(
  model: Model,
  { name = "detector", format, calibration = [], ...size }: COptions,
): CFiles {
  const { side, grid } = model.input;
  const { width = toGrid(side, grid), height = toGrid((side * 3) / 4, grid) } = size;
  if (!/^[A-Za-z_]\w*$/.test(name))
    throw new InputError(
      `${JSON.stringify(name)} is not a name in C: letters, digits and underscores, a letter first`,
    );
  checkInput({ width, height }, grid);
  if (format === "int8" && calibration.length === 0)
    throw new InputError(
      "int8: which numbers occur is learned from pictures like those that will be seen; there is none",
    );

  const inputs = decoderInputs(model);
  const program = planSteps(model, width, height, inputs.kept);
  const lower = (): Lowered => {
    if (format === "float32") return lowerFloat(model, program, inputs.regionOperations);
    const ranges = valueRanges(model, { width, height }, valuesOf(program), calibration);
    return lowerInt8(model, program, inputs.regionOperations, ranges);
  };
  const lowered = lower();
  const memory = planMemory(model, program, lowered.maps, inputs);
  const parts = { name, format, width, height, model, inputs, program, lowered, memory };
  const constantBytes = bytesOf(lowered, program);
  return {
    files: {
      [`${name}.h`]: headerText(parts, constantBytes),
      [`${name}.c`]: sourceText(parts),
    },
    arenaBytes: memory.bytes,
    constantBytes,
  };
}

const valuesOf = ({ maps }: RowProgram): number[] => [
  ...new Set(maps.map(({ value }) => value).filter((value) => value > 0)),
];

/** Bytes of what a program for a 32-bit processor has as constants: of each map's and each operation's structure, too. */
function bytesOf({ maps, steps, regions }: Lowered, { order }: RowProgram): number {
  const weightBytes = maps.some(({ bytes }) => bytes === 4) ? 4 : 1;
  const numbers = [...steps, ...regions].reduce(
    (sum, { weights, biases }) => sum + weights.length * weightBytes + biases.length * 4,
    0,
  );
  const factors = steps.reduce((sum, own) => sum + own.factors.length * 4, 0);
  const structures = maps.length * 20 + (steps.length + regions.length) * 32;
  return numbers + factors + structures + order.length * (steps.length < 256 ? 1 : 2);
}
