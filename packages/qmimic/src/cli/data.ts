// qmimic data: look at a data set before training on it, or generate one.
import type { Command } from "commander";
import { checkDataset } from "../data/check.js";
import { formatReport } from "../data/checkReport.js";
import { generateDemo, MAX_PICTURES, MAX_SIDE, MIN_SIDE } from "../data/demo.js";
import { createCounter } from "./counter.js";
import { wholeNumber } from "./numbers.js";
import { say } from "./output.js";

export function addData(program: Command): void {
  const data = program.command("data").description("check a data set, or generate one to try things on");
  data
    .command("check <folder>")
    .description("read a folder in the Pascal VOC layout, decode every image, and list what is wrong")
    .action(check);
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

/** Prints the report; exit code 1 when something is wrong. */
async function check(folder: string): Promise<void> {
  const counter = createCounter("images checked");
  const report = await checkDataset(folder, { onProgress: counter.update });
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
