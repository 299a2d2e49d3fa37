// The protocol buffers wire format, as far as needed for ONNX: a message is a sequence of fields, each with its
// number and wire type first (protobuf.dev, "Encoding").

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A varint: seven bits per byte, lowest first; negative numbers as 64-bit two's complement. */
function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.from([...bytes, Number(rest)]);
}

const lead = (field: number, wireType: number): Uint8Array => varint((field << 3) | wireType);

/** An int32, int64 or enum. */
export const int = (field: number, value: number | bigint): Uint8Array =>
  join([lead(field, VARINT), varint(value)]);

export const float = (field: number, value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return join([lead(field, FIXED32), bytes]);
};

export const bytes = (field: number, value: Uint8Array): Uint8Array =>
  join([lead(field, LENGTH_DELIMITED), varint(value.length), value]);

export const text = (field: number, value: string): Uint8Array =>
  bytes(field, new TextEncoder().encode(value));

export const message = (field: number, fields: readonly Uint8Array[]): Uint8Array =>
  bytes(field, join(fields));
