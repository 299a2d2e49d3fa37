// npm run bench -- train-scratch --data FOLDER [--rounds 3] [--steps 20] [--only peer,peer-tuned,ours]
//
// Runs ours and the peer round after round, and prints ratios of medians. In a round all sides are started, and then take
// some steps each in turn (--turns), so that what slows the machine for a while falls on all of them. The peer runs twice:
// as people run it, and with all that ours gets from its environment, which is malloc's thresholds raised, and OpenMP's
// threads that spin for a short time only.
// Each side writes a file {imagesPerSecond: [one a step], phases: {name: seconds a step}, peakRssBytes}; ours also says
// the multiply-adds of an image and how many a second a wide convolution reaches on the machine.
// The peer needs Debian's python3-torch and python3-torchvision; nothing else of the project does.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { dataFolder, median, ours, root, writeReport } from "./common.mjs";
import { startSide } from "./turns.mjs";

/** Settings that both sides take, with their defaults; a bench may add to them. */
const COMMON = {
  split: "train",
  side: "480",
  batch: "8",
  "output-stride": "16",
  "head-width": "32",
  student: "vgg-1-32",
  threads: "2",
  warmup: "3",
  steps: "20",
  turns: "4",
};
const BENCHES = {
  "train-scratch": { peer: "train_scratch.py", settings: COMMON },
  // The same student from scratch runs along: what does the teacher cost?
  "train-mimic": {
    peer: "train_mimic.py",
    settings: { ...COMMON, teacher: "resnet18-1-1" },
    alone: "train-scratch",
  },
  "teacher-forward": { peer: "teacher_forward.py", settings: { ...COMMON, teacher: "resnet18-1-1" } },
  "evaluate-voc": { peer: "evaluate_voc.py", settings: { ...COMMON, warmup: "1", steps: "3", turns: "1" } },
  // Loaders work ahead, also while others have their turn, and a step's own time says little: no turns, and all steps of a
  // round together make one rate.
  "data-loading": { peer: "data_loading.py", settings: { ...COMMON, steps: "72", turns: "0" }, whole: true },
};
const TUNED = {
  GOMP_SPINCOUNT: "1000",
  MALLOC_MMAP_THRESHOLD_: "4294967296",
  MALLOC_TRIM_THRESHOLD_: "4294967296",
  MALLOC_TOP_PAD_: "268435456",
};
const RENAMED = { student: "backbone" }; // ours: the peer's name

const name = process.argv[2];
const bench = BENCHES[name];
if (!bench) {
  console.error(
    `usage: npm run bench -- <name> --data FOLDER [--rounds N]; names: ${Object.keys(BENCHES).join(", ")}`,
  );
  process.exit(1);
}
const { values: given } = parseArgs({
  args: process.argv.slice(3),
  options: Object.fromEntries(
    ["data", "rounds", "only", "python", "out", ...Object.keys(bench.settings)].map((key) => [
      key,
      { type: "string" },
    ]),
  ),
});
const rounds = Number(given.rounds ?? 3);
const settings = { data: dataFolder(given) };
for (const [key, value] of Object.entries(bench.settings)) settings[key] = given[key] ?? value;

const flags = (names) =>
  Object.entries(settings).flatMap(([key, value]) => [`--${names[key] ?? key}`, value]);
const peer = [given.python ?? "/usr/bin/python3", join(root, "bench/peers", bench.peer), ...flags(RENAMED)];
const side = (what) => ({ command: [process.execPath, ours, what, ...flags({})], env: {} });
const sides = {
  peer: { command: peer, env: {} },
  "peer-tuned": { command: peer, env: TUNED },
  ours: side(name),
  ...(bench.alone ? { "ours-scratch": side(bench.alone) } : {}),
};
const chosen = given.only ? given.only.split(",") : Object.keys(sides);
for (const side of chosen)
  if (!sides[side]) throw new Error(`--only ${side}: not one of ${Object.keys(sides)}`);

const folder = mkdtempSync(join(tmpdir(), "bench-"));
const results = Object.fromEntries(chosen.map((side) => [side, []]));
let started = [];
try {
  for (let round = 0; round < rounds; round++) {
    // Each round starts with another side: none is always the first, or the one that runs on a warm machine.
    const order = chosen.map((_, i) => chosen[(i + round) % chosen.length]);
    const file = (side) => join(folder, `${side}.json`);
    started = [];
    // The next one starts when the one before has warmed up and waits for its turn, or has ended.
    for (const side of order) {
      const { command, env } = sides[side];
      const one = startSide([...command, "--json", file(side)], { ...process.env, ...env });
      started.push(one);
      await one.waits();
    }
    while (started.some((one) => !one.ended())) for (const one of started) await one.turn();
    for (const side of order) {
      const result = JSON.parse(readFileSync(file(side), "utf8"));
      if (bench.whole) result.imagesPerSecond = [harmonicMean(result.imagesPerSecond)];
      results[side].push(result);
      const load = loadavg()[0].toFixed(1);
      console.log(
        `round ${round + 1} ${side.padEnd(12)} ${median(result.imagesPerSecond).toFixed(2)} img/s, load ${load}`,
      );
    }
  }
} finally {
  for (const one of started) one.stop();
  rmSync(folder, { recursive: true });
}

const summary = Object.fromEntries(chosen.map((side) => [side, summarize(results[side])]));
console.log("");
for (const [side, s] of Object.entries(summary)) {
  const phases = Object.entries(s.phases).map(
    ([phase, seconds]) => `${phase} ${(seconds * 1000).toFixed(0)}`,
  );
  const memory = `${(s.peakRssBytes / 2 ** 20).toFixed(0)} MiB`;
  const spread = `${s.low.toFixed(2)} to ${s.high.toFixed(2)}`;
  console.log(
    `${side.padEnd(12)} ${s.median.toFixed(2)} img/s (${spread}), peak ${memory}, ms a step: ${phases.join(", ")}`,
  );
}
const ratios = {};
for (const side of chosen.filter((key) => key !== "ours" && summary.ours)) {
  // Round by round for the spread: what disturbs a round disturbs both sides of it.
  const each = results[side].map(
    (r, i) => median(results.ours[i].imagesPerSecond) / median(r.imagesPerSecond),
  );
  const ratio = summary.ours.median / summary[side].median;
  const memory = summary.ours.peakRssBytes / summary[side].peakRssBytes;
  ratios[side] = { speed: ratio, low: Math.min(...each), high: Math.max(...each), peakRss: memory };
  const spread = `rounds ${Math.min(...each).toFixed(2)} to ${Math.max(...each).toFixed(2)}`;
  console.log(
    `ours / ${side}: ${ratio.toFixed(2)} times the speed (${spread}), ${memory.toFixed(2)} times the memory`,
  );
}

const part = peakShare(results.ours ?? []);
if (part) {
  const peak = (part.convolutionPeak / 1e9).toFixed(0);
  console.log(
    `ours: ${(100 * part.share).toFixed(0)} % of the convolution peak, ${peak} billion multiply-adds a second`,
  );
}

const out = given.out ?? join(root, "results/bench", `${name}.json`);
const { data: _, ...stored } = settings; // the folder is this machine's affair
writeReport(out, { name, settings: stored, rounds, tuned: TUNED, ratios, summary, ...part });

/** Medians over all steps of all rounds; low and high are the quartiles; memory is the largest. */
function summarize(runs) {
  const rates = runs.flatMap((r) => r.imagesPerSecond).sort((a, b) => a - b);
  const phases = {};
  for (const phase of Object.keys(runs[0].phases)) phases[phase] = median(runs.map((r) => r.phases[phase]));
  const at = (share) => rates[Math.round(share * (rates.length - 1))];
  const peakRssBytes = Math.max(...runs.map((r) => r.peakRssBytes));
  return { median: median(rates), low: at(0.25), high: at(0.75), peakRssBytes, phases };
}

/** Our share of the largest peak seen, or nothing where a bench has no layers. */
function peakShare(runs) {
  const peaks = runs.flatMap((r) => r.convolutionPeak ?? []);
  if (peaks.length === 0) return null;
  const peak = Math.max(...peaks);
  const rate = median(runs.map((r) => median(r.imagesPerSecond) * r.multiplyAdds));
  return { convolutionPeak: peak, share: rate / peak };
}

/** Of equal batches' rates: the rate of all of them together. */
function harmonicMean(rates) {
  return rates.length / rates.reduce((sum, rate) => sum + 1 / rate, 0);
}
