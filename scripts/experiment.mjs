// A comparison of methods on one data set: teacher, quantized teacher, then the student from scratch, with plain mimic
// and with Quantization Mimic, for several seeds, all with the recipe's schedule.
//
//   node scripts/experiment.mjs RECIPE --data DIR --runs DIR --out results/NAME.json
//        [--seeds 0,1,2] [--methods scratch,mimic,quantization-mimic] [--parallel 2] [--split test] [--side PIXELS]
//
// What is finished in --runs is not trained again, and what was cut off goes on where it was. Students run side by
// side, one thread each. The test split is scored after all training is done, once for each model; with --side, at inputs
// of that longest side (what is said of val stays that of the training).
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { writeFileAtomic } from "../packages/qmimic/dist/files.js";

const cli = join(dirname(dirname(fileURLToPath(import.meta.url))), "packages/qmimic/bin/qmimic.mjs");
const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: "string" },
    runs: { type: "string" },
    out: { type: "string" },
    seeds: { type: "string", default: "0,1,2" },
    methods: { type: "string", default: "scratch,mimic,quantization-mimic" },
    parallel: { type: "string", default: "2" },
    split: { type: "string", default: "test" },
    side: { type: "string" },
  },
});
const [recipe] = positionals;
const refuse = (message) => {
  console.error(message);
  process.exit(1);
};
const isCount = (text) => /^[1-9]\d*$/.test(text);
if (!recipe || !given.data || !given.runs || !given.out)
  refuse("usage: node scripts/experiment.mjs RECIPE --data DIR --runs DIR --out FILE [--seeds 0,1,2]");
const { data, runs, out, split, side } = given;
if (side !== undefined && !isCount(side)) refuse(`--side ${side}: expected a whole number of pixels`);
if (!isCount(given.parallel))
  refuse(`--parallel ${given.parallel}: expected how many students are trained side by side`);
const seeds = given.seeds.split(",");
const methods = given.methods.split(",");

/** Runs a verb of the command line; its output goes to a log file. */
function qmimic(log, ...args) {
  mkdirSync(dirname(log), { recursive: true });
  return new Promise((resolve, reject) => {
    const output = openSync(log, "w");
    const child = spawn(process.execPath, [cli, ...args], { stdio: ["ignore", output, output] });
    closeSync(output);
    child.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`qmimic ${args.join(" ")}: exit code ${code}, see ${log}`)),
    );
  });
}

/** Trains a run, or goes on with it, or finds it finished. Returns its last stage. */
async function trained(name, ...flags) {
  const folder = join(runs, name);
  const metrics = join(folder, "metrics.json");
  if (!existsSync(metrics)) {
    console.log(`training ${name}`);
    const log = join(runs, "logs", `${name}.log`);
    if (existsSync(folder)) await qmimic(log, "train", "--resume", folder);
    else await qmimic(log, "train", recipe, "--data", data, "--runs", runs, "--name", name, ...flags);
  }
  return JSON.parse(readFileSync(metrics, "utf8")).stages.at(-1);
}

/** Runs tasks, `count` at a time. */
async function pool(tasks, count) {
  const waiting = [...tasks];
  const worker = async () => {
    for (let task = waiting.shift(); task; task = waiting.shift()) await task();
  };
  await Promise.all(Array.from({ length: count }, worker));
}

/** What `qmimic val` says of weights on the split, at the side asked for. */
async function score(name, weights) {
  const scored = side ? `${name}.${split}.${side}` : `${name}.${split}`;
  const file = join(runs, "scores", `${scored}.json`);
  const log = join(runs, "logs", `${scored}.log`);
  const { merge } = parse(readFileSync(join(runs, name, "recipe.yaml"), "utf8"));
  const target = [...(merge ? ["--merge", merge] : []), ...(side ? ["--side", side] : [])];
  if (!existsSync(file))
    await qmimic(log, "val", weights, "--data", data, "--split", split, "--json", file, ...target);
  return JSON.parse(readFileSync(file, "utf8"));
}

mkdirSync(join(runs, "scores"), { recursive: true });

const teacher = await trained("teacher", "--stage", "teacher", "--seed", "0");
const quantized = await trained(
  "quantized-teacher",
  ...["--stage", "quantized-teacher", "--seed", "0", "--teacher", teacher.weights],
);
const models = [
  { name: "teacher", method: "teacher", seed: "0", ...teacher },
  { name: "quantized-teacher", method: "quantized-teacher", seed: "0", ...quantized },
];
const jobs = seeds.flatMap((seed) => methods.map((method) => ({ seed, method })));
await pool(
  jobs.map(({ seed, method }) => async () => {
    const name = `${method}-${seed}`;
    const from = { scratch: [], mimic: ["--teacher", teacher.weights] }[method] ?? [
      "--teacher",
      quantized.weights,
    ];
    const stage = await trained(
      name,
      ...["--stage", "student", "--method", method, "--seed", seed, "--threads", "1", ...from],
    );
    models.push({ name, method, seed, ...stage });
  }),
  Number(given.parallel),
);

const rows = [];
for (const { name, method, seed, weights, val, bestEpoch, match, quantizer } of models.sort((a, b) =>
  a.name.localeCompare(b.name),
)) {
  const { cost, detector, mAP50, mAP50to95, classes } = await score(name, weights);
  rows.push({
    ...{ name, method, seed: Number(seed), parameters: cost.parameters, quantizer },
    ...{ valAp50: val, bestEpoch, match, side: detector.side },
    ...{ [`${split}Ap50`]: mAP50, [`${split}Ap50to95`]: mAP50to95 },
    classes: classes.map((one) => ({ name: one.name, ap50: one.ap, ap50to95: one.ap50to95 })),
  });
}
await writeFileAtomic(out, `${JSON.stringify(rows, null, 2)}\n`);

/** Mean and standard deviation (of a sample), in per cent. */
function spread(values) {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const square = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / Math.max(1, values.length - 1);
  return `${(100 * mean).toFixed(1)} ± ${(100 * Math.sqrt(square)).toFixed(1)}`;
}
const columns = ["valAp50", `${split}Ap50`, `${split}Ap50to95`];
console.log(["method".padEnd(20), ...columns.map((name) => name.padStart(14))].join(" "));
for (const method of new Set(rows.map((row) => row.method))) {
  const same = rows.filter((row) => row.method === method);
  const cells = columns.map((name) => spread(same.map((row) => row[name])).padStart(14));
  console.log([method.padEnd(20), ...cells].join(" "));
}
console.log(`written ${out}`);
