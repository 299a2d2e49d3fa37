// COCO's files: an annotation file with images, categories and boxes, and a results file of detections.
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { InputError } from "../errors.js";
import type { CocoImage } from "./coco.js";

const box = z.tuple([z.number(), z.number(), z.number().min(0), z.number().min(0)]);
const id = z.union([z.number(), z.string()]);

const truthSchema = z.object({
  images: z.array(z.object({ id })),
  categories: z.array(z.object({ id: z.number(), name: z.string() })).min(1),
  annotations: z.array(
    z.object({
      image_id: id,
      category_id: z.number(),
      bbox: box,
      area: z.number().min(0).optional(),
      iscrowd: z.union([z.literal(0), z.literal(1), z.boolean()]).optional(),
    }),
  ),
});

const resultsSchema = z.array(
  z.object({ image_id: id, category_id: z.number(), bbox: box, score: z.number() }),
);

export interface CocoSet {
  /** In ascending order of their ids, as the reference code takes them: equal scores then rank as there. */
  images: CocoImage[];
  /** Names of the categories, in the order of the labels. */
  classes: string[];
}

/**
 * @param truth annotation file: images, categories, annotations
 * @param results file with a list of {image_id, category_id, bbox: [x, y, width, height], score}
 * @throws InputError with file and place for what is not of this form, or speaks of unknown images or categories
 */
export async function readCoco(truth: string, results: string): Promise<CocoSet> {
  const { images, categories, annotations } = await readJson(truth, truthSchema);
  const found = await readJson(results, resultsSchema);
  const labelOf = unique(truth, "categories", categories);
  const imageOf = unique(truth, "images", images);
  const objects = group(truth, "annotations", annotations, imageOf, labelOf);
  const detections = group(results, "", found, imageOf, labelOf);
  const order = images
    .map((image, position) => ({ image, position }))
    .sort((a, b) => compare(a.image.id, b.image.id));
  return {
    classes: categories.map(({ name }) => name),
    images: order.map(({ image, position }) => {
      const [own, mine] = [objects[position], detections[position]];
      const labels = (of: { category_id: number }[]) =>
        Int32Array.from(of, (one) => labelOf.get(String(one.category_id))!);
      const boxes = (of: { bbox: number[] }[]) => Float64Array.from(of.flatMap(({ bbox }) => bbox));
      return {
        id: String(image.id),
        truth: {
          boxes: boxes(own),
          labels: labels(own),
          areas: Float64Array.from(own, ({ area, bbox }) => area ?? bbox[2] * bbox[3]),
          crowd: Uint8Array.from(own, ({ iscrowd = 0 }) => Number(iscrowd)),
        },
        found: {
          boxes: boxes(mine),
          labels: labels(mine),
          scores: Float64Array.from(mine, ({ score }) => score),
        },
      };
    }),
  };
}

const compare = (a: number | string, b: number | string): number =>
  typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : 1;

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const text = await readFile(path, "utf8").catch((error: Error) => {
    throw new InputError(`${path}: cannot be read: ${error.message}`);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${path}: not JSON: ${(error as Error).message}`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [{ path: place, message }] = parsed.error.issues;
  const more = parsed.error.issues.length - 1;
  throw new InputError(
    `${path}: ${placeOf(place)}: ${message}${more > 0 ? ` (and ${more} more of such)` : ""}`,
  );
}

/** ["annotations", 12, "bbox"] -> annotations[12].bbox */
const placeOf = (place: readonly PropertyKey[]): string =>
  place
    .map((one, i) => (typeof one === "number" ? `[${one}]` : `${i > 0 ? "." : ""}${String(one)}`))
    .join("") || "the whole";

/** Positions by id. @throws InputError for an id that comes twice */
function unique(file: string, what: string, list: readonly { id: number | string }[]): Map<string, number> {
  const positions = new Map<string, number>();
  list.forEach((one, i) => {
    if (positions.has(String(one.id)))
      throw new InputError(`${file}: ${what}[${i}].id: ${one.id} comes twice`);
    positions.set(String(one.id), i);
  });
  return positions;
}

/** Entries by their image. @throws InputError for an image or category that is unknown */
function group<T extends { image_id: number | string; category_id: number }>(
  file: string,
  what: string,
  list: readonly T[],
  images: ReadonlyMap<string, number>,
  categories: ReadonlyMap<string, number>,
): T[][] {
  const groups: T[][] = Array.from({ length: images.size }, () => []);
  list.forEach((one, i) => {
    const position = images.get(String(one.image_id));
    const where = `${file}: ${what}[${i}]`;
    if (position === undefined)
      throw new InputError(
        `${where}.image_id: there is no image ${one.image_id} among the ${images.size} of the ground truth`,
      );
    if (!categories.has(String(one.category_id)))
      throw new InputError(
        `${where}.category_id: there is no category ${one.category_id} in the ground truth`,
      );
    groups[position].push(one);
  });
  return groups;
}
