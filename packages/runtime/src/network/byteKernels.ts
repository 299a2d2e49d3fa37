// The WebAssembly module for convolutions of bytes, which only models with rounded maps need.
import { bytesOf } from "./kernels.js";
import { BYTE_KERNELS_HEX } from "./kernelsHex.js";

/** The module's exports, documented in packages/runtime/wasm/byteConv.ts and byteMaps.ts. */
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
