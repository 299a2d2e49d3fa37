// A file of arrays (feature maps, pixels): appended one after another, read back by position, shared by runs that need
// the same.
//
//   "qmimic-maps-2" key \n            key: checksum of all that the arrays depend on
//   record*                           header of 6 x uint32 (id, view, height, width, bytes, crc32), then the bytes
//
// The crc32 is of the header before it and the bytes: of the bytes alone, zeros would be sound records of no bytes.
// A file that was cut off ends in a record that is not whole: it is gone on with from there. Reading goes through the
// operating system's page cache, so several runs share one copy in memory.
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";

const MAGIC = "qmimic-maps-2";
const HEADER = 24;

export interface StoredRecord {
  /** Position of the bytes in the file. */
  at: number;
  height: number;
  width: number;
  bytes: number;
}

export interface RecordFile {
  /** Records by name (see recordName). */
  readonly records: Map<string, StoredRecord>;
  /** Bytes that are not a whole, intact record and were cut off the end; 0 for a sound file. */
  readonly damaged: number;
  append(id: number, view: number, height: number, width: number, data: Uint8Array): void;
  /** The open file, for who reads records by other ways. */
  readonly descriptor: number;
  read(record: StoredRecord): Uint8Array;
  close(): void;
}

export const recordName = (id: number, view: number): string => `${id}/${view}`;

/** Opens the records of `key` at `path`, or starts them anew when the file is absent or of another key. */
export function openRecordFile(path: string, key: string): RecordFile {
  const file = openSync(path, "a+");
  const start = Buffer.from(`${MAGIC} ${key}\n`);
  const head = Buffer.alloc(start.length);
  readSync(file, head, 0, start.length, 0);
  let end = start.length;
  if (!head.equals(start)) {
    ftruncateSync(file, 0);
    writeSync(file, start);
  }
  const size = fstatSync(file).size;
  const records = new Map<string, StoredRecord>();
  for (let next = readRecord(file, end, size); next; next = readRecord(file, end, size)) {
    records.set(next.name, next.record);
    end = next.record.at + next.record.bytes;
  }
  const damaged = size - end;
  if (damaged > 0) ftruncateSync(file, end);

  return {
    records,
    damaged,
    append(id, view, height, width, data) {
      const header = Uint32Array.of(id, view, height, width, data.byteLength, 0);
      header[5] = checksumOf(header, data);
      const record = Buffer.concat([new Uint8Array(header.buffer), data]);
      for (let done = 0; done < record.length; ) done += writeSync(file, record, done);
      records.set(recordName(id, view), { at: end + HEADER, height, width, bytes: data.byteLength });
      end += record.length;
    },
    descriptor: file,
    read({ at, bytes }) {
      const data = new Uint8Array(bytes);
      readSync(file, data, 0, bytes, at);
      return data;
    },
    close: () => closeSync(file),
  };
}

const checksumOf = (header: Uint32Array, data: Uint8Array): number =>
  crc32(data, crc32(new Uint8Array(header.buffer, 0, HEADER - 4)));

/** The record at `at`, or null when there is no whole one with the right checksum. */
function readRecord(file: number, at: number, size: number): { name: string; record: StoredRecord } | null {
  if (at + HEADER > size) return null;
  const header = new Uint32Array(6);
  readSync(file, new Uint8Array(header.buffer), 0, HEADER, at);
  const [id, view, height, width, bytes, checksum] = header;
  if (at + HEADER + bytes > size) return null;
  const data = new Uint8Array(bytes);
  readSync(file, data, 0, bytes, at + HEADER);
  if (checksumOf(header, data) !== checksum) return null;
  return { name: recordName(id, view), record: { at: at + HEADER, height, width, bytes } };
}
