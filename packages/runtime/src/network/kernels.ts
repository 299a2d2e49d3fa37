// The WebAssembly module of packages/runtime/wasm, compiled once and instantiated per network, with separate memory.
import { KERNELS_HEX, RELAXED_KERNELS_HEX } from "./kernelsHex.js";

/** The module's exports, documented in packages/runtime/wasm. Addresses and strides are in bytes. */
export interface Kernels {
  conv1(
    input: number,
    offsets: number,
    taps: number,
    block: number,
    output: number,
    plane: number,
    rows: number,
    width: number,
    inRow: number,
    outRow: number,
    low: number,
  ): void;
  conv2: Kernels["conv1"];
  conv4: Kernels["conv1"];
  clear(at: number, bytes: number): void;
  clearPads(
    output: number,
    channels: number,
    plane: number,
    rows: number,
    width: number,
    pad: number,
    gap: number,
  ): void;
  halve(input: number, output: number, rows: number, width: number, inRow: number, outRow: number): void;
  maxPool(
    input: number,
    output: number,
    rows: number,
    width: number,
    inRows: number,
    inWidth: number,
    inRow: number,
    outRow: number,
    kernel: number,
    stride: number,
    padding: number,
  ): void;
  add(a: number, b: number, output: number, bytes: number, low: number): void;
  upsample(
    input: number,
    output: number,
    rows: number,
    width: number,
    factor: number,
    inRow: number,
    outRow: number,
  ): void;
  phase(
    input: number,
    output: number,
    rows: number,
    width: number,
    inRows: number,
    inWidth: number,
    inRow: number,
    outRow: number,
    stride: number,
    dy: number,
    dx: number,
  ): void;
  phases(
    input: number,
    output: number,
    rows: number,
    width: number,
    inRow: number,
    outRow: number,
    outPlane: number,
    stride: number,
  ): void;
  exp(input: number, output: number, bytes: number, high: number): void;
  round(input: number, output: number, bytes: number, step: number): void;
  roundSteps(at: number, bytes: number, step: number): void;
  channelsLast(
    input: number,
    output: number,
    channels: number,
    rows: number,
    width: number,
    inPlane: number,
    inRow: number,
    cell: number,
  ): void;
  /** @returns 1 if all values are finite */
  unpad(
    input: number,
    output: number,
    channels: number,
    rows: number,
    width: number,
    inPlane: number,
    inRow: number,
  ): number;
  quantizeRow(at: number, width: number, factor: number, shift: number): void;
  overBlack(at: number, bytes: number): void;
  rgbToRgba(pixels: number, output: number, count: number): void;
  sumRows(rows: number, row: number, taps: number, weights: number, width: number, line: number): void;
  sumColumns(
    line: number,
    first: number,
    weights: number,
    taps: number,
    width: number,
    gains: number,
    output: number,
    plane: number,
  ): void;
  spreadRow(pixels: number, width: number, gains: number, output: number, plane: number): void;
  roiAlign(
    map: number,
    height: number,
    width: number,
    cell: number,
    regions: number,
    count: number,
    stride: number,
    size: number,
    samples: number,
    taps: number,
    output: number,
    outRow: number,
  ): void;
  psRoiAlign(
    map: number,
    height: number,
    width: number,
    plane: number,
    row: number,
    channels: number,
    regions: number,
    count: number,
    stride: number,
    size: number,
    samples: number,
    taps: number,
    output: number,
    outRow: number,
  ): void;
  suppress(
    boxes: number,
    candidates: number,
    count: number,
    labels: number,
    threshold: number,
    limit: number,
    kept: number,
    groups: number,
  ): number;
  winograd(
    input: number,
    constants: number,
    weights: number,
    biases: number,
    output: number,
    inputs: number,
    outputs: number,
    inPlane: number,
    outPlane: number,
    rows: number,
    width: number,
    row: number,
    scratch: number,
    low: number,
  ): void;
  transformWeights(weights: number, output: number, inputs: number, outputs: number): void;
  linear(
    input: number,
    weights: number,
    output: number,
    count: number,
    inputs: number,
    outputs: number,
    low: number,
  ): void;
}

let compiled: WebAssembly.Module | Promise<WebAssembly.Module> | undefined;

/** Compiles the module, once. @throws if the page's content security policy forbids it */
export function compileKernels(): WebAssembly.Module | Promise<WebAssembly.Module> {
  compiled ??= compile();
  return compiled;
}

/** Starts the compilation, to use the time of a download. If it fails, instantiateKernels rejects. */
export function startCompiling(): void {
  try {
    Promise.resolve(compileKernels()).catch(() => {});
  } catch {
    // Compiled again, and reported, when the kernels are needed.
  }
}

/** @throws without WebAssembly SIMD, and if the page's content security policy forbids WebAssembly */
export async function instantiateKernels(memory: WebAssembly.Memory): Promise<Kernels> {
  const module = await compileKernels();
  const imports = { env: { memory } };
  let instance: WebAssembly.Instance;
  try {
    instance = new WebAssembly.Instance(module, imports);
  } catch (error) {
    // Engines that do not compile synchronously in a page do not instantiate synchronously either.
    if (!(error instanceof RangeError)) throw error;
    instance = await WebAssembly.instantiate(module, imports);
  }
  return instance.exports as unknown as Kernels;
}

/**
 * Uses fused multiply-adds if the engine supports them, which are up to a third faster. Compiles synchronously, because
 * the module is small and an asynchronous compilation takes longer; asynchronously only if the engine does not allow
 * that (RangeError).
 */
function compile(): WebAssembly.Module | Promise<WebAssembly.Module> {
  const relaxed = bytesOf(RELAXED_KERNELS_HEX);
  const plain = () => bytesOf(KERNELS_HEX);
  try {
    return new WebAssembly.Module(relaxed);
  } catch (error) {
    if (error instanceof RangeError)
      return WebAssembly.compile(relaxed).catch(() => WebAssembly.compile(plain()));
    return new WebAssembly.Module(plain());
  }
}

/** Hexadecimal digits compress better than base64, because they keep bytes apart. */
export function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** A module with a single function that returns a vector. */
const SIMD_PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98,
  11,
];

export const hasSimd = (): boolean =>
  typeof WebAssembly === "object" && WebAssembly.validate(Uint8Array.from(SIMD_PROBE));
