// MATLAB's level 5 MAT files, as far as lists of boxes need them: numeric arrays, text, and cells of these, compressed or
// not. (MAT-File Format, The MathWorks.)
import { inflateSync } from "node:zlib";
import { InputError } from "../errors.js";

/** Numbers in column-major order, a text, or a cell array's entries in column-major order. */
export type MatValue = { dims: number[]; numbers: Float64Array } | { text: string } | { cells: MatValue[] };

const COMPRESSED = 15;
const MATRIX = 14;
const CELL = 1;
const CHAR = 4;

/** Reading functions and widths of the numeric data types. */
const NUMBERS: Record<number, [bytes: number, read: (view: DataView, at: number) => number]> = {
  1: [1, (view, at) => view.getInt8(at)],
  2: [1, (view, at) => view.getUint8(at)],
  3: [2, (view, at) => view.getInt16(at, true)],
  4: [2, (view, at) => view.getUint16(at, true)],
  5: [4, (view, at) => view.getInt32(at, true)],
  6: [4, (view, at) => view.getUint32(at, true)],
  7: [4, (view, at) => view.getFloat32(at, true)],
  9: [8, (view, at) => view.getFloat64(at, true)],
  12: [8, (view, at) => Number(view.getBigInt64(at, true))],
  13: [8, (view, at) => Number(view.getBigUint64(at, true))],
  16: [1, (view, at) => view.getUint8(at)],
  17: [2, (view, at) => view.getUint16(at, true)],
};

/** More would be an attack: the lists of WIDER FACE take 6 MB. */
const MAX_INFLATED = 2 ** 28;
const MAX_DEPTH = 16;

/**
 * The variables of a file.
 * @param source names the file in messages
 * @throws InputError for what is not a level 5 MAT file, is cut short, or holds anything else than the above
 */
export function parseMat(bytes: Uint8Array, source: string): Map<string, MatValue> {
  const fail = (what: string): never => {
    throw new InputError(`${source}: ${what}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes.length >= 128 && bytes[126] === 0x49 && bytes[127] === 0x4d;
  if (!little) fail('not a level 5 MAT file: "IM" expected at byte 126 (save it with -v6 or -v7)');
  const variables = new Map<string, MatValue>();
  const reader = { view, fail };
  for (let at = 128; at < bytes.length; ) {
    const element = readElement(reader, at, bytes.length);
    at = element.next;
    if (element.type === COMPRESSED) {
      const packed = bytes.subarray(element.from, element.from + element.size);
      let inflated: Uint8Array;
      try {
        inflated = inflateSync(packed, { maxOutputLength: MAX_INFLATED });
      } catch (error) {
        return fail(`a compressed variable cannot be read: ${(error as Error).message}`);
      }
      const inner = { view: new DataView(inflated.buffer, inflated.byteOffset, inflated.byteLength), fail };
      const matrix = readElement(inner, 0, inflated.length);
      add(variables, readMatrix(inner, matrix, 0));
    } else if (element.type === MATRIX) {
      add(variables, readMatrix(reader, element, 0));
    }
  }
  return variables;
}

interface Reader {
  view: DataView;
  fail(what: string): void;
}

interface Element {
  type: number;
  from: number;
  size: number;
  next: number;
}

function readElement({ view, fail }: Reader, at: number, end: number): Element {
  if (at + 8 > end) fail(`cut short: an element at byte ${at} expected`);
  const word = view.getUint32(at, true);
  // A small element: four bytes of data within the tag.
  if (word >>> 16 !== 0) return { type: word & 0xffff, from: at + 4, size: word >>> 16, next: at + 8 };
  const size = view.getUint32(at + 4, true);
  const from = at + 8;
  if (size > end - from) fail(`cut short: ${size} bytes expected at ${from}, there are ${end - from}`);
  // Compressed elements are not padded.
  return { type: word, from, size, next: from + (word === COMPRESSED ? size : Math.ceil(size / 8) * 8) };
}

function add(variables: Map<string, MatValue>, { name, value }: { name: string; value: MatValue }): void {
  variables.set(name, value);
}

function readMatrix(reader: Reader, element: Element, depth: number): { name: string; value: MatValue } {
  const { view, fail } = reader;
  if (element.type !== MATRIX) fail(`data type ${element.type} where an array is expected`);
  if (depth > MAX_DEPTH) fail(`cells nested deeper than ${MAX_DEPTH}`);
  const end = element.from + element.size;
  const parts: Element[] = [];
  let at = element.from;
  const next = (): Element => {
    const part = readElement(reader, at, end);
    at = part.next;
    parts.push(part);
    return part;
  };
  const kind = view.getUint8(next().from);
  const dims = [...numbersOf(reader, next())];
  const name = textOf(reader, next());
  const count = dims.reduce((product, side) => product * side, 1);
  if (kind === CELL) {
    if (!(count * 8 <= element.size)) fail(`a cell array of ${dims.join(" x ")} in ${element.size} bytes`);
    return {
      name,
      value: { cells: Array.from({ length: count }, () => readMatrix(reader, next(), depth + 1).value) },
    };
  }
  if (kind === CHAR) return { name, value: { text: textOf(reader, next()) } };
  if (kind < 6 || kind > 15) fail(`"${name}" is of class ${kind}: numbers, text or cells expected`);
  const numbers = count === 0 ? new Float64Array(0) : numbersOf(reader, next());
  if (numbers.length !== count) fail(`"${name}" has ${numbers.length} numbers, ${dims.join(" x ")} expected`);
  return { name, value: { dims, numbers } };
}

function numbersOf({ view, fail }: Reader, { type, from, size }: Element): Float64Array {
  const found = NUMBERS[type];
  if (!found) fail(`data type ${type} where numbers are expected`);
  const [bytes, read] = found;
  return Float64Array.from({ length: Math.floor(size / bytes) }, (_, i) => read(view, from + i * bytes));
}

const textOf = (reader: Reader, element: Element): string =>
  Array.from(numbersOf(reader, element), (code) => String.fromCharCode(code)).join("");
