// One module with its memory: weights at the bottom, for good; above them what a plan places there.
import type { Model, Parameters } from "../model/model.js";
import type { Shape } from "../model/shapes.js";
import { instantiateKernels, type Kernels } from "./kernels.js";
import {
  type ConvBlock,
  hasWinograd,
  packConvolution,
  packLinear,
  WINOGRAD_CONSTANTS,
  winogradParts,
} from "./packing.js";
import { rowLayouts } from "./rows.js";

/** A block of a convolution, with the address of its weights. */
export type PlacedBlock = Omit<ConvBlock, "packed"> & { address: number };

/** Weights of an operation. Which of a convolution's two forms is read depends on the size of its map. */
export type PlacedWeights = { blocks: PlacedBlock[]; winograd?: number } | { address: number } | undefined;

export interface Machine {
  kernels: Kernels;
  /** Of each operation. */
  weights: readonly PlacedWeights[];
  /** The first byte that is free. */
  free: number;
  /** All of the memory; made anew when it has grown. */
  floats: Float32Array;
  bytes: Uint8Array;
  /** Makes sure that there are so many bytes. */
  reserve(bytes: number): void;
}

const PAGE = 65_536;

/** @param shapes of the model's values for a picture of any size: none of what is read of them depends on it */
export async function createMachine(model: Model, shapes: readonly Shape[]): Promise<Machine> {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const kernels = await instantiateKernels(memory);
  const machine: Machine = {
    kernels,
    weights: [],
    free: 64,
    floats: new Float32Array(memory.buffer),
    bytes: new Uint8Array(memory.buffer),
    reserve(bytes) {
      const missing = Math.ceil((bytes - memory.buffer.byteLength) / PAGE);
      if (missing <= 0) return;
      memory.grow(missing);
      machine.floats = new Float32Array(memory.buffer);
      machine.bytes = new Uint8Array(memory.buffer);
    },
  };
  const packed: { at: number; numbers: Float32Array }[] = [];
  const transformed: { address: number; parameters: Parameters }[] = [];
  const reserved = (bytes: number): number => {
    const address = machine.free;
    // Kernels read whole vectors.
    machine.free = (address + bytes + 31) & ~15;
    return address;
  };
  const place = (numbers: Float32Array): number => {
    const address = reserved(numbers.byteLength);
    packed.push({ at: address / 4, numbers });
    return address;
  };
  const placeWinograd = (parameters: Parameters): number => {
    const outputs = parameters.biases.length;
    const address = reserved(winogradParts(parameters.weights.length / (9 * outputs), outputs).bytes);
    transformed.push({ address, parameters });
    return address;
  };
  const rows = rowLayouts(model.operations, shapes);
  machine.weights = model.operations.map((operation, i): PlacedWeights => {
    const parameters = model.parameters[i];
    if (operation.op === "conv") {
      const blocks = packConvolution(parameters!, operation.groups).map(({ packed, ...block }) => ({
        ...block,
        address: place(packed),
      }));
      return hasWinograd(operation, shapes[operation.input].channels)
        ? { blocks, winograd: placeWinograd(parameters!) }
        : { blocks };
    }
    if (operation.op === "linear")
      return { address: place(packLinear(parameters!, rows[operation.input]!.order)) };
    return undefined;
  });
  // Memory grows once: each time it does all views of it are made anew.
  const largest = transformed.reduce(
    (most, { parameters }) => Math.max(most, parameters.weights.byteLength),
    0,
  );
  machine.reserve(machine.free + largest);
  for (const { at, numbers } of packed) machine.floats.set(numbers, at);
  // By the kernels, which are quick from the first call on: plain loops would be half of the time that loading takes.
  for (const { address, parameters } of transformed) {
    const { weights, biases } = parameters;
    const inputs = weights.length / (9 * biases.length);
    const parts = winogradParts(inputs, biases.length);
    machine.floats.set(weights, machine.free / 4);
    machine.floats.set(WINOGRAD_CONSTANTS, address / 4);
    machine.floats.set(biases, (address + parts.biases) / 4);
    kernels.transformWeights(machine.free, address + parts.weights, inputs, biases.length);
  }
  return machine;
}
