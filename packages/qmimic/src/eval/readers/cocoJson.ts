// Reads COCO JSON: annotations (images, annotations, categories) and a list of results. The format:
// cocodataset.org, "Data format" and "Results format".
import { InputError } from "../../errors.js";
import { quoted, shortened } from "../../text.js";
import { type EvaluationInput, readText } from "./input.js";

type Fields = Record<string, unknown>;

/** Boxes of one image, being collected. */
interface Collected {
  boxes: number[];
  labels: number[];
  boxAreas: number[];
  /** Annotated areas; box areas for detections. */
  areas: number[];
  /** Scores of detections, crowd marks of ground truth. */
  values: number[];
}

/**
 * Reads annotations and results. Images and classes are in id order, as in pycocotools.
 * @throws InputError naming the file and the position (`annotations[3].bbox`) of entries that are missing, of
 * the wrong type, duplicates, or refer to an unknown image or category
 */
export async function readCoco(groundTruthFile: string, detectionFile: string): Promise<EvaluationInput> {
  const truth = await readJson(groundTruthFile);
  if (!isFields(truth)) {
    throw new InputError(
      `${groundTruthFile}: expected an object with images, annotations and categories, found ${kindOf(truth)}`,
    );
  }
  const images = idsOf(groundTruthFile, truth, "images");
  const categories = idsOf(groundTruthFile, truth, "categories");
  const classes = categories.map(({ fields, where }) => {
    if (typeof fields.name !== "string") {
      throw new InputError(`${where}.name is ${quoted(fields.name)}; expected a string`);
    }
    return fields.name;
  });
  const places = new Map(images.map(({ id }, i) => [id, i]));
  const labels = new Map(categories.map(({ id }, i) => [id, i]));
  const known = { places, labels, file: groundTruthFile };

  const objects = collect(listOf(groundTruthFile, truth, "annotations"), known, ({ fields, where }, box) => {
    const { iscrowd = 0, area = box.area } = fields;
    if (![0, 1, true, false].includes(iscrowd as number)) {
      throw new InputError(`${where}.iscrowd is ${quoted(iscrowd)}; expected 0 or 1`);
    }
    return { value: Number(iscrowd), area: finite(area, `${where}.area`) };
  });
  const results = await readJson(detectionFile);
  const found = collect(listOf(detectionFile, results), known, ({ fields, where }, { area }) => ({
    value: finite(fields.score, `${where}.score`),
    area,
  }));

  const arrays = ({ boxes, labels: all, boxAreas }: Collected) => ({
    boxes: Float64Array.from(boxes),
    labels: Int32Array.from(all),
    boxAreas: Float64Array.from(boxAreas),
  });
  return {
    classes,
    groundTruths: images.map(({ id }, i) => ({
      id,
      ...arrays(objects[i]),
      areas: Float64Array.from(objects[i].areas),
      difficult: Uint8Array.from(objects[i].values),
    })),
    detections: images.map(({ id }, i) => ({
      id,
      ...arrays(found[i]),
      scores: Float64Array.from(found[i].values),
    })),
  };
}

interface Entry {
  fields: Fields;
  /** File and position, for messages. */
  where: string;
}

/** The boxes of each image. `rest` reads the fields specific to annotations or results. */
function collect(
  entries: Entry[],
  { places, labels, file }: { places: Map<string, number>; labels: Map<string, number>; file: string },
  rest: (entry: Entry, box: { area: number }) => { value: number; area: number },
): Collected[] {
  const images = Array.from(
    places,
    (): Collected => ({ boxes: [], labels: [], boxAreas: [], areas: [], values: [] }),
  );
  for (const entry of entries) {
    const { fields, where } = entry;
    const refer = (to: Map<string, number>, key: string, list: string): number => {
      const at = to.get(idText(fields[key], `${where}.${key}`));
      if (at !== undefined) return at;
      throw new InputError(`${where}.${key} is ${quoted(fields[key])}; ${file} has no such id in ${list}`);
    };
    const image = images[refer(places, "image_id", "images")];
    const label = refer(labels, "category_id", "categories");
    const [x, y, width, height] = readBox(fields.bbox, `${where}.bbox`);
    const boxArea = width * height;
    if (!Number.isFinite(boxArea) || !Number.isFinite(x + width) || !Number.isFinite(y + height))
      throw new InputError(
        `${where}.bbox is ${quoted(fields.bbox)}; its end or area is too large for a number`,
      );
    const { value, area } = rest(entry, { area: boxArea });
    image.boxes.push(x, y, x + width, y + height);
    image.labels.push(label);
    image.boxAreas.push(boxArea);
    image.areas.push(area);
    image.values.push(value);
  }
  return images;
}

async function readJson(file: string): Promise<unknown> {
  const text = await readText(file);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`${file}: cannot be read as JSON: ${shortened((error as Error).message)}`);
  }
}

/** A list of objects, at the top level or under a key. */
function listOf(file: string, value: unknown, key?: string): Entry[] {
  const list = key === undefined ? value : (value as Fields)[key];
  const place = key === undefined ? "" : ` ${key}`;
  if (!Array.isArray(list)) {
    throw new InputError(`${file}:${place} expected a list, found ${kindOf(list)}`);
  }
  return list.map((fields: unknown, i) => {
    const where = `${file}: ${key ?? ""}[${i}]`;
    if (!isFields(fields)) throw new InputError(`${where} is ${kindOf(fields)}; expected an object`);
    return { fields, where };
  });
}

/** Images or categories in id order. */
function idsOf(file: string, truth: Fields, key: string): (Entry & { id: string })[] {
  const entries = listOf(file, truth, key).map((entry) => ({
    ...entry,
    id: idText(entry.fields.id, `${entry.where}.id`),
  }));
  const seen = new Set<string>();
  for (const { id, where } of entries) {
    if (seen.has(id))
      throw new InputError(`${where}.id is ${shortened(id)}, which an earlier entry of ${key} already has`);
    seen.add(id);
  }
  const compare = (a: unknown, b: unknown): number =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : 1;
  return entries.sort((a, b) => compare(a.fields.id, b.fields.id));
}

function idText(id: unknown, where: string): string {
  if (typeof id !== "number" && typeof id !== "string") {
    throw new InputError(`${where} is ${quoted(id)}; expected a number`);
  }
  return String(id);
}

function readBox(value: unknown, where: string): number[] {
  const sound =
    Array.isArray(value) &&
    value.length === 4 &&
    value.every(Number.isFinite) &&
    value[2] >= 0 &&
    value[3] >= 0;
  if (!sound) throw new InputError(`${where} is ${quoted(value)}; expected [x, y, width, height] in pixels`);
  return value as number[];
}

function finite(value: unknown, where: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new InputError(`${where} is ${quoted(value)}; expected a number`);
  }
  return value;
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const kindOf = (value: unknown): string =>
  value === undefined
    ? "nothing"
    : value === null
      ? "null"
      : Array.isArray(value)
        ? "a list"
        : `${typeof value}`;
