// Loads the compiled addon on first use, and declares the types of its exports.
import { loadAddon } from "./setup/loadAddon.js";
import { TORCH_ADDON } from "./setup/torchAddon.js";

/** The addon's handle of a tensor, internal to this package. */
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

/** Result of `configuration()`. */
export interface EngineConfiguration {
  version: string;
  /** Path of the loaded libtorch_cpu. */
  path: string;
  threads: number;
  oneDNN: boolean;
  mkl: boolean;
  cuda: boolean;
  /** Whether the processor has bfloat16 instructions (AVX-512 BF16). */
  bfloat16: boolean;
  /** Path of the library that provides sgemm; empty if it is built into another library. */
  blas: string;
  /** Whether sgemm is OpenBLAS's. */
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
  /** Reports the tensor's memory to V8, once. */
  reportMemory(tensor: TensorHandle): void;
  setGradEnabled(enabled: boolean): boolean;
  setThreads(threads: number): void;
  releaseMemory(): void;
  configuration(): EngineConfiguration;
  liveTensors(): number;
}

/** Applied as soon as the addon is loaded. */
let wantedThreads: number | null = null;

/**
 * The addon, loaded on first use, so that everything that needs no tensors works without libtorch. Loading copies its
 * functions onto this object, which bypasses the proxy from then on.
 */
export const native: Addon = Object.create(
  new Proxy(
    {},
    {
      get(_, name) {
        const addon = loadAddon<Addon>(TORCH_ADDON);
        Object.assign(native, addon);
        if (wantedThreads !== null) addon.setThreads(wantedThreads);
        return addon[name as keyof Addon];
      },
    },
  ),
);

/** The libtorch in use: version, libraries, threads. @throws AddonError if the addon cannot be loaded */
export function configuration(): EngineConfiguration {
  return native.configuration();
}

/** Sets the number of threads of libtorch and OpenBLAS. Results are reproducible for a given number. */
export function setThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`setThreads: ${threads}, expected an integer of at least 1`);
  }
  wantedThreads = threads;
  if (Object.hasOwn(native, "setThreads")) native.setThreads(threads);
}

/**
 * Returns freed memory to the system (glibc; elsewhere does nothing). The addon makes malloc keep what is freed, of
 * every library in the process, because training soon needs it again. Call this after other work that allocated much.
 */
export function releaseMemory(): void {
  native.releaseMemory();
}
