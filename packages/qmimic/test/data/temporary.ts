// Small data sets in a temporary folder.
import { readdirSync, readlinkSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterAll } from "vitest";

const folders: string[] = [];
// Registered here, because vitest ignores hooks that are registered in a running hook or test.
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

/** A folder that is removed after the tests of the calling file. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "qmimic-test-"));
  folders.push(folder);
  return folder;
}

export async function put(path: string, data: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, data);
}

/** The open files of this process below `folder`, also removed ones. Empty where there is no /proc. */
export function openFiles(folder: string): string[] {
  const links = process.platform === "linux" ? readdirSync("/proc/self/fd") : [];
  return links.flatMap((link) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${link}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      // The descriptor by which the folder was listed.
      return [];
    }
  });
}

/** A PNG or JPEG of one colour. */
export function plainImage(
  width: number,
  height: number,
  format: "png" | "jpeg" = "png",
  background = "#4080c0",
): Promise<Buffer> {
  const image = sharp({ create: { width, height, channels: 3, background } });
  return (format === "png" ? image.png() : image.jpeg()).toBuffer();
}

export interface TestObject {
  name?: string;
  box?: (number | string)[];
  extra?: string;
}

export function xmlOf(width: number, height: number, objects: TestObject[]): string {
  const body = objects.map(({ name = "cat", box = [10, 20, 30, 40], extra = "" }) => {
    const [xmin, ymin, xmax, ymax] = box;
    return `<object><name>${name}</name>${extra}<bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox></object>`;
  });
  return `<?xml version="1.0"?>\n<annotation><size><width>${width}</width><height>${height}</height><depth>3</depth></size>${body.join("")}</annotation>`;
}

/** A VOC folder of 100 x 80 px images: id -> annotation text, or its objects. */
export async function makeVoc(
  root: string,
  annotations: Record<string, string | TestObject[]>,
  lists: Record<string, string> = { train: `${Object.keys(annotations).join("\n")}\n` },
): Promise<string> {
  const image = await plainImage(100, 80);
  for (const [id, content] of Object.entries(annotations)) {
    await put(
      join(root, "Annotations", `${id}.xml`),
      typeof content === "string" ? content : xmlOf(100, 80, content),
    );
    await put(join(root, "JPEGImages", `${id}.png`), image);
  }
  for (const [split, text] of Object.entries(lists))
    await put(join(root, "ImageSets", "Main", `${split}.txt`), text);
  return root;
}
