// Our side of a benchmark: times one part of training on a data set.
import { writeFileSync } from "node:fs";
import { resourceUsage } from "node:process";
import { parseArgs } from "node:util";
import { quantiles } from "../../packages/qmimic/dist/data/quantiles.js";
import { useEngine } from "../../packages/qmimic/dist/train/engine.js";
import { benchmarkDataLoading } from "./dataLoading.mjs";
import { benchmarkEvaluateVoc } from "./evaluateVoc.mjs";
import { convolutionPeak } from "./peak.mjs";
import { benchmarkTeacherForward } from "./teacherForward.mjs";
import { benchmarkTraining } from "./training.mjs";

const BENCHES = {
  "train-scratch": (settings) => benchmarkTraining(settings, "scratch"),
  "train-mimic": (settings) => benchmarkTraining(settings, "quantization-mimic"),
  "teacher-forward": benchmarkTeacherForward,
  "evaluate-voc": benchmarkEvaluateVoc,
  "data-loading": benchmarkDataLoading,
};

/** Options of a benchmark, with defaults; options with a numeric default become numbers. */
const DEFAULTS = {
  data: "",
  split: "train",
  side: 480,
  batch: 8,
  "output-stride": 16,
  neck: "none",
  "head-width": 32,
  classes: 1,
  "mimic-regions": 128,
  student: "vgg-1-32",
  teacher: "resnet18-1-1",
  threads: 2,
  precision: "float32",
  /** Steps before the clock starts, and measured steps. */
  warmup: 3,
  steps: 20,
  /** Print "turn" and wait for a line before every this many steps; 0: never. */
  turns: 0,
  json: "",
};

const [name] = process.argv.slice(2);
const run = Object.hasOwn(BENCHES, name ?? "") ? BENCHES[name] : undefined;
if (!run) {
  console.error(`usage: node bench/ours.mjs NAME --data FOLDER; names: ${Object.keys(BENCHES).join(", ")}`);
  process.exit(1);
}
const { values } = parseArgs({
  args: process.argv.slice(3),
  options: Object.fromEntries(Object.keys(DEFAULTS).map((key) => [key, { type: "string" }])),
});
const camel = (key) => key.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
const settings = Object.fromEntries(
  Object.entries(DEFAULTS).map(([key, value]) => {
    const given = values[key] ?? value;
    const read = typeof value === "number" ? Number(given) : given;
    if (Number.isNaN(read)) throw new Error(`--${key} ${given}: expected a number`);
    return [camel(key), read];
  }),
);

useEngine({ threads: settings.threads, device: "cpu", precision: settings.precision });
const measured = await run(settings);
const peakRssBytes = resourceUsage().maxRSS * 1024;
const convolution = measured.multiplyAdds === undefined ? {} : { convolutionPeak: convolutionPeak() };
if (settings.json !== "")
  writeFileSync(settings.json, `${JSON.stringify({ ...measured, ...convolution, peakRssBytes })}\n`);
console.log(
  `${quantiles(measured.imagesPerSecond).median.toFixed(1)} img/s (median of ${settings.steps} steps)`,
);
for (const [part, seconds] of Object.entries(measured.phases))
  console.log(`  ${part.padEnd(10)} ${(1000 * seconds).toFixed(1)} ms`);
console.log(`  peak memory ${(peakRssBytes / 2 ** 20).toFixed(0)} MiB`);
