// qmimic data: check, convert or split a data set, or generate one.
import { type Command, Option } from "commander";
import { checkDataset } from "../data/check.js";
import { SIZE_LIMITS } from "../data/checkObjects.js";
import { formatReport } from "../data/checkReport.js";
import { convertDataset, TARGETS, type Target } from "../data/convert/convert.js";
import { generateDemo, MAX_PICTURES, MAX_SIDE, MIN_SIDE } from "../data/demo.js";
import { counted } from "../data/problems.js";
import { FORMAT_NAMES, type Format } from "../data/readers/types.js";
import { writeSplits } from "../data/writeSplits.js";
import { classMap } from "../report/classMap.js";
import { createCounter } from "./counter.js";
import { type DataFlags, dataFlags, formatOption, openFrom, printNotes } from "./dataFlags.js";
import { fraction, wholeNumber } from "./numbers.js";

/** Larger numbers are typos. */
const MAX_CHECKED = 1e9;

import { say } from "./output.js";

export function addData(program: Command): void {
  const data = program.command("data").description("check, convert or split a data set, or generate a demo");
  data
    .command("check <folder>")
    .description("read a folder of labelled images, decode every image, and list all problems")
    .addOption(formatOption())
    .option(
      "--side <pixels>",
      "longest side of the network's input, to find objects too small for it",
      wholeNumber(1, MAX_CHECKED),
      SIZE_LIMITS.side,
    )
    .option(
      "--output-stride <pixels>",
      "input pixels per cell of the last feature map",
      wholeNumber(1, MAX_CHECKED),
      SIZE_LIMITS.stride,
    )
    .option(
      "--box-detections <count>",
      "maximum detections per image",
      wholeNumber(1, MAX_CHECKED),
      SIZE_LIMITS.detections,
    )
    .action(check);
  dataFlags(
    data
      .command("convert <folder>")
      .description("write a data set in another format, and list what is lost")
      .addOption(
        new Option("--to <format>", "format of the new labels").choices(TARGETS).makeOptionMandatory(),
      )
      .requiredOption("--out <folder>", "output folder; a number is appended if it exists"),
  ).action(convert);
  dataFlags(
    data
      .command("split <folder>")
      .description(
        "split a data set that has no splits, keeping near-duplicates together, and write the lists",
      )
      .option("--train <fraction>", "fraction of images for training", fraction, 0.7)
      .option("--val <fraction>", "fraction for choosing the best weights", fraction, 0.15)
      .option("--test <fraction>", "fraction for the final evaluation", fraction, 0.15)
      .option(
        "--seed <number>",
        "random seed; the same seed gives the same lists",
        wholeNumber(0, MAX_CHECKED),
        0,
      ),
  ).action(split);
  data
    .command("demo <folder>")
    .description("generate street scenes with seven traffic sign classes, in Pascal VOC layout")
    .option("--seed <number>", "random seed; the same seed gives the same images", "1")
    .option("--train <count>", "training images", wholeNumber(0, MAX_PICTURES), 280)
    .option(
      "--val <count>",
      "validation images, for choosing the best weights",
      wholeNumber(0, MAX_PICTURES),
      40,
    )
    .option("--test <count>", "test images, for the final evaluation", wholeNumber(0, MAX_PICTURES), 80)
    .option("--side <pixels>", "longest side of the images", wholeNumber(MIN_SIDE, MAX_SIDE), 320)
    .action(demo);
}

interface CheckFlags {
  format: Format | "auto";
  side: number;
  outputStride: number;
  boxDetections: number;
}

interface ConvertFlags extends DataFlags {
  to: Target;
  out: string;
}

async function convert(root: string, flags: ConvertFlags): Promise<void> {
  const folder = await openFrom(root, flags);
  const counter = createCounter("images copied");
  const { to, out, skipBad = false } = flags;
  const made = await convertDataset(folder, { to, out, skipBad, onProgress: counter.update });
  counter.end();
  await printNotes(folder);
  say(classMap(made.splits.map(({ name, samples }) => ({ split: name, samples, classes: made.classes }))));
  say(
    made.lost.length === 0
      ? "\nnothing was lost"
      : `\nlost (not supported by ${FORMAT_NAMES[to]} or not written by this program):\n${made.lost.map((loss) => `  ${loss}`).join("\n")}`,
  );
  say(`\n${FORMAT_NAMES[to]}  ${made.folder}`);
}

interface SplitFlags extends DataFlags {
  train: number;
  val: number;
  test: number;
  seed: number;
}

async function split(root: string, flags: SplitFlags): Promise<void> {
  const folder = await openFrom(root, flags);
  const counter = createCounter("images compared");
  const { train, val, test, seed, skipBad = false } = flags;
  const shares = { train, val, test };
  const made = await writeSplits(folder, { shares, seed, skipBad, onProgress: counter.update });
  counter.end();
  await printNotes(folder);
  for (const [name, count] of Object.entries(made.counts)) say(`${name}: ${counted(count, "image")}`);
  say(`\nlists  ${made.folder}`);
}

/** Prints the report; exit code 1 if there are problems. */
async function check(folder: string, flags: CheckFlags): Promise<void> {
  const counter = createCounter("images checked");
  const { format, side, outputStride: stride, boxDetections: detections } = flags;
  const limits = { side, stride, detections };
  const report = await checkDataset(folder, { format, ...limits, onProgress: counter.update });
  counter.end();
  say(formatReport(report));
  if (!report.ok) process.exitCode = 1;
}

interface DemoFlags {
  seed: string;
  train: number;
  val: number;
  test: number;
  side: number;
}

async function demo(folder: string, flags: DemoFlags): Promise<void> {
  const counter = createCounter("images drawn");
  const made = await generateDemo(folder, { ...flags, onProgress: counter.update });
  counter.end();
  say(`${made.images} images with ${made.objects} signs of ${made.classes.length} classes in ${made.root}`);
}
