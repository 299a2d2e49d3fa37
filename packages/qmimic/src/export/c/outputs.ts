// What the decoder reads from a network: outputs, and maps for pooling regions.
import {
  inferShapes,
  type Linear,
  type Model,
  type Operation,
  type PsRoiAlign,
  type RoiAlign,
} from "@qmimic/runtime";

/** A map output of the network. */
export interface MapOutput {
  /** Index in the model's list. */
  value: number;
  /** The decoder computes exp(min(x, max)), only for the cells that it reads. */
  exp?: number;
}

export interface RegionOperation {
  operation: RoiAlign | PsRoiAlign | Linear;
  /** From the model's list. */
  index: number;
  /** Numbers that it reads per region (0 if it reads a map), and that it produces. */
  reads: number;
  makes: number;
}

export interface DecoderInputs {
  /** In the order of the model's outputs, without region outputs. */
  outputs: MapOutput[];
  /** All map values needed until decoding. */
  kept: number[];
  regionOperations: RegionOperation[];
}

/** @throws Error naming a region operation that is not supported in C */
export function decoderInputs({ operations, outputs: named, decoder, input }: Model): DecoderInputs {
  const regionOperations = operationsOnRegions(operations, 4 * input.grid);
  const ofRegions = new Set(regionOperations.map(({ index }) => index + 1));
  const outputs = named
    .filter((value) => !ofRegions.has(value))
    .map((value, i) => (decoder.of === "cells" && i === 1 ? distancesOf(value, operations) : { value }));
  const cut = regionOperations.flatMap(({ operation }) => (operation.op === "linear" ? [] : operation.input));
  return { outputs, kept: [...new Set([...outputs.map(({ value }) => value), ...cut])], regionOperations };
}

/** @param side of an image; regions do not depend on it */
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
    else throw new Error(`export to C: ${operation.op} of regions is not supported (operation ${index})`);
    values.add(index + 1);
  });
  return found;
}

/** If only the decoder reads an exp, it is computed only for a few cells. */
function distancesOf(value: number, operations: readonly Operation[]): MapOutput {
  const maker = operations[value - 1];
  const readers = operations.filter(
    (operation) => operation.input === value || (operation.op === "add" && operation.other === value),
  );
  return maker.op === "exp" && readers.length === 0 ? { value: maker.input, exp: maker.max } : { value };
}
