// node bench/growth.mjs --data FOLDER [--rounds 3] [--steps 12] [--out FILE]
//
// How the cost of training with Quantization Mimic grows: each case changes one setting of a common base; the cases run
// in turn, round after round. Prints images per second relative to the base, and the cost of the teacher's maps per
// image.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { dataFolder, median, ours, root, writeReport } from "./common.mjs";

const run = promisify(execFile);

const BASE = {
  split: "val",
  side: "480",
  classes: "1",
  "mimic-regions": "128",
  student: "vgg-1-32",
  teacher: "resnet18-1-4",
};
/** Values of each setting, including the base's. */
const VALUES = {
  split: ["val", "test"],
  side: ["320", "480", "640"],
  classes: ["1", "20", "80"],
  "mimic-regions": ["32", "128", "512"],
  student: ["vgg-1-32", "vgg-1-16", "vgg-1-8"],
  teacher: ["resnet18-1-8", "resnet18-1-4", "resnet18-1-2"],
};

const { values: given } = parseArgs({
  options: {
    data: { type: "string" },
    rounds: { type: "string", default: "3" },
    steps: { type: "string", default: "12" },
    out: { type: "string", default: join(root, "results/bench/growth.json") },
  },
});
const data = dataFolder(given);

const cases = [
  { name: "base", settings: BASE },
  ...Object.entries(VALUES).flatMap(([name, values]) =>
    values
      .filter((value) => value !== BASE[name])
      .map((value) => ({ name: `${name} ${value}`, settings: { ...BASE, [name]: value } })),
  ),
];
const folder = mkdtempSync(join(tmpdir(), "growth-"));
const results = new Map(cases.map(({ name }) => [name, []]));
try {
  for (let round = 0; round < Number(given.rounds); round++) {
    for (const { name, settings } of cases) {
      const file = join(folder, "result.json");
      const flags = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]);
      await run(process.execPath, [
        ...[ours, "train-mimic", "--data", data, "--steps", given.steps],
        ...[...flags, "--json", file],
      ]);
      results.get(name).push(JSON.parse(readFileSync(file, "utf8")));
      console.log(`round ${round + 1} ${name}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}

const base = median(rates("base"));
const rows = cases.map(({ name }) => {
  const runs = results.get(name);
  const perImage = (key) => median(runs.map(({ maps }) => maps[key] / maps.images));
  return {
    ...{ name, imagesPerSecond: median(rates(name)), ofBase: median(rates(name)) / base },
    ...{ images: runs[0].maps.images, mapBytesAnImage: perImage("bytes") },
    ...{ mapSecondsAnImage: perImage("seconds"), peakRssBytes: Math.max(...runs.map((r) => r.peakRssBytes)) },
  };
});
console.log("\n                      img/s  of base  map KiB  map ms  peak MiB");
for (const row of rows) {
  const cells = [
    row.imagesPerSecond.toFixed(1).padStart(6),
    row.ofBase.toFixed(2).padStart(8),
    (row.mapBytesAnImage / 1024).toFixed(0).padStart(8),
    (1000 * row.mapSecondsAnImage).toFixed(1).padStart(7),
    (row.peakRssBytes / 2 ** 20).toFixed(0).padStart(9),
  ];
  console.log(row.name.padEnd(20), ...cells);
}
writeReport(given.out, { base: BASE, rows });

/** Images per second of each round: its median step. */
function rates(name) {
  return results.get(name).map((result) => median(result.imagesPerSecond));
}
