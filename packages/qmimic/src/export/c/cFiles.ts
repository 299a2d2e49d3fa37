// A detector as C99 for a fixed input size: a header and a source that need only the C library and one
// statically planned block of memory, and do not recurse.
import { type Model, parseModel, type RawImage, type Size, toGrid } from "@qmimic/runtime";
import { fixedPlacement } from "../../data/fixedInput.js";
import { InputError } from "../../errors.js";
import type { Detector } from "../../models/index.js";
import { valueRanges } from "../calibrate.js";
import { modelFile, type WeightFormat } from "../modelFile.js";
import { lowerFloat } from "./float.js";
import { headerText } from "./header.js";
import { lowerInt8 } from "./int8.js";
import { planMemory } from "./memory.js";
import { decoderInputs } from "./outputs.js";
import type { Lowered } from "./parameters.js";
import { sourceText } from "./source.js";
import { planSteps, type RowProgram } from "./steps.js";

export interface COptions {
  /** Prefix of files, functions and types: letters, digits and underscores. Default: detector. */
  name?: string;
  /**
   * Size of the network's input in pixels, multiples of 32. Default: the detector's side and three quarters of
   * it, the shape of most camera images.
   */
  width?: number;
  height?: number;
  /** Precision of weights and, for "int8", also of maps. */
  format: WeightFormat;
  /** Calibration images, similar to those that the detector will see. Required for "int8". */
  calibration?: readonly RawImage[];
}

export interface CFiles {
  /** Contents of NAME.h and NAME.c by name. */
  files: Record<string, string>;
  /** RAM: size of the static block; excludes stack and images. */
  arenaBytes: number;
  /** Flash: size of weights and tables; excludes code. */
  constantBytes: number;
}

/** Maximum sides of an input. */
const LONGEST_SIDE = 4096;

/**
 * @param thresholds per class, null: unknown
 * @throws InputError for an invalid C name, sides that are not multiples of the grid, or int8 without images
 */
export function cFiles(
  detector: Detector,
  thresholds: readonly (number | null)[] | undefined,
  options: COptions,
): CFiles {
  return cFilesOf(parseModel(modelFile(detector, thresholds, "float32")), options);
}

/** Validates an input size. @throws InputError for sides that are not multiples of the grid */
export function checkInput(input: Size, grid: number): void {
  for (const [what, length] of Object.entries(input))
    if (!(length >= grid && length <= LONGEST_SIDE && length % grid === 0))
      throw new InputError(
        `${what} ${length}: expected a multiple of ${grid} up to ${LONGEST_SIDE}, for instance ${Math.min(LONGEST_SIDE, toGrid(Math.max(grid, length || grid), grid))}`,
      );
}

/** Like cFiles, for the contents of a model file whose maps are not rounded. */
export function cFilesOf(
  model: Model,
  { name = "detector", format, calibration = [], ...size }: COptions,
): CFiles {
  const { side, grid } = model.input;
  const { width = toGrid(side, grid), height = toGrid((side * 3) / 4, grid) } = size;
  if (!/^[A-Za-z_]\w*$/.test(name))
    throw new InputError(
      `${JSON.stringify(name)} is not a valid C name: use letters, digits and underscores, not starting with a digit`,
    );
  checkInput({ width, height }, grid);
  if (format === "int8" && calibration.length === 0)
    throw new InputError("int8: calibration needs at least one image");

  const inputs = decoderInputs(model);
  const program = planSteps(model, width, height, inputs.kept);
  const lower = (): Lowered => {
    if (format === "float32") return lowerFloat(model, program, inputs.regionOperations);
    const place = (picture: Size) => fixedPlacement(picture, { width, height });
    const ranges = valueRanges(model, place, valuesOf(program), calibration);
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

/** Bytes of constants in a program for a 32-bit CPU, including structures of maps and operations. */
function bytesOf({ maps, steps, regions }: Lowered, { order }: RowProgram): number {
  const weightBytes = maps.some(({ bytes }) => bytes === 4) ? 4 : 1;
  const numbers = [...steps, ...regions].reduce(
    (sum, { weights, biases }) => sum + weights.length * weightBytes + biases.length * 4,
    0,
  );
  const factors = steps.reduce((sum, step) => sum + step.factors.length * 4, 0);
  const structures = maps.length * 20 + (steps.length + regions.length) * 32;
  return numbers + factors + structures + order.length * (steps.length < 256 ? 1 : 2);
}
