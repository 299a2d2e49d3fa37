// qmimic benchmark: how fast the parts of training are on a data set. bench/run.mjs runs it beside a peer.
import { resourceUsage } from "node:process";
import type { Precision } from "@qmimic/torch";
import { type Command, Option } from "commander";
import { benchmarkDataLoading } from "../benchmark/dataLoading.js";
import { benchmarkEvaluateVoc } from "../benchmark/evaluateVoc.js";
import { convolutionPeak } from "../benchmark/peak.js";
import type { BenchmarkSettings, Measured } from "../benchmark/settings.js";
import { benchmarkTeacherForward } from "../benchmark/teacherForward.js";
import { benchmarkTraining } from "../benchmark/training.js";
import { quantiles } from "../data/quantiles.js";
import { didYouMean, InputError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import {
  MAX_CLASSES,
  MAX_REGIONS,
  MAX_SIDE,
  MAX_THREADS,
  MAX_WIDTH,
  MIN_SIDE,
  NECKS,
} from "../models/index.js";
import { quoted } from "../text.js";
import { useEngine } from "../train/engine.js";
import { MAX_BATCH } from "../train/recipe.js";
import { precisionOption } from "./engine.js";
import { wholeNumber } from "./numbers.js";
import { say } from "./output.js";

const BENCHMARKS: Record<string, (settings: BenchmarkSettings) => Promise<Measured>> = {
  "train-scratch": (settings) => benchmarkTraining(settings, "scratch"),
  "train-mimic": (settings) => benchmarkTraining(settings, "quantization-mimic"),
  "teacher-forward": benchmarkTeacherForward,
  "evaluate-voc": benchmarkEvaluateVoc,
  "data-loading": benchmarkDataLoading,
};
const MAX_STEPS = 1e6;
const NAMES = Object.keys(BENCHMARKS);

export function addBenchmark(program: Command): void {
  program
    .command("benchmark <name>")
    .description(`measure speed: ${NAMES.join(", ")}`)
    .requiredOption("--data <folder>", "folder in the Pascal VOC layout")
    .option("--split <name>", "split to use", "train")
    .option("--side <pixels>", "longest side of the input", wholeNumber(MIN_SIDE, MAX_SIDE), 480)
    .option("--batch <images>", "images in a step", wholeNumber(1, MAX_BATCH), 8)
    .addOption(
      new Option("--output-stride <pixels>", "input pixels per cell").choices(["4", "8", "16"]).default("16"),
    )
    .addOption(new Option("--neck <kind>", "how a finer map is made").choices(NECKS).default("none"))
    .option("--head-width <neurons>", "neurons of the box head", wholeNumber(1, MAX_WIDTH), 32)
    .option("--classes <count>", "classes that are trained", wholeNumber(1, MAX_CLASSES), 1)
    .option(
      "--mimic-regions <count>",
      "regions of an image that are mimicked",
      wholeNumber(1, MAX_REGIONS),
      128,
    )
    .option("--student <network>", "network that is trained", "vgg-1-32")
    .option("--teacher <network>", "network that is mimicked, or run alone", "resnet18-1-1")
    .option("--threads <count>", "processor threads", wholeNumber(1, MAX_THREADS), 2)
    .addOption(precisionOption())
    .option("--warmup <steps>", "steps before the clock starts", wholeNumber(0, MAX_STEPS), 3)
    .option("--steps <count>", "steps that are measured", wholeNumber(1, MAX_STEPS), 20)
    .option(
      "--turns <steps>",
      'say "turn" before each so many steps, and wait for a line; 0: never',
      wholeNumber(0, MAX_STEPS),
      0,
    )
    .option("--json <file>", "write the result to this file")
    .action(benchmark);
}

interface BenchmarkFlags extends Omit<BenchmarkSettings, "outputStride"> {
  outputStride: string;
  precision: Precision;
  json?: string;
}

async function benchmark(name: string, { json, precision, ...flags }: BenchmarkFlags): Promise<void> {
  const run = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
  if (!run) {
    throw new InputError(
      `benchmark: unknown name ${quoted(name)}; expected ${NAMES.join(", ")}.${didYouMean(name, NAMES)}`,
    );
  }
  const outputStride = Number(flags.outputStride) as BenchmarkSettings["outputStride"];
  const settings: BenchmarkSettings = { ...flags, outputStride };
  useEngine({ threads: settings.threads, device: "cpu", precision });
  const measured = await run(settings);
  const peakRssBytes = resourceUsage().maxRSS * 1024;
  const convolution = measured.multiplyAdds === undefined ? {} : { convolutionPeak: convolutionPeak() };
  if (json !== undefined)
    await writeFileAtomic(json, `${JSON.stringify({ ...measured, ...convolution, peakRssBytes })}\n`);
  const { median } = quantiles(measured.imagesPerSecond)!;
  say(`${median.toFixed(1)} img/s (median of ${settings.steps} steps)`);
  for (const [part, seconds] of Object.entries(measured.phases))
    say(`  ${part.padEnd(10)} ${(1000 * seconds).toFixed(1)} ms`);
  say(`  peak memory ${(peakRssBytes / 2 ** 20).toFixed(0)} MiB`);
}
