// Arrays (feature maps, pixels) in a file: appended, read back by position, shared by runs that need the same
// arrays. An index file next to it is small enough to be read whole.
//
//   PATH         "qmimic-records-3" key id \n   key: checksum of all that the arrays depend on
//                bytes*                         id: random, the same in both files
//   PATH.index   "qmimic-records-3" key id \n
//                entry*                         9 x uint32: id, view, height, width, bytes, position (low, high),
//                                               CRC-32C of the bytes, CRC-32C of the fields before it
//
// Data that other processes may read is never overwritten or truncated. An entry is written after its bytes, so
// an interrupted append has no entry. Every array is verified when read. Reading goes through the page cache,
// so several runs share one copy in memory.
import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { InputError } from "../errors.js";
import { namingPath, requireFileSync, temporaryName } from "../files.js";
import { crc32c } from "../native/files.js";
import { withFileLock } from "./lock.js";

const MAGIC = "qmimic-records-3";
const ID_BYTES = 8;
const FIELDS = 9;
const ENTRY = 4 * FIELDS;

export interface StoredRecord {
  /** Position of the bytes in the file. */
  at: number;
  height: number;
  width: number;
  bytes: number;
  /** CRC-32C of the bytes. */
  checksum: number;
}

/** An array to be stored. */
export interface NewRecord {
  height: number;
  width: number;
  data: Uint8Array;
}

export interface RecordFile {
  /** Records by name (see recordName). */
  readonly records: Map<string, StoredRecord>;
  /** Number of skipped index entries: damaged, or pointing beyond the file; 0 for an intact file. */
  readonly damaged: number;
  /** Replaces an existing record of the same name. Other processes may append at the same time. */
  append(id: number, view: number, record: NewRecord): void;
  /** The open file, for callers that read and verify records themselves. */
  readonly descriptor: number;
  /** @throws InputError if the record's bytes are damaged */
  read(record: StoredRecord): Uint8Array;
  close(): void;
}

export const recordName = (id: number, view: number): string => `${id}/${view}`;

/** The two open files. */
interface Pair {
  data: number;
  index: number;
  /** Length of the header line of both files. */
  start: number;
}

/**
 * Opens the records of `key` at `path`; creates new files if they are missing, or have another key or format.
 * @throws InputError if the file system has no locks; file system errors
 */
export function openRecordFile(path: string, key: string): RecordFile {
  const pair = openPair(path, key) ?? startPair(path, key);
  const { data: file, start } = pair;
  const { records, damaged } = loadIndex(path, pair);

  return {
    records,
    damaged,
    append(id, view, { height, width, data }) {
      const checksum = crc32c(data);
      const write = () => {
        // Other processes may have appended: only the files know where they end.
        const end = fstatSync(file).size;
        writeAt(file, data, end);
        const entries = Math.floor((fstatSync(pair.index).size - start) / ENTRY);
        const entry = entryOf(id, view, { at: end, height, width, bytes: data.byteLength, checksum });
        writeAt(pair.index, entry, start + Math.max(0, entries) * ENTRY);
        return end;
      };
      const at = namingPath(path, () => withFileLock(file, path, write));
      records.set(recordName(id, view), { at, height, width, bytes: data.byteLength, checksum });
    },
    descriptor: file,
    read({ at, bytes, checksum }) {
      const data = namingPath(path, () => readAt(file, at, bytes));
      const found = crc32c(data);
      if (data.byteLength === bytes && found === checksum) return data;
      const what =
        data.byteLength < bytes
          ? `it ends at byte ${at + data.byteLength}, expected at least ${at + bytes}`
          : `bytes ${at} to ${at + bytes - 1} have the checksum ${found}, expected ${checksum}`;
      throw new InputError(`${path}: the file is damaged: ${what}`);
    },
    close: () => closePair(pair),
  };
}

const indexOf = (path: string): string => `${path}.index`;

function closePair({ data, index }: Pair): void {
  closeSync(data);
  closeSync(index);
}

/** The files of this key, or null if they are missing or do not belong together. */
function openPair(path: string, key: string): Pair | null {
  let data: number | null = null;
  let index: number | null = null;
  let found = false;
  try {
    data = openExisting(path);
    index = openExisting(indexOf(path));
    if (data === null || index === null) return null;
    const start = Buffer.byteLength(lineOf(key, "0".repeat(2 * ID_BYTES)));
    const [line, same] = [data, index].map((file) => Buffer.from(readAt(file, 0, start)).toString("latin1"));
    const id = line.slice(-2 * ID_BYTES - 1, -1);
    found = line === same && line === lineOf(key, id);
    return found ? { data, index, start } : null;
  } finally {
    if (!found) for (const file of [data, index]) if (file !== null) closeSync(file);
  }
}

const lineOf = (key: string, id: string): string => `${MAGIC} ${key} ${id}\n`;

function openExisting(path: string): number | null {
  requireFileSync(path);
  try {
    return openSync(path, "r+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return null;
  }
}

/** Replaces the files with new ones; processes that have the old ones open keep them. */
function startPair(path: string, key: string): Pair {
  const line = Buffer.from(lineOf(key, randomBytes(ID_BYTES).toString("hex")));
  const data = newFile(path, line);
  try {
    return { data, index: newFile(indexOf(path), line), start: line.length };
  } catch (error) {
    closeSync(data);
    throw error;
  }
}

/** Creates a file at `path` atomically with this content, and keeps it open. */
function newFile(path: string, content: Uint8Array): number {
  const temporary = temporaryName(path);
  const file = openSync(temporary, "wx+");
  try {
    namingPath(path, () => writeAt(file, content, 0));
    renameSync(temporary, path);
    return file;
  } catch (error) {
    closeSync(file);
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Reads the index, and mends it if it is damaged. Closes both files if that fails. */
function loadIndex(path: string, pair: Pair): Pick<RecordFile, "records" | "damaged"> {
  try {
    return withFileLock(pair.data, path, () => {
      const found = readIndex(pair);
      if (found.damaged > 0) mendIndex(path, pair, found.records);
      return found;
    });
  } catch (error) {
    closePair(pair);
    throw error;
  }
}

/** The intact records; if a name occurs several times, the last. */
function readIndex({ data, index, start }: Pair): Pick<RecordFile, "records" | "damaged"> {
  const size = fstatSync(data).size;
  const bytes = readAt(index, start, Math.max(0, fstatSync(index).size - start));
  const entries = new Uint32Array(bytes.buffer, 0, Math.floor(bytes.byteLength / ENTRY) * FIELDS);
  const records = new Map<string, StoredRecord>();
  const missing = new Set<string>();
  let damaged = bytes.byteLength % ENTRY === 0 ? 0 : 1;
  for (let i = 0; i < entries.length; i += FIELDS) {
    const entry = entries.subarray(i, i + FIELDS);
    const [id, view, height, width, length, low, high, checksum] = entry;
    const [name, at] = [recordName(id, view), high * 2 ** 32 + low];
    if (checksumOf(entry) !== entry[FIELDS - 1]) damaged++;
    else if (at + length > size) missing.add(name);
    else records.set(name, { at, height, width, bytes: length, checksum });
  }
  // Not lost if it was appended again.
  for (const name of missing) if (!records.has(name)) damaged++;
  return { records, damaged };
}

/** Replaces a damaged index by a new file. */
function mendIndex(path: string, pair: Pair, records: Map<string, StoredRecord>): void {
  const entries = [...records].map(([name, record]) => {
    const [id, view] = name.split("/").map(Number);
    return entryOf(id, view, record);
  });
  const { data, index: damaged, start } = pair;
  pair.index = newFile(indexOf(path), Buffer.concat([readAt(data, 0, start), ...entries]));
  closeSync(damaged);
}

function entryOf(id: number, view: number, { at, height, width, bytes, checksum }: StoredRecord): Uint8Array {
  const entry = Uint32Array.of(id, view, height, width, bytes, at, at / 2 ** 32, checksum, 0);
  entry[FIELDS - 1] = checksumOf(entry);
  return new Uint8Array(entry.buffer);
}

/** CRC of all fields except the last. */
const checksumOf = (entry: Uint32Array): number =>
  crc32c(new Uint8Array(entry.buffer, entry.byteOffset, ENTRY - 4));

/** Returns fewer bytes at the end of the file. */
function readAt(file: number, at: number, bytes: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(bytes);
  for (let done = 0; done < bytes; ) {
    const count = readSync(file, data, done, Math.min(bytes - done, 2 ** 30), at + done);
    if (count === 0) return data.slice(0, done);
    done += count;
  }
  return data;
}

function writeAt(file: number, data: Uint8Array, at: number): void {
  for (let done = 0; done < data.length; ) {
    done += writeSync(file, data, done, Math.min(data.length - done, 2 ** 30), at + done);
  }
}
