// One COCO JSON, read in a stream: its categories, images, and the objects of each image.
import { InputError } from "../../errors.js";
import { quoted } from "../../text.js";
import type { Box, ImageSize } from "../boxes.js";
import { counted } from "../problems.js";
import { streamJson } from "./jsonStream.js";
import type { LabelledObject } from "./types.js";
import { isNode } from "./xml.js";

export interface CocoCategory {
  id: number;
  name: string;
  supercategory: string | undefined;
}

export interface CocoImage {
  id: number;
  /** file_name, with "/" between folders. */
  name: string;
  size: ImageSize | undefined;
}

export interface CocoFile {
  categories: CocoCategory[];
  images: CocoImage[];
  /** By image id, in file order. */
  objects: Map<number, LabelledObject[]>;
  problems: string[];
  /** Counts of unread parts. */
  unread: Map<string, number>;
}

/** An annotation whose category is not known yet: categories may come last. */
interface Pending {
  image: number;
  category: number;
  object: LabelledObject;
}

type Fields = Record<string, unknown>;

/** @throws InputError naming the file if it is not a JSON object with images, annotations and categories */
export async function readCocoFile(file: string): Promise<CocoFile> {
  const problems: string[] = [];
  const unread = new Map<string, number>();
  const found = { problems, unread };
  const categories: CocoCategory[] = [];
  const images: CocoImage[] = [];
  const pending: Pending[] = [];
  const lists = new Set<string>();
  const count = { images: 0, annotations: 0, categories: 0 };
  await streamJson(file, (key, value, element) => {
    if (key !== "images" && key !== "annotations" && key !== "categories") return;
    lists.add(key);
    if (!element) {
      throw new InputError(`${file}: "${key}" is not a list. Expected COCO's layout; export the file again.`);
    }
    const where = `${key}[${count[key]++}]`;
    if (!isNode(value)) problems.push(`${where} is not an object.`);
    else if (key === "images") readImage(value, where, images, problems);
    else if (key === "categories") readCategory(value, where, categories, problems);
    else readAnnotation(value, where, pending, found);
  });
  if (!lists.has("images")) {
    throw new InputError(
      `${file}: it has no "images". Expected COCO's layout: images, annotations and categories.`,
    );
  }
  const unique = {
    images: keepUnique(images, problems, [
      ["images have the id", ({ id }) => id],
      ["images have the file_name", ({ name }) => name],
    ]),
    categories: keepUnique(categories, problems, [
      ["categories have the id", ({ id }) => id],
      ["categories have the name", ({ name }) => name],
    ]),
  };
  // Annotations of a repeated id could belong to either, so they are given to neither.
  const doubtful = {
    images: repeatedIds(images),
    categories: repeatedIds(categories),
  };
  for (const { image, category } of pending)
    if (doubtful.categories.has(category)) doubtful.images.add(image);
  const without = images.filter(({ id }) => doubtful.images.has(id)).length;
  if (without > 0)
    problems.push(
      `${counted(without, "image")} with a repeated id, or objects of a category with one, cannot be used.`,
    );
  const sure = {
    images: unique.images.filter(({ id }) => !doubtful.images.has(id)),
    categories: unique.categories.filter(({ id }) => !doubtful.categories.has(id)),
  };
  const known = pending.filter(
    ({ image, category }) => !doubtful.images.has(image) && !doubtful.categories.has(category),
  );
  return { ...sure, objects: join(sure, known, problems), ...found };
}

/** Ids with more than one name. */
function repeatedIds(items: readonly { id: number; name: string }[]): Set<number> {
  const names = new Map(items.map(({ id, name }) => [id, name]));
  return new Set(items.flatMap(({ id, name }) => (names.get(id) === name ? [] : [id])));
}

function join(
  { categories, images }: Pick<CocoFile, "categories" | "images">,
  pending: readonly Pending[],
  problems: string[],
): Map<number, LabelledObject[]> {
  const names = new Map(categories.map(({ id, name }) => [id, name]));
  const objects = new Map<number, LabelledObject[]>(images.map(({ id }) => [id, []]));
  for (const { image, category, object } of pending) {
    const name = names.get(category);
    const list = objects.get(image);
    if (name === undefined) {
      problems.push(`${object.at}: there is no category with id ${category}. Add it to categories.`);
    } else if (list === undefined) {
      problems.push(
        `${object.at}: there is no image with id ${image}. Add it to images, or remove the annotation.`,
      );
    } else {
      object.name = name;
      list.push(object);
    }
  }
  return objects;
}

function readImage(fields: Fields, where: string, images: CocoImage[], problems: string[]): void {
  const { id, file_name: name, width, height } = fields;
  if (!isId(id)) problems.push(`${where}: "id" is ${quoted(id)}; expected an integer.`);
  else if (typeof name !== "string" || name === "") {
    problems.push(`${where}: "file_name" is ${quoted(name)}; expected the image's name.`);
  } else {
    const stated = isSide(width) && isSide(height);
    if (!stated && [width, height].some((side) => side !== undefined && side !== null && side !== 0)) {
      problems.push(
        `${where}: the size is ${quoted(width)} x ${quoted(height)}; expected integers, at least 1 x 1.`,
      );
    }
    images.push({ id, name: name.replaceAll("\\", "/"), size: stated ? { width, height } : undefined });
  }
}

function readCategory(fields: Fields, where: string, categories: CocoCategory[], problems: string[]): void {
  const { id, name, supercategory } = fields;
  if (isId(id) && typeof name === "string" && name.trim() !== "") {
    categories.push({
      id,
      name: name.trim(),
      supercategory: typeof supercategory === "string" ? supercategory : undefined,
    });
  } else {
    problems.push(`${where}: id ${quoted(id)} and name ${quoted(name)}; expected an integer and a string.`);
  }
}

const UNREAD = ["segmentation", "keypoints", "attributes", "caption"];

function readAnnotation(
  fields: Fields,
  where: string,
  pending: Pending[],
  { problems, unread }: Pick<CocoFile, "problems" | "unread">,
): void {
  const { id, image_id: image, category_id: category, bbox, iscrowd = 0, ignore = 0 } = fields;
  const at = isId(id) ? `annotation ${id}` : where;
  if (!isId(image) || !isId(category)) {
    problems.push(`${at}: image_id ${quoted(image)} and category_id ${quoted(category)}; expected integers.`);
    return;
  }
  if (!isBox(bbox)) {
    problems.push(`${at}: "bbox" is ${quoted(bbox)}; expected [x, y, width, height] in pixels.`);
    return;
  }
  if (![0, 1, true, false].includes(iscrowd as number) || ![0, 1, true, false].includes(ignore as number)) {
    problems.push(`${at}: "iscrowd" is ${quoted(iscrowd)}; expected 0 or 1.`);
    return;
  }
  for (const key of UNREAD) if (isFilled(fields[key])) unread.set(key, (unread.get(key) ?? 0) + 1);
  const [x, y, width, height] = bbox;
  const box: Box = [x, y, x + width, y + height];
  pending.push({
    image,
    category,
    object: { name: "", box, difficult: Boolean(iscrowd) || Boolean(ignore), at },
  });
}

const isId = (value: unknown): value is number => Number.isSafeInteger(value);
const isSide = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
const isBox = (value: unknown): value is Box =>
  Array.isArray(value) && value.length === 4 && value.every((coordinate) => typeof coordinate === "number");
const isFilled = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 : isNode(value) && Object.keys(value).length > 0;

/** The first item of each value; duplicates are problems. */
function keepUnique<T>(
  items: readonly T[],
  problems: string[],
  keys: readonly [what: string, of: (item: T) => string | number][],
): T[] {
  const seen = keys.map(() => new Set<string | number>());
  return items.filter((item) => {
    const repeated = keys.findIndex(([, of], i) => seen[i].has(of(item)));
    keys.forEach(([, of], i) => {
      seen[i].add(of(item));
    });
    if (repeated < 0) return true;
    const [what, of] = keys[repeated];
    problems.push(`two ${what} ${quoted(of(item))}. Remove or rename one of them.`);
    return false;
  });
}
