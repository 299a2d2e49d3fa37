// Reads and writes safetensors files; safetensorsFormat.ts describes the format.

import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import {
  ARRAYS,
  byteSize,
  DTYPES,
  fail,
  isDtype,
  isSizes,
  MAX_HEADER_BYTES,
  METADATA,
  parseSafetensors,
  type SafetensorsFile,
  type SafetensorsTensor,
  show,
} from "./safetensorsFormat.js";

export {
  parseSafetensors,
  type SafetensorsArrays,
  type SafetensorsDtype,
  SafetensorsError,
  type SafetensorsFile,
  type SafetensorsTensor,
} from "./safetensorsFormat.js";

/**
 * Writes a file atomically: readers see the old file or the complete new one (temporary name, fsync, rename). Equal
 * tensors and metadata give equal bytes, those of the reference implementation: tensors are sorted by dtype (widest
 * first), then by name.
 * @throws SafetensorsError if a tensor's data does not fit its dtype or shape; file system errors
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const parts = layOut(tensors, metadata, path);
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
  const file = openSync(temporary, "wx");
  try {
    try {
      for (const part of parts) {
        for (let at = 0; at < part.length; )
          at += writeSync(file, part, at, Math.min(part.length - at, 2 ** 30));
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    // Write errors (such as a full disk) do not name the file.
    if (error instanceof Error && !("path" in error)) error.message = `${path}: ${error.message}`;
    throw error;
  }
  syncFolder(dirname(path));
}

/** The bytes that writeSafetensors would write. */
export function serializeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const parts = layOut(tensors, metadata, "safetensors");
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Reads a whole file (Node: up to 2 GiB). The tensors share one buffer.
 * @throws SafetensorsError if it is not a valid safetensors file; file system errors
 */
export function readSafetensors(path: string): SafetensorsFile {
  return parseSafetensors(readFileSync(path), path);
}

/** The header and the data of each tensor, to be written one after the other. */
function layOut(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: Readonly<Record<string, string>>,
  source: string,
): Uint8Array[] {
  const header: string[] = [];
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text !== "string") fail(source, `metadata[${show(key)}] is ${show(text)}; expected a string`);
  }
  const keys = Object.keys(metadata).sort(byBytes);
  if (keys.length > 0) {
    header.push(
      `"${METADATA}":{${keys.map((k) => `${JSON.stringify(k)}:${JSON.stringify(metadata[k])}`).join(",")}}`,
    );
  }

  const sorted = [...tensors].sort(
    ([nameA, a], [nameB, b]) => DTYPES.indexOf(b.dtype) - DTYPES.indexOf(a.dtype) || byBytes(nameA, nameB),
  );
  const data: Uint8Array[] = [];
  let at = 0;
  for (const [name, { dtype, shape, data: array }] of sorted) {
    const where = `${source}: tensor ${show(name)}`;
    if (name === METADATA) fail(where, "this name is reserved for the metadata; expected another one");
    if (!isDtype(dtype)) fail(where, `dtype ${show(dtype)}; expected one of ${DTYPES.join(", ")}`);
    if (!isSizes(shape)) fail(where, `shape ${show(shape)}; expected an array of integers of 0 or more`);
    if (!(array instanceof ARRAYS[dtype])) {
      fail(
        where,
        `data is ${Object.prototype.toString.call(array)}; expected ${ARRAYS[dtype].name} for ${dtype}`,
      );
    }
    const size = byteSize(dtype, shape);
    if (array.byteLength !== size) {
      fail(where, `data has ${array.byteLength} bytes; ${dtype} of shape ${show(shape)} needs ${size}`);
    }
    const end = at + size;
    header.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, end] })}`);
    data.push(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    at = end;
  }

  const json = new TextEncoder().encode(`{${header.join(",")}}`);
  // Pad the JSON with spaces so that the data begins at a multiple of 8 bytes.
  const head = new Uint8Array(8 + 8 * Math.ceil(json.length / 8)).fill(0x20);
  if (head.length - 8 > MAX_HEADER_BYTES) {
    fail(source, `the header would have ${head.length - 8} bytes; expected at most ${MAX_HEADER_BYTES}`);
  }
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true);
  head.set(json, 8);
  return [head, ...data];
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Makes the rename survive a power failure, if the file system can sync folders. */
function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, "r");
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch {
    // Windows and some network file systems cannot; the file itself is already synced.
  }
}
