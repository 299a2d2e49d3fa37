// Maps from a file into a batch: where they are placed, and what is refused.
import { closeSync, openSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { scope } from "@qmimic/torch";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { crc32c } from "../../src/native/files.js";
import { readMaps } from "../../src/native/readMaps.js";

describe("maps are read into a batch", () => {
  const path = join(tmpdir(), `qmimic-maps-${process.pid}.bin`);
  const bytes = Uint8Array.from([99, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0x00, 0x3c, 0x00, 0x40]);
  const map = (at: number, height: number, width: number, size = height * width) => ({
    at,
    height,
    width,
    checksum: crc32c(bytes.subarray(at, at + size)),
  });
  const [one, two] = [map(1, 2, 2), map(5, 3, 2)];
  let file = -1;
  beforeAll(() => {
    writeFileSync(path, bytes);
    file = openSync(path, "r");
  });
  afterAll(() => {
    closeSync(file);
    unlinkSync(path);
  });

  test("with zeros around, cut at its edges", () => {
    scope(() => {
      const placed = readMaps(
        file,
        [one, two, one],
        { rows: [0, -1, 2], columns: [1, -1, 0] },
        { shape: [1, 2, 3], dtype: "uint8" },
      );
      expect(placed.shape).toEqual([3, 1, 2, 3]);
      expect([...placed.toArray()]).toEqual([0, 1, 2, 0, 3, 4, 8, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0]);
      const whole = readMaps(
        file,
        [map(1, 1, 3, 6)],
        { rows: [0], columns: [0] },
        { shape: [2, 1, 3], dtype: "uint8" },
      );
      expect([...whole.toArray()]).toEqual([1, 2, 3, 4, 5, 6]);
      const half = map(11, 1, 2, 4);
      expect([
        ...readMaps(
          file,
          [half],
          { rows: [0], columns: [1] },
          { shape: [1, 1, 2], dtype: "float16" },
        ).toArray(),
      ]).toEqual([0, 0x3c00]);
    });
  });

  test.each([
    ["whole", [1, 3, 2]],
    ["in part", [1, 2, 2]],
  ] as const)("%s, but not with other bytes than were written", (_, shape) => {
    const other = { ...two, checksum: two.checksum ^ 1 };
    expect(() =>
      readMaps(file, [one, other], { rows: [0, 0], columns: [0, 0] }, { shape: shape, dtype: "uint8" }),
    ).toThrow(`map 1 at byte 5 is damaged: its checksum is ${two.checksum}, expected ${other.checksum}`);
    expect(() =>
      readMaps(file, [{ ...two, at: 4 }], { rows: [0], columns: [0] }, { shape: shape, dtype: "uint8" }),
    ).toThrow(/is damaged/);
    expect(() =>
      readMaps(file, [{ ...two, at: 10 }], { rows: [0], columns: [0] }, { shape: shape, dtype: "uint8" }),
    ).toThrow(/read_maps: the file ends after 15 bytes, expected at least 16/);
  });

  const far = 2 ** 40;
  test.each<[string, () => unknown, RegExp]>([
    [
      "lists of other lengths",
      () => readMaps(file, [one], { rows: [0, 0], columns: [0] }, { shape: [1, 2, 2], dtype: "uint8" }),
      /2 rows and 1 col/,
    ],
    [
      "no maps",
      () => readMaps(file, [], { rows: [], columns: [] }, { shape: [1, 2, 2], dtype: "uint8" }),
      /read_maps: an array of \[0, 1/,
    ],
    [
      "a file that is not open",
      () => readMaps(987654, [one], { rows: [0], columns: [0] }, { shape: [1, 1, 1], dtype: "uint8" }),
      /Bad file desc/,
    ],
    [
      "no descriptor",
      () => readMaps(far, [one], { rows: [0], columns: [0] }, { shape: [1, 1, 1], dtype: "uint8" }),
      /not a file descriptor/,
    ],
    [
      "a position before the file",
      () =>
        readMaps(
          file,
          [{ ...one, at: -1 }],
          { rows: [0], columns: [0] },
          { shape: [1, 1, 1], dtype: "uint8" },
        ),
      /byte -1/,
    ],
    [
      "a position that overflows",
      () =>
        readMaps(
          file,
          [{ ...one, at: 2 ** 63 }],
          { rows: [0], columns: [0] },
          { shape: [1, 1, 1], dtype: "uint8" },
        ),
      /./,
    ],
    [
      "sizes below 1",
      () =>
        readMaps(
          file,
          [{ ...one, height: 0 }],
          { rows: [0], columns: [0] },
          { shape: [1, 1, 1], dtype: "uint8" },
        ),
      /at most 4 GiB/,
    ],
    // 2^32 * 2^32 is 0 in 64 bits.
    [
      "a map whose bytes overflow",
      () =>
        readMaps(
          file,
          [{ ...one, height: 2 ** 32, width: 2 ** 32 }],
          { rows: [0], columns: [0] },
          { shape: [1, 1, 1], dtype: "uint8" },
        ),
      /at most 4 GiB/,
    ],
    [
      "a batch whose bytes overflow",
      () =>
        readMaps(file, [one], { rows: [0], columns: [0] }, { shape: [1, 2 ** 32, 2 ** 32], dtype: "uint8" }),
      /at most 4 GiB/,
    ],
    [
      "a far row",
      () => readMaps(file, [one], { rows: [far], columns: [0] }, { shape: [1, 2, 2], dtype: "uint8" }),
      /corner at row/,
    ],
    [
      "a far column",
      () => readMaps(file, [one], { rows: [0], columns: [-far] }, { shape: [1, 2, 2], dtype: "uint8" }),
      /corner at row/,
    ],
  ])("%s: rejected", (_, read, message) => expect(read).toThrow(message));
});
