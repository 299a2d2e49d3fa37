// What every benchmark is given, and what it measures.
import { once } from "node:events";
import { quantiles } from "../data/quantiles.js";
import type { Neck } from "../models/index.js";
import { profiled } from "../profile.js";
import { parseRecipe, type Recipe } from "../train/recipe.js";

export interface BenchmarkSettings {
  /** Folder of labelled photographs, and the split to use. */
  data: string;
  split: string;
  side: number;
  batch: number;
  outputStride: 4 | 8 | 16;
  neck: Neck;
  headWidth: number;
  classes: number;
  /** Regions of an image that are mimicked. */
  mimicRegions: number;
  student: string;
  teacher: string;
  threads: number;
  /** Steps before the clock starts, and steps that are measured. */
  warmup: number;
  steps: number;
  /** Steps between which the benchmark asks for its turn, see takeTurn; 0: never. */
  turns: number;
}

export interface Measured {
  /** Images a second, one number a step. */
  imagesPerSecond: number[];
  /** Seconds in each named part, the median of the steps. */
  phases: Record<string, number>;
  /** Of the layers, an image; gradients included. Absent where there are no layers. */
  multiplyAdds?: number;
}

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
  merge: "object",
};

/** A training recipe that does what the peer does. */
export const peerRecipe = (settings: BenchmarkSettings, more: Record<string, unknown> = {}): Recipe => {
  const { data, split, side, batch, outputStride, neck, headWidth, mimicRegions, student, teacher, threads } =
    settings;
  return parseRecipe(
    {
      ...PEER_SETTINGS,
      ...{ data, "train-split": split, "val-split": split, side, batch, neck, student, teacher, threads },
      ...{ "output-stride": outputStride, "head-width": headWidth, "mimic-regions": mimicRegions },
      ...more,
    },
    "benchmark",
  );
};

/** Runs `step` for warm-up, then on the clock; a step returns how many images it took. */
export async function measureSteps(
  { warmup, steps, turns }: BenchmarkSettings,
  step: (index: number) => Promise<number> | number,
): Promise<Measured> {
  for (let i = 0; i < warmup; i++) await step(i);
  const imagesPerSecond: number[] = [];
  const times: Record<string, number[]> = {};
  for (let i = 0; i < steps; i++) {
    if (turns > 0 && i % turns === 0) await takeTurn();
    const started = performance.now();
    const { result: images, profile } = await profiled(async () => step(warmup + i));
    imagesPerSecond.push(images / ((performance.now() - started) / 1000));
    for (const [name, { ms }] of profile.parts) {
      times[name] ??= [];
      times[name].push(ms / 1000);
    }
  }
  return {
    imagesPerSecond,
    phases: Object.fromEntries(Object.entries(times).map(([k, v]) => [k, quantiles(v)!.median])),
  };
}

/**
 * Says "turn" and waits for a line: bench/run.mjs lets the sides run some steps each in turn, so that what slows the
 * machine for a while falls on all of them.
 */
async function takeTurn(): Promise<void> {
  console.log("turn");
  process.stdin.resume();
  await once(process.stdin, "data");
  // Else the open input would keep the process alive after its last step.
  process.stdin.pause();
}
