// Folders of labels for the tests of readers.
import { join } from "node:path";
import { readDataset } from "../../../src/data/dataset.js";
import type { Sample } from "../../../src/data/types.js";
import { plainImage, put, temporaryFolder } from "../temporary.js";

const root = await temporaryFolder();
const image = await plainImage(100, 80);
let count = 0;

/** Text of a file that is an image; what it says is not used. */
export const IMAGE = "";

/** A folder with these texts; files that end in .png or .jpg are images of 100 x 80 px. */
export async function folder(files: Record<string, string | object>): Promise<string> {
  const path = join(root, `set${count++}`);
  for (const [name, content] of Object.entries(files)) {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    await put(join(path, name), /\.(png|jpg)$/.test(name) ? image : text);
  }
  return path;
}

/** Boxes by id. */
export const boxesOf = (samples: readonly Sample[]): Record<string, number[]> =>
  Object.fromEntries(samples.map(({ id, boxes }) => [id, [...boxes]]));

export const read = async (path: string, split = "train"): Promise<Sample[]> =>
  (await readDataset(path, split)).samples;

/** What reading is refused with. */
export const message = (path: string, split = "train"): Promise<string> =>
  readDataset(path, split).then(
    () => "nothing was refused",
    (error: Error) => error.message,
  );
