// WIDER FACE's files: the official ground truth as MAT files, and a submission: a folder for each event, a text file for
// each image (its name, the number of detections, then "x y width height score" lines).
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { mapConcurrent } from "../data/concurrent.js";
import { InputError } from "../errors.js";
import { type MatValue, parseMat } from "./matFile.js";
import type { WiderImage } from "./wider.js";

export const WIDER_SETS = ["easy", "medium", "hard"] as const;
const FILES_IN_FLIGHT = 16;

export interface WiderSet {
  images: WiderImage[];
  /** For easy, medium and hard: of each image the faces that count, counted from 0. */
  sets: Int32Array[][];
  /** Files of the submission that are not there: their images count as without detections. */
  missing: string[];
}

/**
 * @param truth folder with wider_face_val.mat and wider_{easy,medium,hard}_val.mat
 * @param submission folder with a folder for each event
 * @throws InputError with file and line
 */
export async function readWider(truth: string, submission: string): Promise<WiderSet> {
  const main = join(truth, "wider_face_val.mat");
  const variables = await readMat(main);
  const variable = (name: string): MatValue[] => cellsOf(variables.get(name), `${main}: ${name}`);
  const events = variable("event_list").map((one) => textOf(one, `${main}: event_list`));
  const names = variable("file_list").map((one) => cellsOf(one, `${main}: file_list`));
  const faces = variable("face_bbx_list").map((one) => cellsOf(one, `${main}: face_bbx_list`));
  const places = events.flatMap((event, e) =>
    (names[e] ?? []).map((name, i) => ({
      path: join(submission, event, `${textOf(name, `${main}: file_list`)}.txt`),
      faces: rowsOf(faces[e]?.[i], `${main}: face_bbx_list`),
    })),
  );
  const sets = await Promise.all(
    WIDER_SETS.map(async (set) => {
      const path = join(truth, `wider_${set}_val.mat`);
      const list = cellsOf((await readMat(path)).get("gt_list"), `${path}: gt_list`);
      const all = list.flatMap((one) => cellsOf(one, `${path}: gt_list`));
      if (all.length !== places.length)
        throw new InputError(`${path}: gt_list is of ${all.length} images, ${main} of ${places.length}`);
      return all.map((one, i) => indicesOf(one, places[i].faces.length / 4, `${path}: gt_list`));
    }),
  );
  const found = await mapConcurrent(places, FILES_IN_FLIGHT, ({ path }) => readDetections(path));
  const missing = places.filter((_, i) => found[i] === null).map(({ path }) => path);
  if (missing.length === places.length)
    throw new InputError(
      `${submission}: there is no file of any image; expected for instance ${places[0]?.path}`,
    );
  const images = places.map(({ faces }, i) => ({
    faces,
    ...(found[i] ?? { boxes: new Float64Array(0), scores: new Float64Array(0) }),
  }));
  return { images, sets, missing };
}

async function readMat(path: string): Promise<Map<string, MatValue>> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw new InputError(`${path}: cannot be read: ${error.message}`);
  });
  return parseMat(bytes, path);
}

function cellsOf(value: MatValue | undefined, where: string): MatValue[] {
  if (value && "cells" in value) return value.cells;
  throw new InputError(`${where}: a cell array expected`);
}

function textOf(value: MatValue, where: string): string {
  if ("text" in value) return value.text;
  throw new InputError(`${where}: text expected`);
}

/** [n, 4] numbers, row by row. */
function rowsOf(value: MatValue | undefined, where: string): Float64Array {
  if (!value || !("numbers" in value)) throw new InputError(`${where}: numbers expected`);
  const [rows] = value.dims;
  const { numbers } = value;
  if (numbers.length !== 4 * rows)
    throw new InputError(`${where}: an array of n x 4 expected, this is ${value.dims.join(" x ")}`);
  return Float64Array.from({ length: numbers.length }, (_, k) => numbers[(k % 4) * rows + Math.floor(k / 4)]);
}

function indicesOf(value: MatValue, faces: number, where: string): Int32Array {
  if (!("numbers" in value)) throw new InputError(`${where}: numbers expected`);
  return Int32Array.from(value.numbers, (number) => {
    if (!(number >= 1 && number <= faces))
      throw new InputError(`${where}: face ${number} of an image with ${faces}`);
    return number - 1;
  });
}

/** Null when there is no such file. */
async function readDetections(path: string): Promise<Pick<WiderImage, "boxes" | "scores"> | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const lines = text.split(/\r\n|\r|\n/);
  const count = Number(lines[1]?.trim());
  if (!Number.isInteger(count) || count < 0 || lines[1].trim() === "")
    throw new InputError(`${path}: line 2: the number of detections expected, not "${lines[1] ?? ""}"`);
  const rows = lines.slice(2).filter((line) => line.trim() !== "");
  if (rows.length !== count)
    throw new InputError(`${path}: line 2 says ${count} detections, there are ${rows.length} lines of them`);
  const boxes = new Float64Array(4 * count);
  const scores = new Float64Array(count);
  rows.forEach((row, i) => {
    const numbers = row.trim().split(/\s+/).map(Number);
    if (numbers.length !== 5 || !numbers.every(Number.isFinite))
      throw new InputError(
        `${path}: line ${i + 3}: "x y width height score" expected, not "${row.slice(0, 80)}"`,
      );
    boxes.set(numbers.slice(0, 4), 4 * i);
    scores[i] = numbers[4];
  });
  return { boxes, scores };
}
