// What every benchmark is given, and what it measures.
import { profiled } from "../profile.js";
import { parseRecipe, type Recipe } from "../train/recipe.js";

export interface BenchmarkSettings {
  /** Folder in the Pascal VOC layout, and the split to use. */
  data: string;
  split: string;
  side: number;
  batch: number;
  outputStride: 4 | 8 | 16;
  neck: "none" | "top-down";
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
}

export interface Measured {
  /** Images a second, one number a step. */
  imagesPerSecond: number[];
  /** Seconds a step in each named part. */
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
  { warmup, steps }: BenchmarkSettings,
  step: (index: number) => Promise<number> | number,
): Promise<Measured> {
  for (let i = 0; i < warmup; i++) await step(i);
  const { result: imagesPerSecond, profile } = await profiled(async () => {
    const rates: number[] = [];
    for (let i = warmup; i < warmup + steps; i++) {
      const started = performance.now();
      const images = await step(i);
      rates.push(images / ((performance.now() - started) / 1000));
    }
    return rates;
  });
  const phases = Object.fromEntries([...profile.parts].map(([name, { ms }]) => [name, ms / 1000 / steps]));
  return { imagesPerSecond, phases };
}
