// qmimic benchmark: the speed of training steps on a data set. bench/run.mjs runs it beside a peer.
import { resourceUsage } from "node:process";
import type { Command } from "commander";
import { createRandom } from "../data/random.js";
import { didYouMean, InputError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import { FasterRcnn } from "../models/fasterRcnn.js";
import { profiled } from "../profile.js";
import { epochOrder, makeBatch } from "../train/batches.js";
import { createMimicTask } from "../train/mimicTask.js";
import { parseRecipe } from "../train/recipe.js";
import { openSplits } from "../train/splits.js";
import { detectorConfig } from "../train/stages.js";
import { batchSettings, createTrainee, trainingStep } from "../train/step.js";
import { useEngine } from "./engine.js";

interface BenchmarkFlags {
  data: string;
  split: string;
  side: string;
  batch: string;
  outputStride: string;
  headWidth: string;
  student: string;
  teacher: string;
  threads: string;
  warmup: string;
  steps: string;
  json?: string;
}

const NAMES = ["train-scratch", "train-mimic"];

/** What the peer (bench/peers) does: torchvision's sampling and SGD, one anchor ratio, mirrored images and nothing else. */
export const PEER_SETTINGS = {
  "rpn-high": 0.7,
  "rpn-low": 0.3,
  "rpn-batch": 256,
  "rpn-positives": 0.5,
  "rpn-nms": 0.7,
  "rpn-pre-nms-train": 2000,
  "rpn-post-nms-train": 2000,
  "box-high": 0.5,
  "box-batch": 512,
  "box-positives": 0.25,
  "roi-size": 7,
  "roi-samples": 2,
  "anchor-sizes": [16, 32, 64, 128, 256],
  "aspect-ratios": [1],
  optimizer: "sgd",
  lr: 0.02,
  momentum: 0.9,
  "weight-decay": 0.0001,
  flip: 0.5,
  scales: [1],
  brightness: 0,
  contrast: 0,
  saturation: 0,
  clip: 0,
  "group-shapes": false,
  neck: "none",
  merge: "object",
};

export function addBenchmark(program: Command): void {
  program
    .command("benchmark <name>")
    .description("measure training steps: train-scratch, or train-mimic with cached teacher maps")
    .requiredOption("--data <folder>", "folder in the Pascal VOC layout")
    .option("--split <name>", "split to train on", "train")
    .option("--side <pixels>", "longest side of the input", "480")
    .option("--batch <images>", "images in a step", "8")
    .option("--output-stride <pixels>", "input pixels per cell", "16")
    .option("--head-width <neurons>", "neurons of the box head", "32")
    .option("--student <network>", "network that is trained", "vgg-1-32")
    .option("--teacher <network>", "network that is mimicked (train-mimic)", "resnet18-1-1")
    .option("--threads <count>", "processor threads", "2")
    .option("--warmup <steps>", "steps before the clock starts", "3")
    .option("--steps <count>", "steps that are measured", "20")
    .option("--json <file>", "write the result to this file")
    .action(benchmark);
}

async function benchmark(name: string, flags: BenchmarkFlags): Promise<void> {
  if (!NAMES.includes(name)) {
    throw new InputError(
      `benchmark: unknown name "${name}"; expected ${NAMES.join(" or ")}.${didYouMean(name, NAMES)}`,
    );
  }
  const warmup = wholeNumber("--warmup", flags.warmup, 0);
  const steps = wholeNumber("--steps", flags.steps, 1);
  const recipe = parseRecipe(
    {
      ...PEER_SETTINGS,
      data: flags.data,
      "train-split": flags.split,
      "val-split": flags.split,
      side: Number(flags.side),
      batch: Number(flags.batch),
      "output-stride": Number(flags.outputStride),
      "head-width": Number(flags.headWidth),
      student: flags.student,
      teacher: flags.teacher,
      threads: Number(flags.threads),
      method: name === "train-mimic" ? "quantization-mimic" : "scratch",
    },
    "benchmark",
  );
  useEngine(recipe);
  const { train } = await openSplits(recipe);
  const detector = new FasterRcnn(
    detectorConfig(recipe, recipe.student, train),
    createRandom("student"),
  ).train();
  let mapsSeconds = 0;
  const mimic = await (async () => {
    if (recipe.method === "scratch") return undefined;
    const teacher = new FasterRcnn(
      { ...detectorConfig(recipe, recipe.teacher, train), quantizer: { kind: "uniform", stride: 1 } },
      createRandom("teacher"),
    );
    const nothing = { dataset: { ...train.dataset, samples: [] }, store: train.store };
    const started = performance.now();
    const task = await createMimicTask(
      recipe,
      detector,
      teacher,
      { train, val: nothing },
      { maps: () => {}, say: () => {} },
    );
    mapsSeconds = (performance.now() - started) / 1000;
    return task;
  })();
  detector.train();

  const settings = batchSettings(recipe, recipe.outputStride);
  const trainee = createTrainee(detector, recipe, mimic);
  const { samples } = train.dataset;
  const order = epochOrder(samples, settings, 0);
  // Images are decoded before the clock starts: later epochs find them in memory.
  for (let i = 0; i < warmup + steps; i++) {
    for (const index of order[i % order.length]) await train.store.get(index);
  }
  const imagesPerSecond: number[] = [];
  const step = async (i: number) => {
    const indices = order[i % order.length];
    const started = performance.now();
    const batch = await makeBatch(samples, train.store, indices, settings, i);
    trainingStep(trainee, batch, recipe, recipe.lr, createRandom(i));
    batch.images.dispose();
    return indices.length / ((performance.now() - started) / 1000);
  };
  for (let i = 0; i < warmup; i++) await step(i);
  const { profile } = await profiled(async () => {
    for (let i = warmup; i < warmup + steps; i++) imagesPerSecond.push(await step(i));
  });
  const phases = Object.fromEntries([...profile.parts].map(([part, { ms }]) => [part, ms / 1000 / steps]));
  const peakRssBytes = resourceUsage().maxRSS * 1024;
  const result = { imagesPerSecond, phases, peakRssBytes, ...(mimic ? { mapsSeconds } : {}) };
  if (flags.json !== undefined) await writeFileAtomic(flags.json, `${JSON.stringify(result)}\n`);
  const sorted = [...imagesPerSecond].sort((a, b) => a - b);
  console.log(
    `${sorted[sorted.length >> 1].toFixed(1)} img/s (median of ${steps} steps, batch ${recipe.batch})`,
  );
  for (const [part, seconds] of Object.entries(phases))
    console.log(`  ${part.padEnd(10)} ${(1000 * seconds).toFixed(1)} ms`);
  console.log(`  peak memory ${(peakRssBytes / 2 ** 20).toFixed(0)} MiB`);
}

function wholeNumber(flag: string, text: string, least: number): number {
  if (!/^\d+$/.test(text) || Number(text) < least) {
    throw new InputError(`benchmark: ${flag} is "${text}", expected a whole number of at least ${least}`);
  }
  return Number(text);
}
