// CRC-32C against published values (RFC 3720, B.4), and against its definition bit by bit.
import { expect, test } from "vitest";
import { seeded } from "../../../../torch/test/helpers.js";
import { crc32c } from "../../../src/native/files.js";

/** RFC 3720: the remainder of division by the Castagnoli polynomial, bits reversed. */
function byDefinition(data: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of data) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0x82f63b78 : 0);
  }
  return ~rest >>> 0;
}

const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);

export function crc32cCases(): void {
  test.each<[string, Uint8Array, number]>([
    ["nothing", new Uint8Array(0), 0],
    ["123456789", Buffer.from("123456789"), 0xe3069283],
    ["32 zeros", new Uint8Array(32), 0x8a9136aa],
    ["32 bytes of ones", new Uint8Array(32).fill(255), 0x62a8ab43],
    ["0 to 31", ascending, 0x46dd794e],
    ["31 to 0", ascending.toReversed(), 0x113fdb5c],
  ])("CRC-32C of %s", (_, data, expected) => expect(crc32c(data)).toBe(expected));

  test("CRC-32C of any length and alignment, whole and in two parts", () => {
    const random = seeded(7);
    const all = Uint8Array.from({ length: 1000 }, () => Math.floor(random() * 256));
    for (const [from, to] of [1, 2, 3, 5, 8, 13, 21].flatMap((a) => [31, 64, 257, 1000].map((b) => [a, b]))) {
      const data = all.subarray(from, to);
      const expected = byDefinition(data);
      expect(crc32c(data)).toBe(expected);
      expect(crc32c(data.subarray(from), crc32c(data.subarray(0, from)))).toBe(expected);
    }
  });
}
