// The network in float32.
import type { Model, Operation } from "@qmimic/runtime";
import type { RegionOperation } from "./outputs.js";
import { cellMajor, FUNCTIONS, functionOf, type Lowered, NO_PARAMETERS } from "./parameters.js";
import type { RowProgram } from "./steps.js";

export function lowerFloat(
  model: Model,
  { maps, steps }: RowProgram,
  regions: readonly RegionOperation[],
): Lowered {
  const { mean, std } = model.input;
  return {
    maps: maps.map(() => ({ bytes: 4, zero: 0, scale: 1 })),
    steps: steps.map(({ operation, index, reads }) => {
      if (operation === undefined) return { ...NO_PARAMETERS, row: "draw_row", file: "picture" };
      const parameters = model.parameters[index];
      const weights = parameters
        ? cellMajor(parameters.weights, operation, maps[reads[0]])
        : floatsOf(operation);
      return {
        ...NO_PARAMETERS,
        ...FUNCTIONS[functionOf(operation)],
        weights,
        biases: parameters?.biases ?? [],
      };
    }),
    regions: regions.map(({ index }) => ({
      weights: model.parameters[index]?.weights ?? [],
      biases: model.parameters[index]?.biases ?? [],
    })),
    gains: std.map((deviation) => 1 / (255 * deviation)),
    shifts: mean.map((value, c) => -value / std[c]),
  };
}

/** Parameters of an operation that C reads as weights. */
function floatsOf(operation: Operation): number[] {
  switch (operation.op) {
    case "round":
      return [operation.step];
    case "roundPow2":
      return [operation.min, operation.max];
    case "exp":
      return [operation.max];
    default:
      return [];
  }
}
