// A split of a data set with the labels of a detector.
import { type ReadOptions, readSplit } from "../data/dataset.js";
import type { Mark } from "../data/readers/types.js";
import { holdsOut, readTrainVal } from "../data/trainVal.js";
import type { Dataset } from "../data/types.js";
import { InputError } from "../errors.js";
import type { OpenedDetector } from "../export/openDetector.js";
import { listed, quoted } from "../text.js";
import { type DataFlags, openFrom, printNotes } from "./dataFlags.js";
import { complain } from "./output.js";

export interface DatasetFlags extends DataFlags {
  data: string;
  split: string;
  /** Of a set without a split val: how training held one out. */
  valShare: number;
  seed: number;
  ignore?: readonly Mark[];
  classes?: string;
  merge?: string;
}

/** The split with the detector's labels. @throws InputError when the data's classes are not the detector's */
export async function readDatasetFor(
  { path, classes: known }: Pick<OpenedDetector, "path" | "classes">,
  flags: DatasetFlags,
): Promise<Dataset> {
  const { merge } = flags;
  const has = `${path} detects ${listed(known)}`;
  if (merge !== undefined) {
    if (flags.classes !== undefined) throw new InputError("--merge and --classes exclude each other");
    if (known.length > 1 || known[0] !== merge) {
      throw new InputError(`--merge ${merge}: ${has}; --merge needs a detector of that one class`);
    }
    return readWith({ merge }, flags);
  }
  if (flags.classes !== undefined) {
    const classes = flags.classes.split(",").map((name) => name.trim());
    const unknown = classes.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new InputError(`--classes: ${has}, not ${quoted(unknown)}`);
    return readWith({ classes, ignoreOthers: true }, flags);
  }
  try {
    return await readWith({ classes: [...known] }, flags);
  } catch (error) {
    if (!(error instanceof InputError) || !error.message.includes("unknown class")) throw error;
    const remedy =
      known.length === 1
        ? `--merge ${known[0]} counts every class of the data as ${known[0]}`
        : `--classes ${known.join(",")} leaves objects of other classes out`;
    throw new InputError(`${error.message}\n${has}: ${remedy}.`);
  }
}

/** The split asked for; of a set without a split val, the part that training held out with this share and seed. */
async function readWith(options: ReadOptions, flags: DatasetFlags): Promise<Dataset> {
  const folder = await openFrom(flags.data, flags);
  const { skipBad = false, ignore = [] } = flags;
  const all = { ...options, skipBad, ignore };
  const settings = { trainSplit: "train", valSplit: flags.split, valShare: flags.valShare, seed: flags.seed };
  let dataset: Dataset;
  if (holdsOut(folder, flags.split)) {
    const { val, heldOut } = await readTrainVal(folder, settings, all);
    if (heldOut !== undefined) complain(heldOut);
    dataset = val;
  } else {
    dataset = await readSplit(folder, flags.split, all);
  }
  await printNotes(folder);
  return dataset;
}
