// Writes MAT-files of version 5 for tests: cells, texts and doubles.
import { deflateSync } from "node:zlib";

/** A text, a matrix of numbers (rows), or a column of cells. */
export type MatInput = string | number[][] | { cells: MatInput[] };

export function matBytes(matrices: Record<string, MatInput>, { compressed = true } = {}): Buffer {
  const header = Buffer.alloc(128, 0x20);
  header.writeUInt16LE(0x0100, 124);
  header.write("IM", 126, "latin1");
  const parts = Object.entries(matrices).map(([name, value]) => {
    const plain = matrix(name, value);
    if (!compressed) return plain;
    const packed = deflateSync(plain);
    return Buffer.concat([tag(15, packed.length), packed]);
  });
  return Buffer.concat([header, ...parts]);
}

function tag(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(length, 4);
  return bytes;
}

/** Up to four bytes stand in the tag itself, as MATLAB writes them. */
function element(type: number, data: Buffer): Buffer {
  if (data.length > 0 && data.length <= 4) {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt16LE(type, 0);
    bytes.writeUInt16LE(data.length, 2);
    data.copy(bytes, 4);
    return bytes;
  }
  return Buffer.concat([tag(type, data.length), data, Buffer.alloc((8 - (data.length % 8)) % 8)]);
}

function matrix(name: string, value: MatInput): Buffer {
  const [kind, dims, content] = contentOf(value);
  const body = Buffer.concat([
    element(6, words([kind, 0])),
    element(5, words(dims)),
    element(1, Buffer.from(name, "latin1")),
    ...content,
  ]);
  return Buffer.concat([tag(14, body.length), body]);
}

function contentOf(value: MatInput): [number, number[], Buffer[]] {
  if (typeof value === "string") {
    const units = Buffer.alloc(2 * value.length);
    [...value].forEach((letter, i) => {
      units.writeUInt16LE(letter.charCodeAt(0), 2 * i);
    });
    return [4, [1, value.length], [element(4, units)]];
  }
  if (!Array.isArray(value)) return [1, [value.cells.length, 1], value.cells.map((one) => matrix("", one))];
  const columns = value[0]?.length ?? 0;
  const numbers = Buffer.alloc(8 * value.length * columns);
  value.forEach((row, r) => {
    row.forEach((one, c) => {
      numbers.writeDoubleLE(one, 8 * (c * value.length + r));
    });
  });
  return [6, [value.length, columns], [element(9, numbers)]];
}

function words(values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32LE(value, 4 * i);
  });
  return bytes;
}
