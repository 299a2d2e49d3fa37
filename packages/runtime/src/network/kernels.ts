// The WebAssembly modules of packages/runtime/wasm, instantiated per network, with separate memory. The large one is
// compiled once.
import { BYTE_KERNELS_HEX, KERNELS_HEX, RELAXED_KERNELS_HEX } from "./kernelsHex.js";

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

/** Exports of the module for convolutions of bytes, see wasm/bytes.ts. */
export interface ByteKernels {
  bytes2to2(
    input: number,
    layer: number,
    output: number,
    rows: number,
    width: number,
    inRow: number,
    outRow: number,
  ): void;
  bytes2to4: ByteKernels["bytes2to2"];
  bytes4to2: ByteKernels["bytes2to2"];
  bytes4to4: ByteKernels["bytes2to2"];
  poolBytes(
    input: number,
    output: number,
    rows: number,
    width: number,
    channels: number,
    inRow: number,
    outRow: number,
  ): void;
  floatsOfBytes(
    input: number,
    output: number,
    rows: number,
    width: number,
    size: number,
    inRow: number,
    outRow: number,
    step: number,
    shift: number,
  ): void;
  halveBytes(input: number, output: number, count: number): void;
  bytesOfFloats(input: number, output: number, width: number, plane: number): void;
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
 * Undefined if the engine has no relaxed SIMD, or is one of those whose products of bytes are wrong. The module's size
 * allows compiling it synchronously everywhere.
 * @param memory the first KiB is overwritten
 */
export function instantiateByteKernels(memory: WebAssembly.Memory): ByteKernels | undefined {
  try {
    const module = new WebAssembly.Module(bytesOf(BYTE_KERNELS_HEX));
    const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as ByteKernels;
    const bytes = new Int8Array(memory.buffer, 0, 1024);
    const right = ([2, 4] as const).every((from) =>
      ([2, 4] as const).every((to) => isRight(kernels, bytes, from, to)),
    );
    return right ? kernels : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether a convolution of bytes gives the expected results. V8's baseline compiler, which compiles the first calls,
 * gets them wrong in Node 20 and 21 (V8 11.3 and 11.8), and right in Node 22 (12.4).
 */
function isRight(kernels: ByteKernels, bytes: Int8Array, from: 2 | 4, to: 2 | 4): boolean {
  const [layer, output] = [256, 768];
  const lanes = from === 4 ? 3 : 2;
  // Bytes 0 to 3, weights -3 to 3, a shift and biases of 0, and multipliers of a half.
  for (let i = 0; i < layer; i++) bytes[i] = (5 * i) & 3;
  const weights = layer + 4 + 6 * to;
  for (let i = layer; i < output; i++) bytes[i] = i < weights ? 0 : ((3 * i) % 7) - 3;
  for (let o = 0; o < to; o++) bytes[layer + 5 + 4 * to + 2 * o] = 64;
  kernels[`bytes${from}to${to}`](0, layer, output, 1, 16, 80, 0);
  for (let x = 0; x < 16; x++)
    for (let o = 0; o < to; o++) {
      let sum = 0;
      for (let i = 0; i < 12 * lanes; i++) {
        const [lane, k] = [i >> 2, i & 3];
        const at = 80 * Math.floor(lane / lanes) + from * x + 4 * (lane % lanes) + k;
        sum += bytes[at] * bytes[weights + 4 * (lane * to + o) + k];
      }
      if (bytes[output + to * x + o] !== Math.max(0, (sum + 1) >> 1)) return false;
    }
  return true;
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
function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
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
