// Reads WIDER FACE's official ground truth (.mat files) and a submission: one folder per event, one text file
// per image.
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { mapConcurrent } from "../../data/concurrent.js";
import { isLeftover } from "../../data/endings.js";
import { parseNumber } from "../../data/parseNumber.js";
import { didYouMean, InputError } from "../../errors.js";
import { quoted, shortened } from "../../text.js";
import type { WiderImage, WiderSetting } from "../wider.js";
import { readLines } from "./input.js";
import { type MatValue, readMatFile } from "./matFile.js";

export interface WiderInput {
  images: WiderImage[];
  settings: WiderSetting[];
  /** `event/image` of images without a file: they have no detections. */
  missing: string[];
}

const SETTINGS = ["easy", "medium", "hard"];
const FILES_IN_FLIGHT = 16;

/**
 * Reads wider_easy_val.mat, wider_medium_val.mat and wider_hard_val.mat (which also contain all faces), and the
 * submission.
 * @throws InputError naming file and line for format errors; for a folder or file in the submission that is not
 * an event or image in the ground truth; and if no image has a file
 */
export async function readWider(groundTruthFolder: string, submission: string): Promise<WiderInput> {
  const { ids, faces, settings } = await readGroundTruth(groundTruthFolder);
  const files = await submittedFiles(submission, new Set(ids));
  if (files.size === 0) {
    throw new InputError(
      `${submission}: no detections; expected one folder per event with one text file per image, like ${shortened(ids[0])}.txt`,
    );
  }
  const images = await mapConcurrent(ids, FILES_IN_FLIGHT, async (id, i) => {
    const path = files.get(id);
    const found = path === undefined ? { boxes: [], scores: [] } : await readSubmission(path, basename(id));
    return {
      id,
      faces: faces[i],
      boxes: Float64Array.from(found.boxes),
      scores: Float64Array.from(found.scores),
    };
  });
  return { images, settings, missing: ids.filter((id) => !files.has(id)) };
}

interface GroundTruth {
  ids: string[];
  /** Per image [G, 4] x, y, width, height. */
  faces: Float64Array[];
  settings: WiderSetting[];
}

async function readGroundTruth(folder: string): Promise<GroundTruth> {
  const parts: (Omit<GroundTruth, "settings"> & WiderSetting & { path: string })[] = [];
  for (const name of SETTINGS) {
    const path = join(folder, `wider_${name}_val.mat`);
    parts.push({ name, path, ...readSetting(path, await readMatFile(path)) });
  }
  const [first, ...others] = parts;
  const text = ({ ids, faces }: GroundTruth | (typeof parts)[number]) => `${ids.join()} ${faces.join()}`;
  const odd = others.find((part) => text(part) !== text(first));
  if (odd) throw new InputError(`${odd.path}: its images or faces differ from those of ${first.path}`);
  return {
    ids: first.ids,
    faces: first.faces,
    settings: parts.map(({ name, counted }) => ({ name, counted })),
  };
}

/** Images, faces, and which faces count, from one file. */
function readSetting(path: string, matrices: ReadonlyMap<string, MatValue>) {
  const cells = (value: MatValue | undefined, what: string): MatValue[] => {
    if (value?.kind !== "cell")
      throw new InputError(`${path}: ${what} is ${value?.kind ?? "missing"}; expected cells`);
    return value.cells;
  };
  const text = (value: MatValue | undefined, what: string): string => {
    const inner = value?.kind === "cell" ? value.cells[0] : value;
    if (inner?.kind !== "text")
      throw new InputError(`${path}: ${what} is ${inner?.kind ?? "missing"}; expected text`);
    return inner.text;
  };
  const numbers = (value: MatValue | undefined, what: string) => {
    if (value?.kind !== "numbers") {
      throw new InputError(`${path}: ${what} is ${value?.kind ?? "missing"}; expected numbers`);
    }
    return value;
  };
  const of = (name: string) => cells(matrices.get(name), name);
  const [events, fileLists, boxLists, keepLists] = [
    "event_list",
    "file_list",
    "face_bbx_list",
    "gt_list",
  ].map(of);
  const ids: string[] = [];
  const faces: Float64Array[] = [];
  const counted: Uint8Array[] = [];
  events.forEach((event, e) => {
    const where = (list: string, i: number) => `${list}{${e + 1}}{${i + 1}}`;
    cells(fileLists[e], `file_list{${e + 1}}`).forEach((file, i) => {
      ids.push(`${text(event, `event_list{${e + 1}}`)}/${text(file, where("file_list", i))}`);
      const boxes = numbers(cells(boxLists[e], `face_bbx_list{${e + 1}}`)[i], where("face_bbx_list", i));
      const count = boxes.numbers.length / 4;
      if (count > 0 && boxes.dims[1] !== 4) {
        throw new InputError(
          `${path}: ${where("face_bbx_list", i)} is ${shortened(boxes.dims.join(" x "))}; expected N x 4`,
        );
      }
      faces.push(
        Float64Array.from(boxes.numbers, (_, k) => boxes.numbers[(k % 4) * count + Math.floor(k / 4)]),
      );
      const marks = new Uint8Array(count);
      for (const index of numbers(cells(keepLists[e], `gt_list{${e + 1}}`)[i], where("gt_list", i)).numbers) {
        if (!(Number.isInteger(index) && index >= 1 && index <= count)) {
          throw new InputError(`${path}: ${where("gt_list", i)} refers to face ${index} of ${count}`);
        }
        marks[index - 1] = 1;
      }
      counted.push(marks);
    });
  });
  return { ids, faces, counted };
}

/** Image -> file. @throws InputError for anything in the folder that is not an image in the ground truth */
async function submittedFiles(folder: string, ids: ReadonlySet<string>): Promise<Map<string, string>> {
  const events = new Set([...ids].map((id) => id.slice(0, id.indexOf("/"))));
  const files = new Map<string, string>();
  const list = (path: string) =>
    readdir(path, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      throw new InputError(
        error.code === "ENOENT" ? `${path}: no such directory` : `${path}: cannot be read: ${error.message}`,
      );
    });
  for (const event of await list(folder)) {
    if (isLeftover(event.name)) continue;
    const path = join(folder, event.name);
    if (!event.isDirectory() || !events.has(event.name)) {
      const kind = event.isDirectory() ? "not an event in the ground truth" : "not an event folder";
      throw new InputError(`${path}: ${kind}.${didYouMean(event.name, events)} Move it elsewhere.`);
    }
    for (const { name } of await list(path)) {
      if (isLeftover(name)) continue;
      const id = `${event.name}/${name.replace(/\.txt$/, "")}`;
      if (!name.endsWith(".txt") || !ids.has(id)) {
        throw new InputError(`${join(path, name)}: not an image in the ground truth. Move it elsewhere.`);
      }
      files.set(id, join(path, name));
    }
  }
  return files;
}

/** The image's name, the number of detections, then one line "x y width height score" each. */
async function readSubmission(path: string, image: string): Promise<{ boxes: number[]; scores: number[] }> {
  const [name = "", count = "", ...lines] = await readLines(path);
  const named = basename(name.trim()).replace(/\.(jpe?g|png|txt)$/i, "");
  if (named !== image) {
    throw new InputError(`${path}: line 1: ${quoted(name)}; expected the image's name, ${shortened(image)}`);
  }
  if (!/^\d+$/.test(count.trim())) {
    throw new InputError(`${path}: line 2: ${quoted(count)}; expected the number of detections`);
  }
  if (Number(count) !== lines.length) {
    throw new InputError(
      `${path}: line 2 says ${shortened(count.trim())} detections, but ${lines.length} lines follow`,
    );
  }
  const boxes: number[] = [];
  const scores: number[] = [];
  lines.forEach((line, i) => {
    const values = line.trim().split(/\s+/).map(parseNumber);
    const known = values.filter((value) => value !== undefined);
    if (values.length !== 5 || known.length !== 5) {
      throw new InputError(`${path}: line ${i + 3}: ${quoted(line)}; expected x, y, width, height and score`);
    }
    if (known[2] < 0 || known[3] < 0) {
      throw new InputError(
        `${path}: line ${i + 3}: ${quoted(line)}: negative size; expected width and height of 0 or more`,
      );
    }
    boxes.push(...known.slice(0, 4));
    scores.push(known[4]);
  });
  return { boxes, scores };
}
