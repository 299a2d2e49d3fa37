// Reads an .onnx file's metadata, which ONNX Runtime's JavaScript API does not expose.

/** ModelProto.metadata_props, and in each of them key and value (onnx.proto). */
const METADATA_PROPS = 14;
const KEY = 1;
const VALUE = 2;

/**
 * The metadata of an .onnx file, by key.
 * @throws RangeError if the bytes are not a protocol buffer
 */
export function readOnnxMetadata(bytes: Uint8Array): Record<string, string> {
  const metadata: Record<string, string> = Object.create(null);
  const decoder = new TextDecoder();
  for (const [field, entry] of messages(bytes)) {
    if (field !== METADATA_PROPS) continue;
    const parts = new Map([...messages(entry)].map(([part, text]) => [part, decoder.decode(text)]));
    metadata[parts.get(KEY) ?? ""] = parts.get(VALUE) ?? "";
  }
  return metadata;
}

/** The length-delimited fields of a message, with their numbers; skips others. */
function* messages(bytes: Uint8Array): Generator<[field: number, value: Uint8Array]> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      if (at >= bytes.length || factor > 2 ** 63) throw new RangeError("not a protocol buffer");
      const byte = bytes[at++];
      value += factor * (byte & 127);
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const [field, wireType] = [Math.floor(tag / 8), tag % 8];
    if (wireType === 0) varint();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const length = varint();
      if (at + length > bytes.length) throw new RangeError("truncated, or not a protocol buffer");
      yield [field, bytes.subarray(at, at + length)];
      at += length;
    } else throw new RangeError("not a protocol buffer");
  }
}
