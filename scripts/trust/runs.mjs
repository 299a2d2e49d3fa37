// Starts small training runs through the command line, and compares whether two of them ended with the same bytes.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../../packages/qmimic/bin/qmimic.mjs", import.meta.url));

/** Starts qmimic. `ended` resolves with exit code, signal and standard error. */
export function start(args, within = [], env = process.env) {
  const [command, ...rest] = [...within, process.execPath, bin, ...args];
  const child = spawn(command, rest, { stdio: ["ignore", "ignore", "pipe"], env });
  const errors = [];
  child.stderr.on("data", (data) => errors.push(data));
  const ended = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stderr: Buffer.concat(errors).toString() }));
  });
  return { child, ended };
}

/** Runs qmimic until it exits. @throws Error with its standard error if it fails */
export async function run(...args) {
  const { code, signal, stderr } = await start(args).ended;
  if (code !== 0) throw new Error(`qmimic ${args.join(" ")}: ${signal ?? code}\n${stderr}`);
}

/** Creates a folder with a generated data set, and the flags for a run of all three stages on it. */
export async function prepare() {
  const root = mkdtempSync(join(tmpdir(), "qmimic-trust-"));
  const data = join(root, "data");
  await run("data", "demo", data, "--train", "12", "--val", "4", "--test", "2", "--side", "96");
  const settings = [
    ...["--data", data, "--merge", "sign", "--side", "96", "--output-stride", "8", "--batch", "4"],
    ...["--teacher", "vgg-1-32", "--student", "vgg-1-64", "--scales", "1", "--eval-every", "1"],
    ...["--teacher-epochs", "2", "--quantized-epochs", "1", "--epochs", "3", "--threads", "1"],
  ];
  const flags = (name, place = root) => [
    ...["train", ...settings, "--name", name],
    ...["--runs", place, "--cache", join(place, `cache-${name}`)],
  ];
  return { root, flags };
}

const WEIGHTS = ["teacher", "quantized-teacher", "student"].flatMap((stage) =>
  ["best", "last"].map((file) => join(stage, "weights", `${file}.safetensors`)),
);

/** Differences of two run folders; empty if both have the same weights and no temporary files. */
export function differences(folder, twin) {
  const hash = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");
  const other = WEIGHTS.filter((file) => hash(join(folder, file)) !== hash(join(twin, file)));
  const left = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".tmp"));
  return [...other, ...left];
}
