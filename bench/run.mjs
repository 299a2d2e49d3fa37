// npm run bench -- train-scratch --data FOLDER [--rounds 3] [--steps 20] [--only peer,peer-tuned,ours]
//
// Runs ours and the peer round after round, and prints ratios of medians. Each round starts all sides, which then take
// a few steps each in turn (--turns), so that temporary slowdowns of the machine affect all of them. The peer runs
// twice: as it is usually run, and with the same environment settings as ours, which are higher malloc thresholds and
// OpenMP threads that spin only briefly.
// Each side writes a file {imagesPerSecond: [per step], phases: {name: seconds per step}, peakRssBytes}; ours adds the
// multiply-adds per image, and how many per second a wide convolution reaches on this machine.
// The peer needs Debian's python3-torch and python3-torchvision; nothing else in the project does.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { dataFolder, median, ours, root, writeReport } from "./common.mjs";
import { startSide } from "./turns.mjs";

/** Settings of both sides, with their defaults; a benchmark may add more. */
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
  // Also trains the same student from scratch, to show what the teacher costs.
  "train-mimic": {
    peer: "train_mimic.py",
    settings: { ...COMMON, teacher: "resnet18-1-1" },
    alone: "train-scratch",
  },
  "teacher-forward": { peer: "teacher_forward.py", settings: { ...COMMON, teacher: "resnet18-1-1" } },
  "evaluate-voc": { peer: "evaluate_voc.py", settings: { ...COMMON, warmup: "1", steps: "3", turns: "1" } },
  // Loaders work ahead, even during other sides' turns, so the time of a single step means little: no turns, and one
  // rate for all steps of a round.
  "data-loading": { peer: "data_loading.py", settings: { ...COMMON, steps: "72", turns: "0" }, whole: true },
};
const TUNED = {
  GOMP_SPINCOUNT: "1000",
  MALLOC_MMAP_THRESHOLD_: "4294967296",
  MALLOC_TRIM_THRESHOLD_: "4294967296",
  MALLOC_TOP_PAD_: "268435456",
};
const RENAMED = { student: "backbone" }; // our name: the peer's name

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
  if (!sides[side]) throw new Error(`--only ${side}: expected one of ${Object.keys(sides).join(", ")}`);

const folder = mkdtempSync(join(tmpdir(), "bench-"));
const results = Object.fromEntries(chosen.map((side) => [side, []]));
let started = [];
try {
  for (let round = 0; round < rounds; round++) {
    // Each round starts with a different side, so that none always runs first, or always on a warm machine.
    const order = chosen.map((_, i) => chosen[(i + round) % chosen.length]);
    const file = (side) => join(folder, `${side}.json`);
    started = [];
    // Start the next side when the previous one has warmed up and waits for its turn, or has exited.
    for (const side of order) {
      const { command, env } = sides[side];
      const program = startSide([...command, "--json", file(side)], { ...process.env, ...env });
      started.push(program);
      await program.waits();
    }
    while (started.some((program) => !program.ended())) for (const program of started) await program.turn();
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
  for (const program of started) program.stop();
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
    `${side.padEnd(12)} ${s.median.toFixed(2)} img/s (${spread}), peak ${memory}, ms per step: ${phases.join(", ")}`,
  );
}
const ratios = {};
for (const side of chosen.filter((key) => key !== "ours" && summary.ours)) {
  // The spread is of ratios within rounds: a disturbance affects both sides of a round.
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
    `ours: ${(100 * part.share).toFixed(0)} % of the convolution peak, ${peak} billion multiply-adds per second`,
  );
}

const out = given.out ?? join(root, "results/bench", `${name}.json`);
const { data: _, ...stored } = settings; // the folder differs between machines
writeReport(out, { name, settings: stored, rounds, tuned: TUNED, ratios, summary, ...part });

/** Medians over all steps of all rounds; low and high are the quartiles; memory is the maximum. */
function summarize(runs) {
  const rates = runs.flatMap((r) => r.imagesPerSecond).sort((a, b) => a - b);
  const phases = {};
  for (const phase of Object.keys(runs[0].phases)) phases[phase] = median(runs.map((r) => r.phases[phase]));
  const at = (fraction) => rates[Math.round(fraction * (rates.length - 1))];
  const peakRssBytes = Math.max(...runs.map((r) => r.peakRssBytes));
  return { median: median(rates), low: at(0.25), high: at(0.75), peakRssBytes, phases };
}

/** Our fraction of the highest convolution peak measured; null if a benchmark runs no layers. */
function peakShare(runs) {
  const peaks = runs.flatMap((r) => r.convolutionPeak ?? []);
  if (peaks.length === 0) return null;
  const peak = Math.max(...peaks);
  const rate = median(runs.map((r) => median(r.imagesPerSecond) * r.multiplyAdds));
  return { convolutionPeak: peak, share: rate / peak };
}

/** The overall rate of batches of equal size, from their individual rates. */
function harmonicMean(rates) {
  return rates.length / rates.reduce((sum, rate) => sum + 1 / rate, 0);
}
