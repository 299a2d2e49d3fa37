// Fonts in WOFF, which contains the tables of a TrueType font, compressed.
import { inflateSync } from "node:zlib";

/** Uncompresses a WOFF file (W3C, "WOFF File Format 1.0", sections 3 to 5). */
export function toTrueType(woff: Buffer): Buffer {
  const tables = Array.from({ length: woff.readUInt16BE(12) }, (_, i) => {
    const entry = 44 + 20 * i;
    const offset = woff.readUInt32BE(entry + 4);
    const stored = woff.subarray(offset, offset + woff.readUInt32BE(entry + 8));
    const length = woff.readUInt32BE(entry + 12);
    return {
      tag: woff.subarray(entry, entry + 4),
      checksum: woff.subarray(entry + 16, entry + 20),
      data: stored.length < length ? inflateSync(stored) : stored,
    };
  });
  const header = Buffer.alloc(12 + 16 * tables.length);
  woff.copy(header, 0, 4, 8);
  const powers = Math.floor(Math.log2(tables.length));
  header.writeUInt16BE(tables.length, 4);
  header.writeUInt16BE(16 * 2 ** powers, 6);
  header.writeUInt16BE(powers, 8);
  header.writeUInt16BE(16 * (tables.length - 2 ** powers), 10);
  let end = header.length;
  const parts = tables.map(({ tag, checksum, data }, i) => {
    const entry = 12 + 16 * i;
    tag.copy(header, entry);
    checksum.copy(header, entry + 4);
    header.writeUInt32BE(end, entry + 8);
    header.writeUInt32BE(data.length, entry + 12);
    const padded = Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
    end += padded.length;
    return padded;
  });
  return Buffer.concat([header, ...parts]);
}
