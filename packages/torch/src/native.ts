// Loads the compiled addon when it is needed, and states the type of everything it exports.
import { loadAddon } from "./setup/loadAddon.js";
import { TORCH_ADDON } from "./setup/torchAddon.js";

/** A tensor as the addon holds it; only this package touches it. */
export interface TensorHandle {
  readonly __tensorHandle: unique symbol;
}

export type NativeValue =
  | TensorHandle
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | NativeValue[];

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | BigInt64Array;

/** What `configuration()` says of the engine in use. */
export interface EngineConfiguration {
  version: string;
  /** File of libtorch_cpu that was loaded. */
  path: string;
  threads: number;
  oneDNN: boolean;
  mkl: boolean;
  cuda: boolean;
  /** Whether the processor multiplies bfloat16 numbers itself (AVX-512 BF16). */
  bfloat16: boolean;
  /** File that provides sgemm; empty when it is inside another library. */
  blas: string;
  /** Whether OpenBLAS serves sgemm. */
  openblas: boolean;
  /** libtorch's own description of its build. */
  build: string;
}

interface Addon {
  lookup(name: string, overload?: string): number;
  call(operator: number, args: NativeValue[]): NativeValue;
  fromData(data: TypedArray, shape: readonly number[], dtype: string): TensorHandle;
  copyOut(tensor: TensorHandle, target: TypedArray): void;
  shapeOf(tensor: TensorHandle): number[];
  dtypeOf(tensor: TensorHandle): string;
  deviceOf(tensor: TensorHandle): string;
  requiresGrad(tensor: TensorHandle): boolean;
  setRequiresGrad(tensor: TensorHandle, required: boolean): void;
  gradOf(tensor: TensorHandle): TensorHandle | null;
  clearGrad(tensor: TensorHandle): void;
  item(tensor: TensorHandle): number;
  dispose(tensor: TensorHandle): void;
  /** Tells V8 of the tensor's memory, once. */
  reportMemory(tensor: TensorHandle): void;
  setGradEnabled(enabled: boolean): boolean;
  setThreads(threads: number): void;
  configuration(): EngineConfiguration;
  liveTensors(): number;
}

/**
 * The addon, which is loaded when something of it is first used: what needs no tensor works where libtorch is missing. From
 * then on its functions are the object's own, and what stands behind it is not asked again.
 */
export const native: Addon = Object.create(
  new Proxy(
    {},
    {
      get(_, name) {
        const addon = loadAddon<Addon>(TORCH_ADDON);
        Object.assign(native, addon);
        return addon[name as keyof Addon];
      },
    },
  ),
);

/** The engine in use: versions, libraries, threads. @throws AddonError where the addon cannot be loaded */
export function configuration(): EngineConfiguration {
  return native.configuration();
}

/** Sets the threads of libtorch and of OpenBLAS. Results are reproducible for a given number. */
export function setThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`threads must be a whole number of at least 1, got ${threads}`);
  }
  native.setThreads(threads);
}
