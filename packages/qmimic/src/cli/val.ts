// qmimic val: how well a trained detector does on a split, by the protocols of COCO and VOC; two of them compared.
import type { Command } from "commander";
import { createImageStore } from "../data/imageStore.js";
import type { Dataset } from "../data/types.js";
import { readVoc } from "../data/voc.js";
import { InputError } from "../errors.js";
import { type ApComparisons, bootstrapIntervals, comparePaired } from "../eval/bootstrap.js";
import { type CocoMatches, matchCoco } from "../eval/coco.js";
import { detectSamples, evaluationInputs, type SampleDetections } from "../eval/detect.js";
import { evaluate } from "../eval/evaluation.js";
import { writeFileAtomic } from "../files.js";
import type { Detector } from "../models/index.js";
import { formatComparisons, formatEvaluation } from "../report/evaluationText.js";
import { detectorCost, summarize } from "../report/summary.js";
import { listed, quoted } from "../text.js";
import { useEngine } from "../train/engine.js";
import { type EngineFlags, engineOptions } from "./engine.js";
import { positiveShare } from "./numbers.js";
import { say } from "./output.js";
import { loadForSide, type SideFlag, sideOption } from "./side.js";
import { findWeights } from "./weights.js";

interface ValFlags extends EngineFlags, SideFlag {
  data: string;
  split: string;
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
    .requiredOption("--data <folder>", "folder in the Pascal VOC layout")
    .option("--split <name>", "val to choose among models, test once at the end", "val")
    .option("--classes <names>", "score these of the detector's classes and leave all others out")
    .option("--merge <class>", "count every class of the data as this one")
    .option("--iou <number>", "IoU from which a detection finds an object by VOC", positiveShare, 0.5)
    .option("--inclusive", "VOC's numbers count the last pixel of a box as inside, as its devkit does")
    .option("--compare <weights>", "another weights file or run folder: is it better on the same images?")
    .option("--json <file>", "write all numbers there")
    .option("--teacher", "of a run folder, evaluate the (quantized) teacher");
  engineOptions(sideOption(command)).action(val);
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

  say(`${path}\n${summarize(detector)}\n`);
  say(`${flags.data}, split ${flags.split}: ${evaluation.images} images\n`);
  say(formatEvaluation(evaluation, intervals));
  say(`\n${imagesPerSecond.toFixed(1)} img/s, decoded images to boxes`);
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
    say(`numbers   ${flags.json}`);
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
      `--compare: ${path} detects ${listed(known)}; --merge needs a detector of one class`,
    );
  }
  if (lacks !== undefined) {
    throw new InputError(
      `--compare: ${path} detects ${listed(known)}, not ${quoted(lacks)}. --classes scores classes that both have.`,
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
  say(`\nA  ${a.path}\nB  ${path}\n${formatComparisons(result)}`);
  return { weights: path, ...result };
}

function matchDataset(dataset: Dataset, found: readonly SampleDetections[]): CocoMatches {
  const { groundTruths, detections } = evaluationInputs(dataset, found);
  return matchCoco(groundTruths, detections, dataset.classes);
}

/** The split with the detector's labels. @throws InputError when the data's classes are not the detector's */
async function readFor(detector: Detector, path: string, flags: ValFlags): Promise<Dataset> {
  const { data, split, merge } = flags;
  const known = detector.config.classes;
  const has = `${path} detects ${listed(known)}`;
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
    if (unknown !== undefined) throw new InputError(`--classes: ${has}, not ${quoted(unknown)}`);
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
