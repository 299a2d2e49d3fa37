// Shared by the benchmarks: paths, medians, and writing result files.
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Our side of a benchmark. */
export const ours = join(root, "bench/ours.mjs");

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** The value of --data; exits with an error if it is missing. */
export function dataFolder({ data }) {
  if (data) return data;
  console.error("--data FOLDER is missing, expected a data set in the Pascal VOC layout");
  process.exit(1);
}

/** Writes a report, including a description of this machine. */
export function writeReport(path, report) {
  mkdirSync(dirname(path), { recursive: true });
  const machine = { processor: cpus()[0].model, cores: cpus().length, node: process.version };
  writeFileSync(path, `${JSON.stringify({ ...report, machine }, null, 2)}\n`);
  console.log(`wrote ${path}`);
}
