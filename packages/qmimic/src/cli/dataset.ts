// A split of a data set with the labels of a detector.
import type { Dataset } from "../data/types.js";
import { readVoc } from "../data/voc.js";
import { InputError } from "../errors.js";
import type { OpenedDetector } from "../export/openDetector.js";

export interface DatasetFlags {
  data: string;
  split: string;
  classes?: string;
  merge?: string;
}

/** The split with the detector's labels. @throws InputError when the data's classes are not the detector's */
export async function readDatasetFor(
  { path, classes: known }: Pick<OpenedDetector, "path" | "classes">,
  flags: DatasetFlags,
): Promise<Dataset> {
  const { data, split, merge } = flags;
  const has = `${path} detects ${known.join(", ")}`;
  if (merge !== undefined) {
    if (flags.classes !== undefined) throw new InputError("--merge and --classes exclude each other");
    if (known.length > 1 || known[0] !== merge) {
      throw new InputError(`--merge ${merge}: ${has}; --merge needs a detector of that one class`);
    }
    return readVoc(data, split, { merge });
  }
  if (flags.classes !== undefined) {
    const classes = flags.classes.split(",").map((name) => name.trim());
    const unknown = classes.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new InputError(`--classes: ${has}, not "${unknown}"`);
    return readVoc(data, split, { classes, ignoreOthers: true });
  }
  try {
    return await readVoc(data, split, { classes: known });
  } catch (error) {
    if (!(error instanceof InputError) || !error.message.includes("unknown class")) throw error;
    const remedy =
      known.length === 1
        ? `--merge ${known[0]} counts every class of the data as ${known[0]}`
        : `--classes ${known.join(",")} leaves objects of other classes out`;
    throw new InputError(`${error.message}\n${has}: ${remedy}.`);
  }
}
