// qmimic benchmark: how long a detector takes per image on this machine.
import { resourceUsage } from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import type { Command } from "commander";
import { decodeImage, type RawImage } from "../data/images.js";
import { quantiles } from "../data/quantiles.js";
import { createRandom } from "../data/random.js";
import { openDetector, refuseUnused } from "../export/openDetector.js";
import { writeFileAtomic } from "../files.js";
import { describeDetector } from "./describe.js";
import { type EngineFlags, engineOptions } from "./engine.js";
import { wholeNumber } from "./numbers.js";
import { say } from "./output.js";
import { type SideFlag, sideOption } from "./overrides.js";
import { findWeights } from "./weights.js";

const MAX_RUNS = 1e6;

interface BenchmarkFlags extends EngineFlags, SideFlag {
  image?: string;
  warmup: number;
  runs: number;
  json?: string;
}

export function addBenchmark(program: Command): void {
  const command = program
    .command("benchmark <weights>")
    .description(
      "measure latency on this machine, from decoded image to boxes; weights: a file, a run folder's best student, or an exported model",
    )
    .option("--image <file>", "image to use; default: 640 x 480 pixels of noise")
    .option("--warmup <count>", "warm-up runs before timing starts", wholeNumber(0, MAX_RUNS), 10)
    .option("--runs <count>", "timed runs, one after another", wholeNumber(1, MAX_RUNS), 100)
    .option("--json <file>", "write all numbers to this file");
  engineOptions(sideOption(command)).action(benchmark);
}

async function benchmark(weights: string, flags: BenchmarkFlags): Promise<void> {
  const { path } = findWeights(weights);
  const opening = performance.now();
  const detector = await openDetector(path, flags);
  refuseUnused([detector], flags);
  const image =
    flags.image === undefined ? noise() : await decodeImage(flags.image, { maxSide: detector.side });
  const milliseconds: number[] = [];
  let first = 0;
  for (let i = 0; i < flags.warmup + flags.runs; i++) {
    // Lets signal handlers run.
    await turn();
    const started = performance.now();
    await detector.detect([image]);
    const ended = performance.now();
    if (i === 0) first = ended - opening;
    if (i >= flags.warmup) milliseconds.push(ended - started);
  }
  const { median, p95 } = spread(milliseconds);
  const peakRssBytes = resourceUsage().maxRSS * 1024;
  say(`${path}\n${describeDetector(detector)}\n`);
  say(`${image.width} x ${image.height} px image, ${flags.runs} runs`);
  say(`  median           ${median.toFixed(2)} ms, ${(1000 / median).toFixed(1)} img/s`);
  say(`  95th percentile  ${p95.toFixed(2)} ms`);
  say(`  first            ${first.toFixed(0)} ms, including loading the file`);
  say(`  peak memory      ${(peakRssBytes / 2 ** 20).toFixed(0)} MiB, whole process`);
  if (flags.json !== undefined) {
    const result = {
      weights: path,
      image: { width: image.width, height: image.height },
      side: detector.side,
    };
    const numbers = { milliseconds, median, p95, first, peakRssBytes };
    await writeFileAtomic(flags.json, `${JSON.stringify({ ...result, ...numbers }, null, 2)}\n`);
  }
}

function spread(milliseconds: readonly number[]): { median: number; p95: number } {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  return { median: quantiles(milliseconds)!.median, p95: sorted[Math.ceil(0.95 * sorted.length) - 1] };
}

/** Reproducible noise, about the size of a camera frame. */
function noise(): RawImage {
  const [width, height] = [640, 480];
  const random = createRandom("benchmark");
  const data = Uint8Array.from({ length: 3 * width * height }, () => Math.floor(256 * random()));
  return { data, width, height, originalWidth: width, originalHeight: height };
}
