// The container of a model file: safetensors (8 bytes of header length, JSON, tensors). Only the features used by model
// files are supported: F32 and I8 tensors, and metadata. Files may be untrusted, so everything is checked before use.
import { fail, isObject, show } from "./errors.js";

export interface Container {
  metadata: Record<string, unknown>;
  tensors: Map<string, Float32Array | Int8Array>;
}

const ARRAYS = { F32: Float32Array, I8: Int8Array };

/** @throws ModelError if `bytes` is not a valid safetensors file */
export function readContainer(bytes: Uint8Array): Container {
  if (bytes.length < 8)
    fail(`the file has ${bytes.length} bytes, expected at least 8: truncated, or not a model`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = 8 + view.getUint32(0, true);
  if (view.getUint32(4, true) !== 0 || start > bytes.length)
    fail("the header is longer than the file: truncated, or not a model");
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, start)));
  } catch {
    fail("the header is not JSON: damaged, or not a model");
  }
  if (!isObject(header)) fail(`the header is ${show(header)}, expected an object`);
  const tensors: Container["tensors"] = new Map();
  const ranges: [begin: number, end: number, name: string, dtype: keyof typeof ARRAYS][] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    if (!isObject(entry)) fail(`tensor ${show(name)} is ${show(entry)}, expected an object`);
    const { dtype, shape, data_offsets: offsets } = entry;
    if (!isType(dtype) || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2)
      fail(`tensor ${show(name)} is ${show(entry)}, expected dtype F32 or I8, shape and data_offsets`);
    const [begin, end] = offsets;
    const size = shape.reduce((product, side) => product * side, ARRAYS[dtype].BYTES_PER_ELEMENT);
    if (end - begin !== size || start + end > bytes.length)
      fail(
        `tensor ${show(name)} of shape ${show(shape)} has data_offsets ${begin} to ${end}, expected ${size} bytes within ${bytes.length - start}`,
      );
    ranges.push([begin, end, name, dtype]);
  }
  ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let at = 0;
  for (const [begin, end, name, dtype] of ranges) {
    if (begin !== at)
      fail(`tensor ${show(name)} begins at byte ${begin}, expected ${at}: tensors overlap or leave a gap`);
    at = end;
    // A copy: the data may be unaligned, and the file can be freed. (Buffer.slice() of Node would not copy.) Not sooner:
    // overlapping tensors would be copied many times.
    const data = new Uint8Array(bytes.subarray(start + begin, start + end));
    tensors.set(name, new ARRAYS[dtype](data.buffer));
  }
  if (start + at !== bytes.length)
    fail(`the tensors end at byte ${start + at}, but the file has ${bytes.length} bytes`);
  const metadata = header.__metadata__;
  return { metadata: isObject(metadata) ? metadata : {}, tensors };
}

const isType = (value: unknown): value is keyof typeof ARRAYS =>
  typeof value === "string" && Object.hasOwn(ARRAYS, value);

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
