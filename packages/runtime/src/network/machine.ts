// A module instance with its memory: weights at the bottom, permanently; above them, the memory used by a plan.
import { fail } from "../model/errors.js";
import type { LayerParameters, Model } from "../model/model.js";
import type { Shape } from "../model/shapes.js";
import { type ByteKernels, instantiateByteKernels } from "./byteKernels.js";
import { instantiateKernels, type Kernels } from "./kernels.js";
import { aligned } from "./memory.js";
import {
  type ConvBlock,
  hasWinograd,
  packConvolution,
  packLinear,
  WINOGRAD_CONSTANTS,
  winogradParts,
} from "./packing.js";
import { rowLayouts } from "./rows.js";
import { type Stem, stemOf } from "./stem.js";

/** A block of a convolution, with the address of its weights. */
export type PlacedBlock = Omit<ConvBlock, "packed"> & { address: number };

/** The weights of an operation. Which of a convolution's two forms is used depends on the size of its map. */
export type PlacedWeights = { blocks: PlacedBlock[]; winograd?: number } | { address: number } | undefined;

export interface Machine {
  /** Whose weights are in the memory. */
  model: Model;
  kernels: Kernels;
  /** Per operation. */
  weights: readonly PlacedWeights[];
  /** The first layers if they are computed with bytes. */
  stem: (Stem & { kernels: ByteKernels; weights: readonly number[] }) | undefined;
  /** Address of the first free byte. */
  free: number;
  /** Views of the whole memory, replaced when it grows. */
  floats: Float32Array;
  bytes: Uint8Array;
  /** Grows the memory to at least this many bytes. @throws ModelError if there is not enough */
  reserve(bytes: number): void;
}

const PAGE = 65_536;

/** @param shapes of the model's values, for any picture size: only properties independent of it are used */
export async function createMachine(model: Model, shapes: readonly Shape[]): Promise<Machine> {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const kernels = await instantiateKernels(memory);
  const machine: Machine = {
    model,
    kernels,
    weights: [],
    stem: undefined,
    free: 64,
    floats: new Float32Array(memory.buffer),
    bytes: new Uint8Array(memory.buffer),
    reserve(bytes) {
      const missing = Math.ceil((bytes - memory.buffer.byteLength) / PAGE);
      if (missing <= 0) return;
      try {
        memory.grow(missing);
      } catch {
        fail(`the network needs ${Math.round(bytes / 2 ** 20)} MiB of memory, which cannot be allocated`);
      }
      machine.floats = new Float32Array(memory.buffer);
      machine.bytes = new Uint8Array(memory.buffer);
    },
  };
  const packed: { at: number; numbers: Float32Array | Uint8Array }[] = [];
  const transformed: { address: number; parameters: LayerParameters }[] = [];
  const allocate = (bytes: number): number => {
    const address = machine.free;
    // Kernels read whole vectors.
    machine.free = aligned(address + bytes + 16);
    return address;
  };
  const place = (numbers: Float32Array | Uint8Array): number => {
    const at = allocate(numbers.byteLength);
    packed.push({ at, numbers });
    return at;
  };
  const placeWinograd = (parameters: LayerParameters): number => {
    const outputs = parameters.biases.length;
    const address = allocate(winogradParts(parameters.weights.length / (9 * outputs), outputs).bytes);
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
    if (operation.op === "linear") return { address: place(packLinear(parameters!, rows[operation.input]!)) };
    return undefined;
  });
  const stem = stemOf(model);
  const byteKernels = stem && instantiateByteKernels(memory);
  if (byteKernels)
    machine.stem = {
      ...stem,
      kernels: byteKernels,
      weights: stem.layers.map(({ packed }) => place(packed)),
    };
  // Memory grows only once, because growing replaces all views.
  const largest = transformed.reduce(
    (max, { parameters }) => Math.max(max, parameters.weights.byteLength),
    0,
  );
  machine.reserve(machine.free + largest);
  for (const { at, numbers } of packed)
    machine.bytes.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), at);
  // By the kernels, which are fast from the first call on: JavaScript loops would take half of the loading time.
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
