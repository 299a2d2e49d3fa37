// Reads the detection and ground-truth lists of ../shared/data/eval-reference and voc-sample100.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ImageDetections, ImageGroundTruth } from "../../src/eval/types.js";

export const shared = fileURLToPath(new URL("../../../../../shared/data/", import.meta.url));
export const haveShared = existsSync(join(shared, "eval-reference"));

export interface EvaluationCase {
  classes: string[];
  groundTruths: ImageGroundTruth[];
  detections: ImageDetections[];
}

export interface Row {
  image: string;
  name: string;
  /** xyxy */
  box: readonly number[];
  score?: number;
  difficult?: boolean;
}

/** Classes in the order in which they first appear, unless given. */
export function toCase(truth: Row[], found: Row[], images: string[], names?: string[]): EvaluationCase {
  const classes = names ?? [...new Set([...truth, ...found].map((row) => row.name))];
  const label = (row: Row) => {
    if (!classes.includes(row.name)) throw new Error(`class ${row.name}`);
    return classes.indexOf(row.name);
  };
  const of = (rows: Row[], id: string) => rows.filter((row) => row.image === id);
  const arrays = (rows: Row[]) => ({
    boxes: Float32Array.from(rows.flatMap((row) => row.box)),
    labels: Int32Array.from(rows, label),
  });
  return {
    classes,
    groundTruths: images.map((id) => ({
      id,
      ...arrays(of(truth, id)),
      difficult: Uint8Array.from(of(truth, id), (row) => (row.difficult ? 1 : 0)),
    })),
    detections: images.map((id) => ({
      id,
      ...arrays(of(found, id)),
      scores: Float32Array.from(of(found, id), (row) => row.score!),
    })),
  };
}

/** Lines "class [score] a b c d", one file an image. */
export function readTextFolder(
  folder: string,
  options: { scores: boolean; corners: boolean; names?: readonly string[] },
): Row[] {
  return filesOf(folder, ".txt").flatMap((file) =>
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => {
        const [name, ...numbers] = line.trim().split(/\s+/);
        const score = options.scores ? Number(numbers.shift()) : undefined;
        const [a, b, c, d] = numbers.map(Number);
        const box = options.corners ? [a, b, c, d] : [a, b, a + c, b + d];
        const row: Row = { image: idOf(file), name: options.names?.[Number(name)] ?? name, box };
        return score === undefined ? row : { ...row, score };
      }),
  );
}

/** VOC XML, one file an image; the parts of a person are left out. */
export function readVocFolder(folder: string): Row[] {
  return filesOf(folder, ".xml").flatMap((file) => {
    const text = readFileSync(file, "utf8").replaceAll(/<part>.*?<\/part>/gs, "");
    return [...text.matchAll(/<object>.*?<\/object>/gs)].map(([object]) => {
      const field = (name: string) => object.match(new RegExp(`<${name}>\\s*(.*?)\\s*</${name}>`))![1];
      return {
        image: idOf(file),
        name: field("name"),
        box: ["xmin", "ymin", "xmax", "ymax"].map((name) => Number(field(name))),
        difficult: /<difficult>\s*1/.test(object),
      };
    });
  });
}

export function idsOf(folder: string, extension: string): string[] {
  return filesOf(folder, extension).map(idOf);
}

/** Ground truth and detections in COCO's JSON. */
export function readCocoCase(folder: string): EvaluationCase {
  interface Annotation {
    image_id: number;
    category_id: number;
    bbox: [number, number, number, number];
    score?: number;
  }
  const read = (name: string) => JSON.parse(readFileSync(join(folder, name), "utf8"));
  const truth = read("groundtruths_coco.json") as {
    annotations: Annotation[];
    images: { id: number }[];
    categories: { id: number; name: string }[];
  };
  const names = new Map(truth.categories.map((category) => [category.id, category.name]));
  const rows = (annotations: Annotation[]) =>
    annotations.map(({ image_id, category_id, bbox: [x, y, w, h], score }): Row => {
      const row = { image: String(image_id), name: names.get(category_id)!, box: [x, y, x + w, y + h] };
      return score === undefined ? row : { ...row, score };
    });
  return toCase(
    rows(truth.annotations),
    rows(read("detections_coco.json")),
    truth.images.map((image) => String(image.id)),
  );
}

function filesOf(folder: string, extension: string): string[] {
  return readdirSync(folder)
    .filter((name) => extname(name) === extension)
    .sort()
    .map((name) => join(folder, name));
}

function idOf(file: string): string {
  return basename(file, extname(file));
}
