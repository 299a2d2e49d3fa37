// qmimic data: look at a data set before training on it, or generate one.
import type { Command } from "commander";
import { checkDataset } from "../data/check.js";
import { SIZE_LIMITS } from "../data/checkObjects.js";
import { formatReport } from "../data/checkReport.js";
import { generateDemo } from "../data/demo.js";
import type { Format } from "../data/readers/types.js";
import { createCounter } from "./counter.js";
import { formatOption } from "./dataFlags.js";
import { wholeNumber } from "./numbers.js";

export function addData(program: Command): void {
  const data = program.command("data").description("check a data set, or generate one to try things on");
  data
    .command("check <folder>")
    .description("read a folder of labelled photographs, decode every image, and list what is wrong")
    .addOption(formatOption())
    .option(
      "--side <pixels>",
      "longest side of the network's input, for objects too small for it",
      wholeNumber(1),
      SIZE_LIMITS.side,
    )
    .option(
      "--output-stride <pixels>",
      "input pixels per cell of the last feature map",
      wholeNumber(1),
      SIZE_LIMITS.stride,
    )
    .option(
      "--box-detections <count>",
      "detections that come out for an image",
      wholeNumber(1),
      SIZE_LIMITS.detections,
    )
    .action(check);
  data
    .command("demo <folder>")
    .description("generate street scenes with seven kinds of traffic signs, in the Pascal VOC layout")
    .option("--seed <number>", "seed; the same one gives the same pictures", "1")
    .option("--train <count>", "pictures to train on", wholeNumber(0), 280)
    .option("--val <count>", "pictures to choose the best weights on", wholeNumber(0), 40)
    .option("--test <count>", "pictures for the final evaluation", wholeNumber(0), 80)
    .option("--side <pixels>", "longest side of the pictures", wholeNumber(0), 320)
    .action(demo);
}

interface CheckFlags {
  format: Format | "auto";
  side: number;
  outputStride: number;
  boxDetections: number;
}

/** Prints the report; exit code 1 when something is wrong. */
async function check(folder: string, flags: CheckFlags): Promise<void> {
  const counter = createCounter("images checked");
  const { format, side, outputStride: stride, boxDetections: detections } = flags;
  const limits = { side, stride, detections };
  const report = await checkDataset(folder, { format, ...limits, onProgress: counter.update });
  counter.end();
  console.log(formatReport(report));
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
  console.log(
    `${made.images} pictures with ${made.objects} signs of ${made.classes.length} kinds in ${made.root}`,
  );
}
