// The safetensors file format (https://github.com/huggingface/safetensors, section "Format"):
//
//   8 bytes   N, little-endian unsigned
//   N bytes   JSON: { "__metadata__": { string: string }, name: { dtype, shape, data_offsets: [begin, end] }, ... }
//   the rest  the tensors, little-endian, row-major; offsets count from here; no holes, no overlaps
//
// Files are untrusted: everything is validated before use.

/** The array type of each dtype. F16 and BF16 are raw bits; BOOL is one byte per element, 0 or 1. */
export interface SafetensorsArrays {
  BOOL: Uint8Array;
  U8: Uint8Array;
  I8: Int8Array;
  I16: Int16Array;
  F16: Uint16Array;
  BF16: Uint16Array;
  I32: Int32Array;
  F32: Float32Array;
  F64: Float64Array;
  I64: BigInt64Array;
}

export type SafetensorsDtype = keyof SafetensorsArrays;

export type SafetensorsTensor = {
  [D in SafetensorsDtype]: { dtype: D; shape: readonly number[]; data: SafetensorsArrays[D] };
}[SafetensorsDtype];

export interface SafetensorsFile {
  metadata: Record<string, string>;
  tensors: Map<string, SafetensorsTensor>;
}

/**
 * An invalid file, or invalid input for writing one. The message names the file, the tensor, the value found and the
 * value expected.
 */
export class SafetensorsError extends Error {
  override name = "SafetensorsError";
}

/**
 * In the reference implementation's order, which writes the last dtype first: wide elements first keeps all aligned.
 */
export const ARRAYS = {
  BOOL: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  I16: Int16Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I32: Int32Array,
  F32: Float32Array,
  F64: Float64Array,
  I64: BigInt64Array,
};
export const DTYPES = Object.keys(ARRAYS) as SafetensorsDtype[];
export const MAX_HEADER_BYTES = 100_000_000;
export const METADATA = "__metadata__";

/**
 * Parses a file in memory. The tensors are views of `bytes` if they are aligned, otherwise copies.
 * @param source name of the file, for errors
 * @throws SafetensorsError if `bytes` is not a valid safetensors file
 */
export function parseSafetensors(bytes: Uint8Array, source = "safetensors"): SafetensorsFile {
  const { header, dataStart } = parseHeader(bytes, source);
  const dataLength = bytes.length - dataStart;
  const metadata: Record<string, string> = Object.create(null);
  const entries: { name: string; begin: number; end: number; tensor: SafetensorsTensor }[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) {
      if (!isObject(value)) fail(source, `${METADATA} is ${show(value)}; expected an object`);
      for (const [key, text] of Object.entries(value)) {
        if (typeof text !== "string") {
          fail(source, `${METADATA}[${show(key)}] is ${show(text)}; expected a string`);
        }
        metadata[key] = text;
      }
      continue;
    }
    const { dtype, shape, begin, end } = parseEntry(value, dataLength, `${source}: tensor ${show(name)}`);
    const tensor = { dtype, shape, data: viewOf(bytes, dtype, dataStart + begin, dataStart + end) };
    entries.push({ name, begin, end, tensor: tensor as SafetensorsTensor });
  }

  // In data order, each tensor must begin where the previous one ends.
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== at) {
      const fault = begin < at ? "overlaps the previous tensor" : "leaves a gap after the previous tensor";
      fail(source, `tensor ${show(name)} begins at byte ${begin} of the data and ${fault}; expected ${at}`);
    }
    at = end;
  }
  if (at !== dataLength)
    fail(source, `the tensors end at byte ${at} of the data, but the data has ${dataLength} bytes`);
  return { metadata, tensors: new Map(entries.map(({ name, tensor }) => [name, tensor])) };
}

function parseHeader(
  bytes: Uint8Array,
  source: string,
): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < 8)
    fail(source, `${bytes.length} bytes; expected at least 8, for the length of the header`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    fail(source, `the header's length is ${length}; expected at most ${MAX_HEADER_BYTES} bytes`);
  }
  const dataStart = 8 + Number(length);
  if (dataStart > bytes.length) {
    fail(
      source,
      `the header's length is ${length}, but only ${bytes.length - 8} bytes follow: not a safetensors file, or truncated`,
    );
  }
  if (bytes[8] !== 0x7b || length === 0n) fail(source, "the header does not begin with {");
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, dataStart));
    header = JSON.parse(text);
  } catch (error) {
    fail(source, `the header is not UTF-8 encoded JSON: ${(error as Error).message}`);
  }
  if (!isObject(header)) fail(source, "the header is not a JSON object");
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) fail(source, `the header contains the name ${show(duplicate)} twice`);
  return { header, dataStart };
}

function parseEntry(
  value: unknown,
  dataLength: number,
  where: string,
): { dtype: SafetensorsDtype; shape: number[]; begin: number; end: number } {
  if (!isObject(value)) fail(where, `${show(value)}; expected an object with dtype, shape and data_offsets`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype)) fail(where, `dtype ${show(dtype)}; expected one of ${DTYPES.join(", ")}`);
  if (!isSizes(shape)) fail(where, `shape ${show(shape)}; expected an array of integers of 0 or more`);
  if (!isSizes(offsets) || offsets.length !== 2) {
    fail(where, `data_offsets ${show(offsets)}; expected two integers of 0 or more`);
  }
  const [begin, end] = offsets;
  if (begin > end) fail(where, `data_offsets ${show(offsets)}; the end is before the beginning`);
  if (end > dataLength) {
    fail(
      where,
      `data_offsets ${show(offsets)}, but the data has ${dataLength} bytes: out of range, or the file is truncated`,
    );
  }
  const size = byteSize(dtype, shape);
  if (size !== end - begin) {
    fail(
      where,
      `data_offsets ${show(offsets)} are ${end - begin} bytes; ${dtype} of shape ${show(shape)} needs ${size}`,
    );
  }
  return { dtype, shape, begin, end };
}

function viewOf(
  bytes: Uint8Array,
  dtype: SafetensorsDtype,
  begin: number,
  end: number,
): SafetensorsArrays[SafetensorsDtype] {
  const ArrayType = ARRAYS[dtype];
  const width = ArrayType.BYTES_PER_ELEMENT;
  const length = (end - begin) / width;
  if ((bytes.byteOffset + begin) % width === 0) {
    return new ArrayType(bytes.buffer as ArrayBuffer, bytes.byteOffset + begin, length);
  }
  // Not bytes.slice(), which for Node's Buffer is a view: its .buffer begins elsewhere.
  return new ArrayType(new Uint8Array(bytes.subarray(begin, end)).buffer, 0, length);
}

/** The size of a tensor in bytes; Infinity if it is not a safe integer. */
export function byteSize(dtype: SafetensorsDtype, shape: readonly number[]): number {
  const size = shape.reduce((product, side) => product * side, ARRAYS[dtype].BYTES_PER_ELEMENT);
  return Number.isSafeInteger(size) ? size : Number.POSITIVE_INFINITY;
}

/** The first duplicate name in any object of this (valid) JSON text; JSON.parse silently keeps the last value. */
function duplicateKey(json: string): string | undefined {
  const open: (Set<string> | null)[] = [];
  let keyNext = false;
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (c === "{" || c === "[") {
      open.push(c === "{" ? new Set() : null);
      keyNext = c === "{";
    } else if (c === "}" || c === "]") {
      open.pop();
    } else if (c === ",") {
      keyNext = open.at(-1) instanceof Set;
    } else if (c === '"') {
      const begin = i++;
      while (json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
      if (!keyNext) continue;
      const name = JSON.parse(json.slice(begin, i + 1)) as string;
      const names = open.at(-1)!;
      if (names.has(name)) return name;
      names.add(name);
      keyNext = false;
    }
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isDtype(value: unknown): value is SafetensorsDtype {
  return typeof value === "string" && (DTYPES as string[]).includes(value);
}

export function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0);
}

/** A value as JSON, truncated to one line. */
export function show(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    // Too deeply nested to print, or a bigint.
    text = `a value of type ${typeof value}`;
  }
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}

export function fail(where: string, what: string): never {
  throw new SafetensorsError(`${where}: ${what}`);
}
