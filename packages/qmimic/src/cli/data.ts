// qmimic data: look at a data set before training on it, convert or divide it, or generate one.
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
import { share, wholeNumber } from "./numbers.js";

/** Larger numbers are typos. */
const MAX_CHECKED = 1e9;

import { say } from "./output.js";

export function addData(program: Command): void {
  const data = program
    .command("data")
    .description("check, convert or divide a data set, or generate one to try things on");
  data
    .command("check <folder>")
    .description("read a folder of labelled photographs, decode every image, and list what is wrong")
    .addOption(formatOption())
    .option(
      "--side <pixels>",
      "longest side of the network's input, for objects too small for it",
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
      "detections that come out for an image",
      wholeNumber(1, MAX_CHECKED),
      SIZE_LIMITS.detections,
    )
    .action(check);
  dataFlags(
    data
      .command("convert <folder>")
      .description("write a data set in another format, and say what that cannot hold")
      .addOption(
        new Option("--to <format>", "format of the new labels").choices(TARGETS).makeOptionMandatory(),
      )
      .requiredOption("--out <folder>", "the new folder; with a number where it exists"),
  ).action(convert);
  dataFlags(
    data
      .command("split <folder>")
      .description("divide a data set without splits, near copies together, and write the lists")
      .option("--train <share>", "part of the images to train on", share, 0.7)
      .option("--val <share>", "part to choose the best weights on", share, 0.15)
      .option("--test <share>", "part for the final evaluation", share, 0.15)
      .option("--seed <number>", "the same one gives the same lists", wholeNumber(0, MAX_CHECKED), 0),
  ).action(split);
  data
    .command("demo <folder>")
    .description("generate street scenes with seven kinds of traffic signs, in the Pascal VOC layout")
    .option("--seed <number>", "seed; the same one gives the same pictures", "1")
    .option("--train <count>", "pictures to train on", wholeNumber(0, MAX_PICTURES), 280)
    .option("--val <count>", "pictures to choose the best weights on", wholeNumber(0, MAX_PICTURES), 40)
    .option("--test <count>", "pictures for the final evaluation", wholeNumber(0, MAX_PICTURES), 80)
    .option("--side <pixels>", "longest side of the pictures", wholeNumber(MIN_SIDE, MAX_SIDE), 320)
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
      ? "\nnothing is lost"
      : `\nlost, which ${FORMAT_NAMES[to]} or this program does not write:\n${made.lost.map((one) => `  ${one}`).join("\n")}`,
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

/** Prints the report; exit code 1 when something is wrong. */
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
  const counter = createCounter("pictures drawn");
  const made = await generateDemo(folder, { ...flags, onProgress: counter.update });
  counter.end();
  say(`${made.images} pictures with ${made.objects} signs of ${made.classes.length} kinds in ${made.root}`);
}
