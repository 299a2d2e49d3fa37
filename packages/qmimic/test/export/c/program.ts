// The generated source, compiled with a small main that prints what it finds in pictures.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Detection, RawImage } from "@qmimic/runtime";

const MAIN = readFileSync(new URL("./main.c", import.meta.url), "utf8");

export const STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"];

/** What -Wall and the like say is an error, and memory that is read or written where it should not be ends the program. */
export const CHECKED = [
  ...STRICT,
  ...["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-D_FORTIFY_SOURCE=0"],
];

/** Whether a program can be started. */
export function has(program: string): boolean {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** The bytes that main.c reads. */
export function pictureBytes(pictures: readonly RawImage[]): Buffer {
  return Buffer.concat(
    pictures.flatMap(({ data, width, height }) => [
      new Uint8Array(Int32Array.of(width, height).buffer),
      Uint8Array.from(data),
    ]),
  );
}

/** Writes files and main.c into a folder. */
export function writeFiles(folder: string, files: Record<string, string>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries({ "main.c": MAIN, ...files }))
    writeFileSync(join(folder, name), text);
}

/** Writes files and main.c into a folder, and compiles there. */
export function compile(
  folder: string,
  files: Record<string, string>,
  command: readonly [string, ...string[]],
): void {
  writeFiles(folder, files);
  const [compiler, ...flags] = command;
  execFileSync(compiler, [...flags, "detector.c", "main.c", "-o", "program", "-lm"], {
    cwd: folder,
    stdio: "pipe",
  });
}

/** What main.c prints of each picture. */
export function parseFound(text: string): Detection[][] {
  const lines = text.trim().split("\n");
  const found: Detection[][] = [];
  for (let at = 0; at < lines.length; ) {
    const count = Number(lines[at++]);
    if (!(count >= 0)) throw new Error(`detect returned ${lines[at - 1]}`);
    found.push(
      lines.slice(at, at + count).map((line) => {
        const [label, ...numbers] = line.split(" ");
        const [score, xmin, ymin, xmax, ymax] = numbers.map(Number);
        return { label, score, box: { xmin, ymin, xmax, ymax } };
      }),
    );
    at += count;
  }
  return found;
}

/** Runs a compiled program on pictures. */
export function detectWith(
  folder: string,
  pictures: readonly RawImage[],
  command = ["./program"],
): Detection[][] {
  writeFileSync(join(folder, "pictures.bin"), pictureBytes(pictures));
  const [program, ...args] = command;
  return parseFound(execFileSync(program, args, { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 26 }));
}
