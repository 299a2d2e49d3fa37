// Compiles the generated source for this machine, with a small main that prints its detections in images.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Detection, RawImage } from "@qmimic/runtime";
import { InputError } from "../../errors.js";
import type { DetectImages } from "../../eval/detect.js";
import { toDetections } from "../detections.js";

// Works from dist/export/c and from src/export/c.
const MAIN = new URL("../../../src/export/c/program/main.c", import.meta.url);

/** Whether a program can be started. */
export function has(program: string): boolean {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** The input of main.c. */
export function pictureBytes(pictures: readonly RawImage[]): Buffer {
  return Buffer.concat(
    pictures.flatMap(({ data, width, height }) => [
      new Uint8Array(Int32Array.of(width, height).buffer),
      Uint8Array.from(data),
    ]),
  );
}

/** Writes files and main.c, for a source with this name, to a folder. */
export function writeProgram(folder: string, files: Record<string, string>, name = "detector"): void {
  const main = readFileSync(MAIN, "utf8")
    .replaceAll("detector", name)
    .replaceAll("DETECTOR", name.toUpperCase());
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of Object.entries({ "main.c": main, ...files }))
    writeFileSync(join(folder, file), text);
}

/**
 * Writes files and main.c to a folder, and compiles `program` there.
 * @throws InputError with the compiler's message
 */
export function compileProgram(
  folder: string,
  files: Record<string, string>,
  [compiler, ...flags]: readonly string[],
  name = "detector",
): void {
  writeProgram(folder, files, name);
  const sources = [`${name}.c`, "main.c"];
  try {
    execFileSync(compiler, [...flags, ...sources, "-o", "program", "-lm"], { cwd: folder, stdio: "pipe" });
  } catch (error) {
    throw new InputError(`${compiler}: ${(error as Error).message.trim()}`);
  }
}

/** Parses main.c's output per image. @throws InputError if an image is rejected, or the network overflows */
function parseFound(text: string, classes: readonly string[]): Detection[][] {
  const lines = text.trim().split("\n");
  const found: Detection[][] = [];
  for (let at = 0; at < lines.length; ) {
    const count = Number(lines[at++]);
    if (!(count >= 0)) throw new InputError(`detect returned ${lines[at - 1]}`);
    found.push(
      lines.slice(at, at + count).map((line) => {
        const [label, score, xmin, ymin, xmax, ymax] = line.split(" ").map(Number);
        return { label: classes[label], score, box: { xmin, ymin, xmax, ymax } };
      }),
    );
    at += count;
  }
  return found;
}

/** Runs the program in a folder on images. @throws InputError if it cannot be started, or fails */
export function runProgram(
  folder: string,
  pictures: readonly RawImage[],
  classes: readonly string[],
  [program, ...args]: readonly string[] = ["./program"],
): Detection[][] {
  writeFileSync(join(folder, "pictures.bin"), pictureBytes(pictures));
  let printed: string;
  try {
    printed = execFileSync(program, args, {
      cwd: folder,
      encoding: "utf8",
      maxBuffer: 2 ** 28,
      stdio: "pipe",
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const remedy =
      code === "EACCES" ? `: programs may not run in ${tmpdir()}. Set TMPDIR to another folder` : "";
    throw new InputError(`the compiled program failed: ${message.trim()}${remedy}`);
  }
  return parseFound(printed, classes);
}

/** The program in a folder as a detector for training and evaluation. */
export const detectCompiled =
  (folder: string, classes: readonly string[]): DetectImages =>
  (images) =>
    runProgram(folder, images, classes).map((found, i) => toDetections(found, classes, images[i]));

export interface ProgramSource {
  /** Contents of NAME.h and NAME.c by name. */
  files: Record<string, string>;
  name: string;
  classes: readonly string[];
  /** The compiler and its flags. */
  command: readonly string[];
}

/**
 * Compiles a detector and runs it with all scores, then removes all files.
 * @throws InputError if there is no such compiler, or compiling fails
 */
export async function withProgram<T>(
  { files, name, classes, command }: ProgramSource,
  body: (detect: DetectImages) => Promise<T>,
): Promise<T> {
  const [compiler, ...flags] = command;
  if (!has(compiler)) throw new InputError(`there is no C compiler "${compiler}" on this machine`);
  const folder = mkdtempSync(join(tmpdir(), "qmimic-c-"));
  try {
    compileProgram(folder, files, [compiler, ...flags, "-DEVERY_SCORE"], name);
    return await body(detectCompiled(folder, classes));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
