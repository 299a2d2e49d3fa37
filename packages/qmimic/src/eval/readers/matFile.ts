// Reads MATLAB's MAT-files of version 5, as far as needed for lists of boxes: cells, texts and real numbers.
// The format: The MathWorks, "MAT-File Format" (R2023b), chapter "Level 5 MAT-Files".
import { inflateSync } from "node:zlib";
import { InputError } from "../../errors.js";
import { shortened } from "../../text.js";
import { readBytes } from "./input.js";

/** A matrix of two or more dimensions, in column-major order. */
export type MatValue =
  | { kind: "cell"; dims: number[]; cells: MatValue[] }
  | { kind: "text"; dims: number[]; text: string }
  | { kind: "numbers"; dims: number[]; numbers: Float64Array };

const HEADER_BYTES = 128;
/** Limit for all elements together, against decompression bombs. */
const MAX_BYTES = 2 ** 28;

const COMPRESSED = 15;
const MATRIX = 14;
const UTF8 = 16;
const UTF16 = 17;
/** Type numbers of data elements. */
const READERS: Record<
  number,
  { bytes: number; read: (view: DataView, at: number, little: boolean) => number }
> = {
  1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  2: { bytes: 1, read: (view, at) => view.getUint8(at) },
  3: { bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  4: { bytes: 2, read: (view, at, little) => view.getUint16(at, little) },
  5: { bytes: 4, read: (view, at, little) => view.getInt32(at, little) },
  6: { bytes: 4, read: (view, at, little) => view.getUint32(at, little) },
  7: { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) },
  9: { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
  12: { bytes: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  13: { bytes: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
};
const CELL_CLASS = 1;
const CHAR_CLASS = 4;
/** double, single and the integers. */
const NUMBER_CLASSES = { first: 6, last: 15 };
const COMPLEX = 0x0800;

/**
 * The named matrices of a file.
 * @throws InputError naming the file if it is not a MAT-file of version 5, is truncated or damaged, or has
 * another type of matrix (structure, object, sparse, complex)
 */
export async function readMatFile(path: string): Promise<Map<string, MatValue>> {
  const bytes = await readBytes(path);
  try {
    return parseMat(bytes);
  } catch (error) {
    throw new InputError(`${path}: cannot be read as a MAT-file of version 5: ${(error as Error).message}`);
  }
}

/** readMatFile for bytes. @throws Error without the file's name */
export function parseMat(bytes: Uint8Array): Map<string, MatValue> {
  if (bytes.length < HEADER_BYTES) {
    throw new Error(`${bytes.length} bytes; expected at least ${HEADER_BYTES}`);
  }
  const order = String.fromCharCode(bytes[126], bytes[127]);
  if (order !== "IM" && order !== "MI") {
    throw new Error("the header has no byte order mark (version 4, 7.3 or not a MAT-file; save it with -v7)");
  }
  const little = order === "IM";
  const matrices = new Map<string, MatValue>();
  let left = MAX_BYTES;
  const unpack = (data: Uint8Array): Element[] => {
    const unpacked = inflate(data, left);
    left -= unpacked.length;
    return [...elements(unpacked, little)];
  };
  for (const { type, data } of elements(bytes.subarray(HEADER_BYTES), little)) {
    const inner = type === COMPRESSED ? unpack(data) : [{ type, data }];
    for (const element of inner) {
      if (element.type !== MATRIX) throw new Error(`data element of type ${element.type}; expected a matrix`);
      const { name, value } = readMatrix(element.data, little);
      matrices.set(name, value);
    }
  }
  return matrices;
}

interface Element {
  type: number;
  data: Uint8Array;
}

function inflate(data: Uint8Array, maxBytes: number): Uint8Array {
  if (maxBytes <= 0) throw new Error(`it decompresses to more than ${MAX_BYTES} bytes`);
  return inflateSync(data, { maxOutputLength: maxBytes });
}

/** Iterates over the data elements (tag and data). All but compressed ones are padded to 8 bytes. */
function* elements(bytes: Uint8Array, little: boolean): Generator<Element> {
  const view = viewOf(bytes);
  for (let at = 0; at < bytes.length; ) {
    if (at + 8 > bytes.length) throw new Error("the file is truncated in the tag of a data element");
    const first = view.getUint32(at, little);
    // Small elements have length, type and up to four bytes of data in the tag.
    const small = first >>> 16;
    const type = small === 0 ? first : first & 0xffff;
    const length = small === 0 ? view.getUint32(at + 4, little) : small;
    const start = small === 0 ? at + 8 : at + 4;
    if (start + length > bytes.length || (small !== 0 && small > 4)) {
      throw new Error(
        `the file is truncated or damaged: a data element of ${length} bytes goes beyond its end`,
      );
    }
    yield { type, data: bytes.subarray(start, start + length) };
    const padded = type === COMPRESSED ? length : Math.ceil(length / 8) * 8;
    at = small === 0 ? start + padded : at + 8;
  }
}

function readMatrix(data: Uint8Array, little: boolean): { name: string; value: MatValue } {
  // An empty element is an empty matrix.
  if (data.length === 0)
    return { name: "", value: { kind: "numbers", dims: [0, 0], numbers: new Float64Array() } };
  const [flags, dimensions, name, ...rest] = elements(data, little);
  if (!name) throw new Error("a matrix without flags, dimensions and name");
  const word = viewOf(flags.data).getUint32(0, little);
  const kind = word & 0xff;
  const dims = [...readNumbers(dimensions, little)];
  const size = dims.reduce((product, side) => product * side, 1);
  const value = readContent(kind, (word & COMPLEX) !== 0, { dims, size, rest, little });
  return { name: Buffer.from(name.data).toString("latin1"), value };
}

interface Content {
  dims: number[];
  /** Product of dims. */
  size: number;
  rest: Element[];
  little: boolean;
}

function readContent(kind: number, complex: boolean, { dims, size, rest, little }: Content): MatValue {
  if (kind === CELL_CLASS) {
    if (rest.length !== size || rest.some(({ type }) => type !== MATRIX)) {
      throw new Error(`a cell array of ${sizeText(dims)} with ${rest.length} matrices`);
    }
    return { kind: "cell", dims, cells: rest.map((cell) => readMatrix(cell.data, little).value) };
  }
  const [content] = rest;
  if (kind === CHAR_CLASS) return { kind: "text", dims, text: content ? readText(content, little) : "" };
  if (kind < NUMBER_CLASSES.first || kind > NUMBER_CLASSES.last || complex) {
    throw new Error(
      `a matrix of class ${kind}${complex ? ", complex" : ""}; only cells, texts and real numbers are supported`,
    );
  }
  const numbers = content ? readNumbers(content, little) : new Float64Array();
  if (numbers.length !== size)
    throw new Error(`a matrix of ${sizeText(dims)} with ${numbers.length} numbers`);
  return { kind: "numbers", dims, numbers };
}

function readText({ type, data }: Element, little: boolean): string {
  if (type === UTF8) return Buffer.from(data).toString("utf8");
  const unit = type === UTF16 ? 4 : type;
  return String.fromCharCode(...readNumbers({ type: unit, data }, little));
}

function readNumbers({ type, data }: Element, little: boolean): Float64Array {
  const reader = READERS[type];
  if (!reader) throw new Error(`numbers of type ${type}`);
  const view = viewOf(data);
  return Float64Array.from({ length: Math.floor(data.length / reader.bytes) }, (_, i) =>
    reader.read(view, i * reader.bytes, little),
  );
}

const sizeText = (dims: readonly number[]): string => shortened(dims.join(" x "));

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
