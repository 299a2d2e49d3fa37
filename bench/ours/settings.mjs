// Settings and measurements shared by our benchmarks.
import { once } from "node:events";
import { quantiles } from "../../packages/qmimic/dist/data/quantiles.js";
import { profiled } from "../../packages/qmimic/dist/profile.js";
import { parseRecipe } from "../../packages/qmimic/dist/train/recipe.js";

/**
 * The peer's settings (bench/peers): torchvision's sampling and SGD, one anchor ratio, only mirroring as augmentation.
 */
const PEER_SETTINGS = {
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
/** A training recipe equivalent to the peer's. */
export const peerRecipe = (settings, more = {}) => {
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
/** Runs `step` for warm-up, then timed; a step returns how many images it processed. */
export async function measureSteps({ warmup, steps, turns }, step) {
  for (let i = 0; i < warmup; i++) await step(i);
  const imagesPerSecond = [];
  const times = {};
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
    phases: Object.fromEntries(Object.entries(times).map(([k, v]) => [k, quantiles(v).median])),
  };
}
/**
 * Prints "turn" and waits for a line: bench/run.mjs lets the sides run a few steps each in turn, so that temporary
 * slowdowns of the machine affect all of them.
 */
async function takeTurn() {
  console.log("turn");
  process.stdin.resume();
  await once(process.stdin, "data");
  // Otherwise, the open input would keep the process alive after its last step.
  process.stdin.pause();
}
