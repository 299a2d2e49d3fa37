// qmimic val: scores a trained detector on a split with the COCO and VOC protocols, and compares two detectors.
import { type Command, InvalidArgumentError } from "commander";
import { denseNotes } from "../data/checkObjects.js";
import { MARKS, type Mark } from "../data/readers/types.js";
import type { Dataset } from "../data/types.js";
import { InputError } from "../errors.js";
import { type ApComparisons, bootstrapIntervals, comparePaired } from "../eval/bootstrap.js";
import { type CocoMatches, matchCoco } from "../eval/coco.js";
import { detectTimed, evaluationInputs, type SampleDetections } from "../eval/detect.js";
import { evaluate } from "../eval/evaluation.js";
import { type OpenedDetector, openDetector, refuseUnused } from "../export/openDetector.js";
import { writeFileAtomic } from "../files.js";
import { classMap } from "../report/classMap.js";
import { formatComparisons, formatEvaluation } from "../report/evaluationText.js";
import { detectorCost } from "../report/summary.js";
import { listed, quoted } from "../text.js";
import { type DataFlags, dataFlags } from "./dataFlags.js";
import { readDatasetFor } from "./dataset.js";
import { describeDetector } from "./describe.js";
import { type EngineFlags, engineOptions } from "./engine.js";
import { heldOutBy } from "./heldOut.js";
import { keepClasses } from "./keepClasses.js";
import { namesOf } from "./names.js";
import { fraction, positiveFraction } from "./numbers.js";
import { complain, say } from "./output.js";
import { type LimitFlag, limitOption, type SideFlag, sideOption } from "./overrides.js";
import { findWeights } from "./weights.js";

interface ValFlags extends EngineFlags, SideFlag, LimitFlag, DataFlags {
  data: string;
  split: string;
  valShare?: number;
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
    .description("evaluate weights, a run folder's best student, or an exported model on one split")
    .requiredOption("--data <folder>", "folder of labelled images")
    .option("--split <name>", "split to score: val for choosing among models, test once at the end", "val")
    .option(
      "--val-share <number>",
      "if there is no val split: the fraction to hold out (default: what the run held out, or 0.15)",
      fraction,
    )
    .option("--ignore <marks>", `do not score objects with these marks: ${MARKS.join(", ")}`, marks)
    .option("--classes <names>", "score only these of the detector's classes")
    .option("--merge <class>", "map every class of the data to this one")
    .option("--iou <number>", "minimum IoU for a detection to match an object (VOC)", positiveFraction, 0.5)
    .option("--inclusive", "for VOC's numbers, boxes include their last pixel, as in its devkit")
    .option("--compare <weights>", "weights file or run folder to compare with on the same images")
    .option("--json <file>", "write all numbers to this file")
    .option("--teacher", "evaluate the run folder's (quantized) teacher");
  dataFlags(engineOptions(limitOption(sideOption(command)))).action(val);
}

/** Comma-separated names. */
function marks(text: string): Mark[] {
  return namesOf(text).map((name) => {
    const mark = MARKS.find((known) => known === name);
    if (mark === undefined) throw new InvalidArgumentError(`Expected one or more of ${MARKS.join(", ")}.`);
    return mark;
  });
}

async function val(weights: string, flags: ValFlags): Promise<void> {
  const { path, stage } = findWeights(weights, flags);
  const detector = await openDetector(path, flags);
  if (flags.compare === undefined) refuseUnused([detector], flags);
  const asRun = flags.valShare === undefined;
  const dataset = await readDatasetFor(detector, { ...(await heldOutBy(path)), ...flags, asRun });
  for (const note of denseNotes([dataset], detector.limit ?? Infinity)) complain(note);
  const other = flags.compare === undefined ? undefined : await openOther(flags.compare, dataset, flags);
  if (other !== undefined) refuseUnused([detector, other], flags);
  const { found, imagesPerSecond } = await detectSplit(detector, dataset);
  const evaluation = evaluate(dataset, found, { iou: flags.iou, pixelInclusive: flags.inclusive === true });
  const matches = matchDataset(dataset, found);
  const intervals = bootstrapIntervals(matches, evaluation.images);

  say(`${path}\n${describeDetector(detector)}\n`);
  say(`${flags.data}, split ${flags.split}: ${evaluation.images} images\n`);
  say(`${classMap([dataset])}\n`);
  say(formatEvaluation(evaluation, intervals));
  say(`\n${imagesPerSecond.toFixed(1)} img/s, decoded images to boxes`);
  const comparison = other && (await compare({ path, matches }, other, dataset));
  if (flags.json !== undefined) {
    const { trained, bytes } = detector;
    const result = {
      command: { weights, ...flags },
      weights: path,
      stage,
      bytes,
      ...(trained ? { detector: trained.config, cost: detectorCost(trained) } : {}),
      ...evaluation,
      intervals,
      ...(comparison ? { comparison } : {}),
      imagesPerSecond,
    };
    await writeFileAtomic(flags.json, `${JSON.stringify(result, null, 2)}\n`);
    say(`numbers   ${flags.json}`);
  }
}

/** @throws InputError if it lacks a class of the data */
async function openOther(weights: string, { classes }: Dataset, flags: ValFlags): Promise<OpenedDetector> {
  const { path } = findWeights(weights);
  const detector = await openDetector(path, flags);
  const known = detector.classes;
  const lacks = classes.find((name) => !known.includes(name));
  if (flags.merge !== undefined && known.length > 1) {
    throw new InputError(
      `--compare: ${path} detects ${listed(known)}; --merge needs a detector of one class`,
    );
  }
  if (lacks !== undefined) {
    throw new InputError(
      `--compare: ${path} detects ${listed(known)}, not ${quoted(lacks)}. Use --classes to score the classes that both have.`,
    );
  }
  return detector;
}

/** Prints the paired bootstrap of both detectors on the split, and returns it for the JSON. */
async function compare(
  a: { path: string; matches: CocoMatches },
  other: OpenedDetector,
  dataset: Dataset,
): Promise<ApComparisons & { weights: string }> {
  const { found } = await detectSplit(other, dataset);
  const result = comparePaired(a.matches, matchDataset(dataset, found), dataset.samples.length);
  say(`\nA  ${a.path}\nB  ${other.path}\n${formatComparisons(result)}`);
  return { weights: other.path, ...result };
}

function matchDataset(dataset: Dataset, found: readonly SampleDetections[]): CocoMatches {
  const { groundTruths, detections } = evaluationInputs(dataset, found);
  return matchCoco(groundTruths, detections, dataset.classes);
}

async function detectSplit(
  { detect, side, classes: known }: OpenedDetector,
  { samples, classes }: Dataset,
): Promise<{ found: SampleDetections[]; imagesPerSecond: number }> {
  const { found, imagesPerSecond } = await detectTimed(detect, samples, side);
  return { found: keepClasses(found, known, classes), imagesPerSecond };
}
