// qmimic val: how well a trained detector does on a split, by the protocols of COCO and VOC; two of them compared.
import { type Command, InvalidArgumentError } from "commander";
import { type ReadOptions, readSplit } from "../data/dataset.js";
import { createImageStore } from "../data/imageStore.js";
import { MARKS, type Mark } from "../data/readers/types.js";
import { holdsOut, readTrainVal } from "../data/trainVal.js";
import type { Dataset } from "../data/types.js";
import { InputError } from "../errors.js";
import { type ApComparisons, bootstrapIntervals, comparePaired } from "../eval/bootstrap.js";
import { type CocoMatches, matchCoco } from "../eval/coco.js";
import { detectSamples, evaluationInputs, type SampleDetections } from "../eval/detect.js";
import { evaluate } from "../eval/evaluation.js";
import { writeFileAtomic } from "../files.js";
import type { Detector } from "../models/index.js";
import { classMap } from "../report/classMap.js";
import { formatComparisons, formatEvaluation } from "../report/evaluationText.js";
import { detectorCost, summarize } from "../report/summary.js";
import { useEngine } from "../train/engine.js";
import { type DataFlags, dataFlags, openFrom, printNotes } from "./dataFlags.js";
import { type EngineFlags, engineOptions } from "./engine.js";
import { positiveShare, share, wholeNumber } from "./numbers.js";
import { loadForSide, type SideFlag, sideOption } from "./side.js";
import { findWeights } from "./weights.js";

interface ValFlags extends EngineFlags, SideFlag, DataFlags {
  data: string;
  split: string;
  valShare: number;
  seed: number;
  ignore?: Mark[];
  classes?: string;
  merge?: string;
  iou: number;
  inclusive?: boolean;
  compare?: string;
  json?: string;
  teacher?: boolean;
}

export function addVal(program: Command): void {
  const command = program
    .command("val <weights>")
    .description("evaluate a weights file, or a run folder's best student, on one split")
    .requiredOption("--data <folder>", "folder of labelled photographs")
    .option("--split <name>", "val to choose among models, test once at the end", "val")
    .option("--val-share <number>", "where there is no split val: as in the recipe that trained", share, 0.15)
    .option("--seed <number>", "the same", wholeNumber(0), 0)
    .option("--ignore <marks>", `leave objects with these marks out of the score: ${MARKS.join(", ")}`, marks)
    .option("--classes <names>", "score these of the detector's classes and leave all others out")
    .option("--merge <class>", "count every class of the data as this one")
    .option("--iou <number>", "IoU from which a detection finds an object by VOC", positiveShare, 0.5)
    .option("--inclusive", "VOC's numbers count the last pixel of a box as inside, as its devkit does")
    .option("--compare <weights>", "another weights file or run folder: is it better on the same images?")
    .option("--json <file>", "write all numbers there")
    .option("--teacher", "of a run folder, evaluate the (quantized) teacher");
  dataFlags(engineOptions(sideOption(command))).action(val);
}

/** Comma-separated names. */
function marks(text: string): Mark[] {
  return text.split(",").map((part) => {
    const mark = MARKS.find((one) => one === part.trim());
    if (mark === undefined) throw new InvalidArgumentError(`Allowed are ${MARKS.join(", ")}.`);
    return mark;
  });
}

async function val(weights: string, flags: ValFlags): Promise<void> {
  useEngine(flags);
  const { path, stage } = findWeights(weights, flags);
  const detector = loadForSide(path, flags);
  const dataset = await readFor(detector, path, flags);
  const other = flags.compare === undefined ? undefined : loadOther(flags.compare, dataset, flags);
  const { found, imagesPerSecond } = await detectSplit(detector, dataset, flags.device);
  const evaluation = evaluate(dataset, found, { iou: flags.iou, pixelInclusive: flags.inclusive === true });
  const matches = matchDataset(dataset, found);
  const intervals = bootstrapIntervals(matches, evaluation.images);

  console.log(`${path}\n${summarize(detector)}\n`);
  console.log(`${flags.data}, split ${flags.split}: ${evaluation.images} images\n`);
  console.log(`${classMap([dataset])}\n`);
  console.log(formatEvaluation(evaluation, intervals));
  console.log(`\n${imagesPerSecond.toFixed(1)} img/s, decoded images to boxes`);
  const comparison = other && (await compare({ path, matches }, other, dataset, flags.device));
  if (flags.json !== undefined) {
    const { config } = detector;
    const result = {
      command: { weights, ...flags },
      weights: path,
      stage,
      detector: config,
      cost: detectorCost(detector),
      ...evaluation,
      intervals,
      ...(comparison ? { comparison } : {}),
      imagesPerSecond,
    };
    await writeFileAtomic(flags.json, `${JSON.stringify(result, null, 2)}\n`);
    console.log(`numbers   ${flags.json}`);
  }
}

interface Other {
  path: string;
  detector: Detector;
}

/** @throws InputError when it lacks a class of the data */
function loadOther(weights: string, { classes }: Dataset, flags: ValFlags): Other {
  const { path } = findWeights(weights);
  const detector = loadForSide(path, flags);
  const known = detector.config.classes;
  const lacks = classes.find((name) => !known.includes(name));
  if (flags.merge !== undefined && known.length > 1) {
    throw new InputError(
      `--compare: ${path} detects ${known.join(", ")}; --merge needs a detector of one class`,
    );
  }
  if (lacks !== undefined) {
    throw new InputError(
      `--compare: ${path} detects ${known.join(", ")}, not "${lacks}". --classes scores classes that both have.`,
    );
  }
  return { path, detector };
}

/** Prints the paired bootstrap of both detectors on the split, and returns it for the JSON. */
async function compare(
  a: { path: string; matches: CocoMatches },
  { path, detector }: Other,
  dataset: Dataset,
  device: string,
): Promise<ApComparisons & { weights: string }> {
  const { found } = await detectSplit(detector, dataset, device);
  const result = comparePaired(a.matches, matchDataset(dataset, found), dataset.samples.length);
  console.log(`\nA  ${a.path}\nB  ${path}\n${formatComparisons(result)}`);
  return { weights: path, ...result };
}

function matchDataset(dataset: Dataset, found: readonly SampleDetections[]): CocoMatches {
  const { groundTruths, detections } = evaluationInputs(dataset, found);
  return matchCoco(groundTruths, detections, dataset.classes);
}

/** The split with the detector's labels. @throws InputError when the data's classes are not the detector's */
async function readFor(detector: Detector, path: string, flags: ValFlags): Promise<Dataset> {
  const { merge } = flags;
  const known = detector.config.classes;
  const has = `${path} detects ${known.join(", ")}`;
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
    if (unknown !== undefined) throw new InputError(`--classes: ${has}, not "${unknown}"`);
    return readWith({ classes, ignoreOthers: true }, flags);
  }
  try {
    return await readWith({ classes: known }, flags);
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
async function readWith(options: ReadOptions, flags: ValFlags): Promise<Dataset> {
  const folder = await openFrom(flags.data, flags);
  const { skipBad = false, ignore = [] } = flags;
  const all = { ...options, skipBad, ignore };
  const settings = { trainSplit: "train", valSplit: flags.split, valShare: flags.valShare, seed: flags.seed };
  let dataset: Dataset;
  if (holdsOut(folder, flags.split)) {
    const { val, heldOut } = await readTrainVal(folder, settings, all);
    console.error(`qmimic: ${heldOut}`);
    dataset = val;
  } else {
    dataset = await readSplit(folder, flags.split, all);
  }
  await printNotes(folder);
  return dataset;
}

/** Detections with the labels of `wanted`; those of other classes are dropped. */
function keepClasses(
  found: readonly SampleDetections[],
  known: readonly string[],
  wanted: readonly string[],
): SampleDetections[] {
  const labelOf = Int32Array.from(["", ...known], (name) => wanted.indexOf(name) + 1);
  return found.map((one) => {
    const kept = [...one.labels.keys()].filter((i) => labelOf[one.labels[i]] > 0);
    return {
      id: one.id,
      boxes: Float32Array.from(kept.flatMap((i) => [...one.boxes.subarray(4 * i, 4 * i + 4)])),
      scores: Float32Array.from(kept, (i) => one.scores[i]),
      labels: Int32Array.from(kept, (i) => labelOf[one.labels[i]]),
    };
  });
}

const MEMORY = 2 ** 31;

/** Decodes first, so that the clock sees the detector alone (as long as the images fit into 2 GiB). */
async function detectSplit(
  detector: Detector,
  { samples, classes }: Dataset,
  device: string,
): Promise<{ found: SampleDetections[]; imagesPerSecond: number }> {
  const store = createImageStore(samples, { maxSide: detector.config.side, memoryBudgetBytes: MEMORY });
  store.prefetch(samples.keys());
  for (const i of samples.keys()) await store.get(i);
  // The first calls also plan the convolutions.
  await detectSamples(detector, samples.slice(0, 8), store, device);
  const started = performance.now();
  const found = await detectSamples(detector, samples, store, device);
  const imagesPerSecond = (1000 * samples.length) / (performance.now() - started);
  return { found: keepClasses(found, detector.config.classes, classes), imagesPerSecond };
}
