// A split of a data set with the labels of a detector.
import { type ReadOptions, readSplit } from "../data/dataset.js";
import type { Mark } from "../data/readers/types.js";
import { holdsOut, readTrainVal } from "../data/trainVal.js";
import type { Dataset } from "../data/types.js";
import { InputError } from "../errors.js";
import type { OpenedDetector } from "../export/openDetector.js";
import { listed, quoted } from "../text.js";
import { divisionFor } from "../train/runData.js";
import { type DataFlags, openFrom, printNotes } from "./dataFlags.js";
import { namesOf } from "./names.js";
import { complain } from "./output.js";

export interface DatasetFlags extends DataFlags {
  data: string;
  split: string;
  /** If the data has no val split: the split from which training held one out, and how much. */
  trainSplit: string;
  valShare: number;
  /** Whether val is what the detector's run held out; default true. False: what valShare says. */
  asRun?: boolean;
  ignore?: readonly Mark[];
  classes?: string;
  merge?: string;
}

type Labelled = Pick<OpenedDetector, "path" | "classes">;

/** The split with the detector's labels. @throws InputError if the data's classes are not the detector's */
export const readDatasetFor = (detector: Labelled, flags: DatasetFlags): Promise<Dataset> =>
  readLabelled(detector, flags, (options) => readWith(options, flags, detector));

/**
 * The images of `trainSplit` with the detector's labels, without those held out as val.
 * @throws like readDatasetFor
 */
export const readTrainFor = (detector: Labelled, flags: DatasetFlags): Promise<Dataset> =>
  readLabelled(detector, flags, async (options) => {
    const folder = await openFrom(flags.data, flags);
    const { skipBad = false, ignore = [], trainSplit, split: valSplit, valShare } = flags;
    const splits = { trainSplit, valSplit, valShare, division: await divisionFor(detector.path) };
    return (await readTrainVal(folder, splits, { ...options, skipBad, ignore })).train;
  });

async function readLabelled(
  { path, classes: known }: Labelled,
  flags: DatasetFlags,
  read: (options: ReadOptions) => Promise<Dataset>,
): Promise<Dataset> {
  const { merge } = flags;
  const has = `${path} detects ${listed(known)}`;
  if (merge !== undefined) {
    if (flags.classes !== undefined) throw new InputError("--merge and --classes cannot be combined");
    if (known.length > 1 || known[0] !== merge) {
      throw new InputError(`--merge ${merge}: ${has}; --merge needs a detector of exactly that class`);
    }
    return read({ merge });
  }
  if (flags.classes !== undefined) {
    const classes = namesOf(flags.classes);
    const unknown = classes.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new InputError(`--classes: ${has}, not ${quoted(unknown)}`);
    return read({ classes, ignoreOthers: true });
  }
  try {
    return await read({ classes: [...known] });
  } catch (error) {
    if (!(error instanceof InputError) || !error.message.includes("unknown class")) throw error;
    const remedy =
      known.length === 1
        ? `--merge ${known[0]} maps every class of the data to ${known[0]}`
        : `--classes ${known.join(",")} leaves out objects of other classes`;
    throw new InputError(`${error.message}\n${has}: ${remedy}.`);
  }
}

/** The requested split; if the data has no val split, what training held out with this fraction. */
async function readWith(options: ReadOptions, flags: DatasetFlags, detector: Labelled): Promise<Dataset> {
  const folder = await openFrom(flags.data, flags);
  const { skipBad = false, ignore = [] } = flags;
  const all = { ...options, skipBad, ignore };
  const { split: valSplit, trainSplit, valShare } = flags;
  let dataset: Dataset;
  if (holdsOut(folder, flags.split)) {
    // Images are divided by all their labels, as in training, also if only some classes are scored.
    const someOfThem = options.ignoreOthers === true;
    const labels = someOfThem ? { ...all, classes: [...detector.classes] } : all;
    const division = flags.asRun === false ? undefined : await divisionFor(detector.path);
    const settings = { trainSplit, valSplit, valShare, division };
    const { val, heldOut } = await readTrainVal(folder, settings, labels);
    if (heldOut !== undefined) complain(heldOut);
    dataset = someOfThem ? sameImages(val, await readSplit(folder, trainSplit, all)) : val;
  } else {
    dataset = await readSplit(folder, flags.split, all);
  }
  await printNotes(folder);
  return dataset;
}

/** The images of a split as another reading of the set labels them. */
function sameImages({ split, samples }: Dataset, labelled: Dataset): Dataset {
  const ids = new Set(samples.map(({ id }) => id));
  return { ...labelled, split, samples: labelled.samples.filter(({ id }) => ids.has(id)) };
}
