// Memory and open files of a long training run do not grow after its first third. Linux only: reads /proc.
//   node scripts/trust/memory.mjs [--epochs 300]
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { prepare, start } from "./runs.mjs";

const { values } = parseArgs({ options: { epochs: { type: "string", default: "300" } } });
/** Growth that counts as noise, from the allocator and from handles that wait for the garbage collector. */
const [MORE, MORE_BYTES, MORE_FILES] = [1.1, 20e6, 5];

const { root, flags } = await prepare();
const long = ["--method", "scratch", "--epochs", values.epochs, "--eval-every", "50"];
const { child, ended } = start([...flags("long"), ...long]);
const samples = [];
let end = null;
ended.then((outcome) => {
  end = outcome;
});
while (end === null) {
  try {
    const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"));
    samples.push({ bytes: 1000 * kilobytes, files: readdirSync(`/proc/${child.pid}/fd`).length });
  } catch {
    // The process has just exited.
  }
  await sleep(250);
}
const mean = (part, key) => part.reduce((sum, sample) => sum + sample[key], 0) / part.length;
const tenth = Math.max(1, Math.floor(samples.length / 10));
const third = samples.slice(3 * tenth, 4 * tenth);
// Excludes the last tenth, in which the report is written, which needs memory too.
const last = samples.slice(-2 * tenth, -tenth);
const grew =
  mean(last, "bytes") > MORE * mean(third, "bytes") + MORE_BYTES ||
  mean(last, "files") > mean(third, "files") + MORE_FILES;
const text = (part) =>
  `${(mean(part, "bytes") / 1e6).toFixed(0)} MB, ${mean(part, "files").toFixed(0)} files`;
console.log(`memory       after a third ${text(third)}; at the end ${text(last)}${grew ? ": growing" : ""}`);
rmSync(root, { recursive: true, force: true });
if (grew || end.code !== 0) {
  console.log(end.stderr);
  process.exitCode = 1;
}
