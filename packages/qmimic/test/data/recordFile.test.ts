// Files of arrays that several processes share: what is damaged is never taken for sound, and nothing is lost to others.
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openRecordFile, type RecordFile, recordName } from "../../src/data/recordFile.js";
import { InputError } from "../../src/errors.js";
import { temporaryName } from "../../src/files.js";
import { inContainer, otherProcess } from "./processes.js";
import { openFiles, temporaryFolder } from "./temporary.js";

const root = await temporaryFolder();
let files = 0;
const newPath = () => join(root, `${++files}.bin`);
const SIZE = 64;

const contentOf = (id: number) => new Uint8Array(SIZE).fill(id);
const append = (file: RecordFile, ...ids: number[]) => {
  for (const id of ids) file.append(id, 0, { height: 8, width: 8, data: contentOf(id) });
};
const read = (file: RecordFile, id: number) => file.read(file.records.get(recordName(id, 0))!);
const ids = (file: RecordFile) =>
  [...file.records.keys()].map((name) => Number(name.split("/")[0])).sort((a, b) => a - b);
/** Every record that the file names, read and compared. */
function expectSound(file: RecordFile, expected: readonly number[]): void {
  expect(ids(file)).toEqual(expected);
  for (const id of expected) expect(read(file, id)).toEqual(contentOf(id));
}

/** A file with records 1, 2 and 3, closed. */
function written(key = "key"): string {
  const path = newPath();
  const file = openRecordFile(path, key);
  append(file, 1, 2, 3);
  file.close();
  return path;
}

function change(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at < 0 ? bytes.length + at : at] ^= 16;
  writeFileSync(path, bytes);
}

describe("a file of records", () => {
  it("has what was appended, also under a number and a view that need all bits, and the last of one name", () => {
    const path = newPath();
    const one = openRecordFile(path, "key");
    one.append(2 ** 32 - 1, 7, { height: 3, width: 5, data: Uint8Array.of(1, 2) });
    one.append(4, 0, { height: 1, width: 1, data: new Uint8Array(0) });
    one.append(4, 0, { height: 2, width: 1, data: Uint8Array.of(9) });
    const again = openRecordFile(path, "key");
    expect(again.damaged).toBe(0);
    expect(again.records).toEqual(one.records);
    const [large, last] = [
      again.records.get(recordName(2 ** 32 - 1, 7))!,
      again.records.get(recordName(4, 0))!,
    ];
    expect([large.height, large.width, ...again.read(large)]).toEqual([3, 5, 1, 2]);
    expect([last.height, ...again.read(last)]).toEqual([2, 9]);
  });

  it("is started anew for another key or an older format, and who has it open keeps it", () => {
    const path = written();
    const before = openRecordFile(path, "key");
    expect(openRecordFile(path, "yek").records.size).toBe(0);
    writeFileSync(path, "qmimic-maps-2 key\n and records of the format before");
    const after = openRecordFile(path, "key");
    expect([after.records.size, after.damaged]).toEqual([0, 0]);
    append(after, 5);
    expectSound(before, [1, 2, 3]);
    expectSound(openRecordFile(path, "key"), [5]);
    expect(readdirSync(root).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it.each(["", ".index"])('is started anew when the file "PATH%s" is missing, or another\'s', (suffix) => {
    const [path, other] = [written(), written()];
    rmSync(`${path}${suffix}`);
    expectSound(openRecordFile(path, "key"), []);
    const third = written();
    copyFileSync(`${other}${suffix}`, `${third}${suffix}`);
    expectSound(openRecordFile(third, "key"), []);
  });
});

describe("a file that cannot be opened leaves no file open", () => {
  /** A path whose files have names of the allowed length, but not the temporary file of a new index. */
  const longPath = () => join(root, "x".repeat(255 - temporaryName("").length));

  it("when the index is not a file", () => {
    const path = written();
    rmSync(`${path}.index`);
    mkdirSync(`${path}.index`);
    expect(() => openRecordFile(path, "key")).toThrow(InputError);
    expect(openFiles(path)).toEqual([]);
  });

  it("when the files do not belong together", () => {
    const path = written();
    copyFileSync(`${written()}.index`, `${path}.index`);
    openRecordFile(path, "key").close();
    expect(openFiles(path)).toEqual([]);
  });

  it("when a new index cannot be created", () => {
    expect(() => openRecordFile(longPath(), "key")).toThrow("ENAMETOOLONG");
    expect(openFiles(longPath())).toEqual([]);
  });

  it("when a damaged index cannot be replaced", () => {
    const path = written();
    writeFileSync(`${path}.index`, "cut off", { flag: "a" });
    for (const suffix of ["", ".index"]) renameSync(`${path}${suffix}`, `${longPath()}${suffix}`);
    expect(() => openRecordFile(longPath(), "key")).toThrow("ENAMETOOLONG");
    expect(openFiles(longPath())).toEqual([]);
  });

  it("and a mended index replaces the open one", () => {
    const path = written();
    writeFileSync(`${path}.index`, "cut off", { flag: "a" });
    const file = openRecordFile(path, "key");
    if (process.platform === "linux") expect(openFiles(path).sort()).toEqual([path, `${path}.index`]);
    file.close();
    expect(openFiles(path)).toEqual([]);
  });
});

describe("damage", () => {
  it("of bytes is found when they are read, also in a file that is open, and nowhere else", () => {
    const path = written();
    const open = openRecordFile(path, "key");
    change(path, -SIZE - 1);
    for (const file of [open, openRecordFile(path, "key")]) {
      expect(file.damaged).toBe(0);
      expect(() => read(file, 2)).toThrow(InputError);
      expect(() => read(file, 2)).toThrow(/\.bin: the file is damaged: bytes \d+ to \d+ have the checksum/);
      for (const id of [1, 3]) expect(read(file, id)).toEqual(contentOf(id));
    }
  });

  it("is also that a record's bytes are those of another", () => {
    const path = written();
    const bytes = readFileSync(path);
    bytes.copyWithin(bytes.length - SIZE, bytes.length - 2 * SIZE);
    writeFileSync(path, bytes);
    const file = openRecordFile(path, "key");
    expect(() => read(file, 3)).toThrow(/damaged/);
  });

  it("of a file cut short while it is open: said, not read as zeros; opened anew, the rest is there", () => {
    const path = written();
    const open = openRecordFile(path, "key");
    truncateSync(path, statSync(path).size - 1);
    expect(() => read(open, 3)).toThrow(/damaged: it ends at byte \d+, expected at least/);
    const mended = openRecordFile(path, "key");
    expect(mended.damaged).toBe(1);
    expectSound(mended, [1, 2]);
    append(mended, 3);
    const again = openRecordFile(path, "key");
    expect(again.damaged).toBe(0);
    expectSound(again, [1, 2, 3]);
  });

  it.each([
    ["a flipped bit of an entry", (index: string) => change(index, -40)],
    ["a part of an entry at the end", (index: string) => truncateSync(index, statSync(index).size - 5)],
    ["zeros at the end", (index: string) => writeFileSync(index, new Uint8Array(36), { flag: "a" })],
  ])("of the index is mended in a new file: %s", (_, damage) => {
    const path = written();
    damage(`${path}.index`);
    const [first, index] = [openRecordFile(path, "key"), statSync(`${path}.index`)];
    expect(first.damaged).toBe(1);
    const left = ids(first);
    append(first, 9);
    const second = openRecordFile(path, "key");
    expect([second.damaged, statSync(`${path}.index`).ino]).toEqual([0, index.ino]);
    expectSound(second, [...left, 9]);
    expectSound(first, [...left, 9]);
  });

  it("at every byte of the index: no record is misread", () => {
    const path = written();
    const index = readFileSync(`${path}.index`);
    for (let at = 0; at < index.length; at++) {
      const changed = Buffer.from(index);
      changed[at] ^= 1 << (at % 8);
      writeFileSync(`${path}.index`, changed);
      const copy = newPath();
      for (const suffix of ["", ".index"]) copyFileSync(`${path}${suffix}`, `${copy}${suffix}`);
      const file = openRecordFile(copy, "key");
      expectSound(file, ids(file));
      file.close();
      for (const suffix of ["", ".index"]) rmSync(`${copy}${suffix}`);
    }
  });

  it("under one opener, mended by another: neither loses what it has", () => {
    const path = written();
    const one = openRecordFile(path, "key");
    writeFileSync(`${path}.index`, "cut off", { flag: "a" });
    const two = openRecordFile(path, "key");
    expect(two.damaged).toBe(1);
    append(one, 4);
    append(two, 5);
    expectSound(one, [1, 2, 3, 4]);
    expectSound(two, [1, 2, 3, 5]);
  });
});

describe("appends at the same time, without another lock,", () => {
  it("by two openers of one process", () => {
    const path = written();
    const [one, two] = [openRecordFile(path, "key"), openRecordFile(path, "key")];
    for (const id of [10, 12, 14]) {
      append(one, id);
      append(two, id + 1);
    }
    expectSound(one, [1, 2, 3, 10, 12, 14]);
    expectSound(two, [1, 2, 3, 11, 13, 15]);
    expectSound(openRecordFile(path, "key"), [1, 2, 3, 10, 11, 12, 13, 14, 15]);
  });

  it.for([
    ["by two processes", []],
    ["by two containers", inContainer],
  ] as const)("%s", async ([, within], { skip }) => {
    if (within === null) return skip("this process may not make PID namespaces");
    const path = written();
    const writer = (from: number) =>
      otherProcess(
        `const file = openRecordFile(${JSON.stringify(path)}, "key");
         say("open");
         for await (const _ of process.stdin);
         const contentOf = (id) => new Uint8Array(${SIZE}).fill(id);
         const ids = Array.from({ length: 100 }, (_, i) => ${from} + i);
         for (const id of ids) file.append(id, 0, { height: 8, width: 8, data: contentOf(id) });
         const sound = ids.filter((id) => Buffer.compare(file.read(file.records.get(id + "/0")), contentOf(id)) === 0);
         say(process.pid + " wrote " + sound.length);`,
        within,
      );
    const writers = [writer(20), writer(120)];
    await Promise.all(writers.map((one) => one.says("open")));
    for (const { child } of writers) child.stdin?.end();
    for (const { ended } of writers)
      expect(await ended).toMatch(within.length > 0 ? /^1 wrote 100$/m : /wrote 100$/m);
    const file = openRecordFile(path, "key");
    expect(file.damaged).toBe(0);
    expectSound(file, [1, 2, 3, ...Array.from({ length: 200 }, (_, i) => 20 + i)]);
  });
});
