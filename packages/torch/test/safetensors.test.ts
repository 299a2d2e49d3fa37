import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  parseSafetensors,
  readSafetensors,
  SafetensorsError,
  type SafetensorsTensor,
  serializeSafetensors,
  writeSafetensors,
} from "../src/safetensors.js";

const folder = mkdtempSync(join(tmpdir(), "safetensors-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Assembles a file from its parts, unchecked. */
function file(
  header: string | Uint8Array,
  data: Uint8Array = new Uint8Array(0),
  length?: bigint,
): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

const everyDtype: Map<string, SafetensorsTensor> = new Map([
  ["flags", { dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ["codes", { dtype: "U8", shape: [5], data: Uint8Array.of(0, 1, 2, 3, 255) }],
  ["signed", { dtype: "I8", shape: [2], data: Int8Array.of(-128, 127) }],
  ["short", { dtype: "I16", shape: [1, 2], data: Int16Array.of(-32768, 32767) }],
  ["half", { dtype: "F16", shape: [2], data: Uint16Array.of(0x3e00, 0xc000) }],
  ["brain", { dtype: "BF16", shape: [1], data: Uint16Array.of(0x3fc0) }],
  ["int", { dtype: "I32", shape: [1], data: Int32Array.of(-2147483648) }],
  ["features.0.weight", { dtype: "F32", shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, -5.5) }],
  ["double", { dtype: "F64", shape: [1], data: Float64Array.of(Math.PI) }],
  ["step", { dtype: "I64", shape: [], data: BigInt64Array.of(-(2n ** 63n)) }],
  ["empty", { dtype: "F32", shape: [0, 7], data: new Float32Array(0) }],
  ['odd "näme"\n', { dtype: "U8", shape: [1], data: Uint8Array.of(9) }],
]);
const metadata = { format: "pt", recipe: '{"a": [1, 2]}', ümlaut: "ß" };

describe("writing", () => {
  it("gives back every dtype, shape and byte, and the metadata", () => {
    const path = join(folder, "all.safetensors");
    writeSafetensors(path, everyDtype, metadata);
    const { tensors, metadata: read } = readSafetensors(path);
    expect({ ...read }).toEqual(metadata);
    expect(new Map([...tensors].sort())).toEqual(new Map([...everyDtype].sort()));
    expect(new Uint8Array(readFileSync(path))).toEqual(serializeSafetensors(everyDtype, metadata));
    expect(readdirSync(folder)).toEqual(["all.safetensors"]);
  });

  it("gives the same bytes for the same content in any order, data at multiples of 8", () => {
    const bytes = serializeSafetensors(everyDtype, metadata);
    const turned = Object.fromEntries(Object.entries(metadata).reverse());
    expect(serializeSafetensors(new Map([...everyDtype].reverse()), turned)).toEqual(bytes);
    expect(new DataView(bytes.buffer).getBigUint64(0, true) % 8n).toBe(0n);
    // Every tensor is aligned, so it is a view of the bytes, not a copy.
    for (const { data } of parseSafetensors(bytes).tensors.values()) expect(data.buffer).toBe(bytes.buffer);
  });

  it("writes what the reference implementation writes (safetensors 0.8.0 for Python)", () => {
    const header =
      '{"__metadata__":{"format":"pt"},"num":{"dtype":"I64","shape":[],"data_offsets":[0,8]},' +
      '"b.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},' +
      '"h":{"dtype":"F16","shape":[2],"data_offsets":[32,36]},' +
      '"a.codes":{"dtype":"U8","shape":[5],"data_offsets":[36,41]},' +
      '"é":{"dtype":"BOOL","shape":[2],"data_offsets":[41,43]}}       ';
    const data = Buffer.from(
      "0700000000000000000000000000803f0000004000004040000080400000a040003e00c000010203040100",
      "hex",
    );
    const tensors: Map<string, SafetensorsTensor> = new Map([
      ["b.weight", { dtype: "F32", shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) }],
      ["a.codes", { dtype: "U8", shape: [5], data: Uint8Array.of(0, 1, 2, 3, 4) }],
      ["num", { dtype: "I64", shape: [], data: BigInt64Array.of(7n) }],
      ["é", { dtype: "BOOL", shape: [2], data: Uint8Array.of(1, 0) }],
      ["h", { dtype: "F16", shape: [2], data: Uint16Array.of(0x3e00, 0xc000) }],
    ]);
    expect(serializeSafetensors(tensors, { format: "pt" })).toEqual(file(header, data));
    expect(new Map([...parseSafetensors(file(header, data)).tensors].sort())).toEqual(
      new Map([...tensors].sort()),
    );
  });

  it("writes part of a larger array", () => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    const bytes = serializeSafetensors(new Map([["part", { dtype: "F32", shape: [2], data }]]));
    expect([...parseSafetensors(bytes).tensors.get("part")!.data]).toEqual([2, 3]);
  });

  it("replaces a file, and leaves it unchanged on failure", () => {
    const path = join(folder, "replaced.safetensors");
    writeSafetensors(path, everyDtype);
    const wrong = new Map([
      ["w", { dtype: "F32", shape: [3], data: new Float32Array(2) } as SafetensorsTensor],
    ]);
    expect(() => writeSafetensors(path, wrong)).toThrow(/replaced.*tensor "w".*8 bytes.*\[3\] needs 12/);
    expect(readSafetensors(path).tensors.size).toBe(everyDtype.size);
    writeSafetensors(path, new Map(), { only: "metadata" });
    expect(readSafetensors(path).metadata).toEqual({ only: "metadata" });
    const nowhere = join(folder, "absent", "x.safetensors");
    expect(() => writeSafetensors(nowhere, everyDtype)).toThrow(/ENOENT/);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("rejects data that does not fit", () => {
    const one = (name: string, tensor: object) => new Map([[name, tensor as SafetensorsTensor]]);
    const write = (tensors: Map<string, SafetensorsTensor>, extra = {}) =>
      serializeSafetensors(tensors, extra);
    const data = new Float32Array(1);
    expect(() => write(one("w", { dtype: "F64", shape: [1], data }))).toThrow(
      /expected Float64Array for F64/,
    );
    expect(() => write(one("w", { dtype: "F8", shape: [1], data }))).toThrow(
      /dtype "F8"; expected one of BOOL/,
    );
    expect(() => write(one("w", { dtype: "F32", shape: [-1], data }))).toThrow(/shape \[-1\]/);
    expect(() => write(one("__metadata__", { dtype: "F32", shape: [1], data }))).toThrow(/reserved/);
    expect(() => write(new Map(), { epoch: 3 })).toThrow(/metadata\["epoch"\] is 3; expected a string/);
  });
});

describe("reading", () => {
  const entry = (dtype: string, shape: number[], begin: number, end: number) =>
    JSON.stringify({ dtype, shape, data_offsets: [begin, end] });
  const eight = new Uint8Array(8);

  it("copies data that is not aligned", () => {
    const data = new Uint8Array(Float32Array.of(1.5, -2).buffer);
    const header = `{"w":${entry("F32", [2], 0, 8)}}`;
    for (let spaces = 0; spaces < 4; spaces++) {
      const bytes = file(header + " ".repeat(spaces), data);
      const path = join(folder, `${spaces} spaces.safetensors`);
      writeFileSync(path, bytes);
      // Buffer.slice() is a view, unlike Uint8Array.slice().
      for (const read of [
        parseSafetensors(bytes),
        parseSafetensors(Buffer.from(bytes)),
        readSafetensors(path),
      ])
        expect(read.tensors.get("w")!.data).toEqual(Float32Array.of(1.5, -2));
    }
    const shifted = new Uint8Array(file(header, data).length + 1);
    shifted.set(file(header, data), 1);
    expect(parseSafetensors(shifted.subarray(1)).tensors.get("w")!.data).toEqual(Float32Array.of(1.5, -2));
  });

  it("takes names like __proto__ as names", () => {
    const { tensors, metadata: read } = parseSafetensors(
      file(`{"__metadata__":{"__proto__":"x"},"__proto__":${entry("U8", [8], 0, 8)}}`, eight),
    );
    expect([...tensors.keys()]).toEqual(["__proto__"]);
    expect(Object.keys(read)).toEqual(["__proto__"]);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["nothing", new Uint8Array(0), /0 bytes; expected at least 8/],
    ["a header longer than the file", file("{}", eight, 99n), /length is 99, but only 10 bytes follow/],
    [
      "a giant header",
      file("{}", eight, 2n ** 63n),
      /length is 9223372036854775808; expected at most 100000000/,
    ],
    ["an empty header", file("", new Uint8Array([0x7b, 0x7d])), /does not begin with \{/],
    ["another kind of file", file("<html></html>"), /does not begin with \{/],
    ["broken JSON", file('{"w":'), /not UTF-8 encoded JSON/],
    ["broken UTF-8", file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), /not UTF-8 encoded JSON/],
    ["metadata that is a list", file('{"__metadata__":[]}'), /__metadata__ is \[\]; expected an object/],
    [
      "metadata that is not text",
      file('{"__metadata__":{"a":1}}'),
      /__metadata__\["a"\] is 1; expected a string/,
    ],
    ["an entry that is not an object", file('{"w":3}'), /tensor "w": 3; expected an object/],
    [
      "an unknown dtype",
      file(`{"w":${entry("F8_E4M3", [8], 0, 8)}}`, eight),
      /dtype "F8_E4M3"; expected one of/,
    ],
    ["dtype toString", file(`{"w":${entry("toString", [8], 0, 8)}}`, eight), /dtype "toString"/],
    [
      "a negative side",
      file(`{"w":${entry("U8", [-8], 0, 8)}}`, eight),
      /shape \[-8\]; expected an array of integers/,
    ],
    ["a broken side", file(`{"w":${entry("U8", [1.5], 0, 8)}}`, eight), /shape \[1.5\]/],
    ["no shape", file('{"w":{"dtype":"U8","data_offsets":[0,8]}}', eight), /shape undefined/],
    [
      "a shape nested 100000 deep",
      file(`{"w":{"dtype":"U8","shape":${"[".repeat(1e5)}${"]".repeat(1e5)}}}`),
      /shape/,
    ],
    [
      "three offsets",
      file('{"w":{"dtype":"U8","shape":[8],"data_offsets":[0,4,8]}}', eight),
      /\[0,4,8\]; expected two/,
    ],
    ["offsets backwards", file(`{"w":${entry("U8", [8], 8, 0)}}`, eight), /end is before the beginning/],
    [
      "offsets beyond the file",
      file(`{"w":${entry("U8", [9], 0, 9)}}`, eight),
      /\[0,9\], but the data has 8 bytes/,
    ],
    [
      "a size that does not fit",
      file(`{"w":${entry("F32", [3], 0, 8)}}`, eight),
      /8 bytes; F32 of shape \[3\] needs 12/,
    ],
    ["an overflowing size", file(`{"w":${entry("U8", [2 ** 52, 2 ** 52], 0, 8)}}`, eight), /needs Infinity/],
    [
      "an overlap",
      file(`{"a":${entry("U8", [5], 0, 5)},"b":${entry("U8", [4], 4, 8)}}`, eight),
      /tensor "b" begins at byte 4 of the data and overlaps .*; expected 5/,
    ],
    [
      "a gap",
      file(`{"b":${entry("U8", [3], 5, 8)},"a":${entry("U8", [4], 0, 4)}}`, eight),
      /tensor "b" begins at byte 5 of the data and leaves a gap .*; expected 4/,
    ],
    [
      "bytes after the tensors",
      file(`{"a":${entry("U8", [4], 0, 4)}}`, eight),
      /end at byte 4 of the data, but the data has 8/,
    ],
    [
      "a name twice",
      file(`{"a":${entry("U8", [8], 0, 8)},"\\u0061":${entry("U8", [8], 0, 8)}}`, eight),
      /the name "a" twice/,
    ],
    ["metadata twice", file('{"__metadata__":{"k":"{,\\"","k":""}}'), /the name "k" twice/],
  ])("rejects %s", (_, bytes, message) => {
    const path = join(folder, "hostile.safetensors");
    writeFileSync(path, bytes);
    expect(() => readSafetensors(path)).toThrow(SafetensorsError);
    expect(() => readSafetensors(path)).toThrow(message);
    expect(() => readSafetensors(path)).toThrow(/hostile\.safetensors: /);
  });

  it("allows repeated values, and equal names in different objects", () => {
    const header = `{"__metadata__":{"a":"a","b":"a"},"a":${entry("U8", [4], 0, 4)},"b":${entry("U8", [4], 4, 8)}}`;
    expect(parseSafetensors(file(header, eight)).tensors.size).toBe(2);
  });

  it("rejects a file truncated at any byte", () => {
    const bytes = serializeSafetensors(everyDtype, metadata);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseSafetensors(bytes.subarray(0, length))).toThrow(SafetensorsError);
    }
  });

  it("parses or rejects files with random bytes changed, and never fails otherwise", () => {
    const original = serializeSafetensors(everyDtype, metadata);
    let state = 12345;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 4294967296) * below);
    };
    let refused = 0;
    for (let round = 0; round < 20_000; round++) {
      const bytes = original.slice();
      // Most changes are in the header, which is the part that is parsed.
      const reach = round % 4 === 0 ? bytes.length : round % 4 === 1 ? 12 : 900;
      for (let change = 1 + random(3); change > 0; change--) {
        const printable = '0123456789{}[]",:\\-. '.charCodeAt(random(21));
        bytes[random(Math.min(reach, bytes.length))] = round % 2 === 0 ? printable : random(256);
      }
      try {
        parseSafetensors(bytes);
      } catch (error) {
        if (!(error instanceof SafetensorsError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(5000);
    expect(refused).toBeLessThan(20_000);
  });
});
