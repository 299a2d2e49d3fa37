// What the decoder reads of a network: outputs, and maps that regions are cut out of.
import {
  inferShapes,
  type Linear,
  type Model,
  type Operation,
  type PsRoiAlign,
  type RoiAlign,
} from "@qmimic/runtime";

/** An output of the network on maps. */
export interface MapOutput {
  /** Number in the model's list. */
  value: number;
  /** The decoder takes e to the power of min(x, max), of those cells alone that it reads. */
  exp?: number;
}

export interface RegionOperation {
  operation: RoiAlign | PsRoiAlign | Linear;
  /** Of the model's list. */
  index: number;
  /** Numbers that it reads of a region, 0 where it reads a map; and that it makes. */
  reads: number;
  makes: number;
}

export interface DecoderInputs {
  /** In the order of the model's outputs, those of regions left out. */
  outputs: MapOutput[];
  /** All values of maps that stay until they are decoded. */
  kept: number[];
  regionOperations: RegionOperation[];
}

/** @throws Error naming an operation on regions that has no C */
export function decoderInputs({ operations, outputs: named, decoder, input }: Model): DecoderInputs {
  const regionOperations = operationsOnRegions(operations, 4 * input.grid);
  const ofRegions = new Set(regionOperations.map(({ index }) => index + 1));
  const outputs = named
    .filter((value) => !ofRegions.has(value))
    .map((value, i) => (decoder.of === "cells" && i === 1 ? distancesOf(value, operations) : { value }));
  const cut = regionOperations.flatMap(({ operation }) => (operation.op === "linear" ? [] : operation.input));
  return { outputs, kept: [...new Set([...outputs.map(({ value }) => value), ...cut])], regionOperations };
}

/** @param side of a picture, on which nothing of a region depends */
function operationsOnRegions(operations: readonly Operation[], side: number): RegionOperation[] {
  const sizes = inferShapes(operations, side, side).map(({ channels, height, width, regions }) =>
    regions ? channels * height * width : 0,
  );
  const values = new Set<number>();
  const found: RegionOperation[] = [];
  operations.forEach((operation, index) => {
    if (operation.op === "roiAlign" || operation.op === "psRoiAlign" || operation.op === "linear")
      found.push({ operation, index, reads: sizes[operation.input], makes: sizes[index + 1] });
    else if (!values.has(operation.input)) return;
    else throw new Error(`export to C: there is no ${operation.op} of regions (operation ${index})`);
    values.add(index + 1);
  });
  return found;
}

/** Where nothing but the decoder reads an exp, it is computed of few cells. */
function distancesOf(value: number, operations: readonly Operation[]): MapOutput {
  const maker = operations[value - 1];
  const readers = operations.filter(
    (one) => one.input === value || (one.op === "add" && one.other === value),
  );
  return maker.op === "exp" && readers.length === 0 ? { value: maker.input, exp: maker.max } : { value };
}
