// npm run demo: generates street scenes, trains a teacher, a quantized teacher and a very tiny student, evaluates them,
// draws what the student detects, and exports the student for browsers, for ONNX Runtime, as C, and as a page. Run
// scripts/setup.mjs first; nothing is downloaded. Every run gets a new folder.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, "packages/qmimic/bin/qmimic.mjs");
const runs = join(root, "runs");
const data = join(runs, "demo-data");
const start = performance.now();

/** Small enough for all three stages to finish within minutes on two cores. docs/recipe.md explains each setting. */
const SETTINGS = {
  side: 320,
  "output-stride": 8,
  teacher: "vgg-1-16",
  student: "vgg-1-32",
  "teacher-epochs": 60,
  "quantized-epochs": 2,
  epochs: 60,
  "eval-every": 10,
  batch: 4,
  scales: 1,
  lr: 0.002,
  "fine-tune-lr": 0.0004,
};

async function main() {
  if (existsSync(join(data, "ImageSets/Main/test.txt"))) {
    title(`Images: using those in ${show(data)}`);
  } else {
    title("Images: drawing street scenes with traffic signs");
    await qmimic("data", "demo", data);
  }

  title("Training: teacher, quantized teacher, student");
  const name = freeName("demo");
  const run = join(runs, name);
  const settings = Object.entries(SETTINGS).flatMap(([key, value]) => [`--${key}`, String(value)]);
  await qmimic("train", "--data", data, "--runs", runs, "--name", name, ...settings);

  title("Evaluation on the test split, which was not used in training");
  const scores = {};
  for (const [who, flags] of Object.entries({ teacher: ["--teacher"], student: [] })) {
    const json = join(run, `test-${who}.json`);
    await qmimic("val", run, "--data", data, "--split", "test", "--json", json, ...flags);
    scores[who] = read(json);
    console.log("");
  }

  title("Detections in images of the test split");
  const ids = readFileSync(join(data, "ImageSets/Main/test.txt"), "utf8").trim().split("\n");
  const images = ids.slice(0, 12).map((id) => join(data, "JPEGImages", `${id}.jpg`));
  const out = join(run, "predictions");
  await qmimic("predict", run, ...images, "--out", out);

  title("Export: files that run without libtorch");
  await qmimic("export", run, "--format", "safetensors,int8,onnx,c-int8,html-int8");
  const teacher = ["--teacher", "--format", "safetensors", "--out", join(run, "export-teacher")];
  await qmimic("export", run, ...teacher, "--no-compare");

  title(`Done in ${((performance.now() - start) / 60_000).toFixed(1)} minutes. AP at IoU 0.5, in percent`);
  const { stages, cost } = read(join(run, "metrics.json"));
  for (const { stage, val } of stages) console.log(`  ${stage.padEnd(18)} val  ${percent(val)}`);
  console.log(`  ${"quantized-teacher".padEnd(18)} test ${percent(scores.teacher.mAP50)}`);
  console.log(`  ${"student".padEnd(18)} test ${percent(scores.student.mAP50)}`);
  const kilobytes = (bytes) => `${Math.round(bytes / 1000)} kB`;
  console.log(
    `\nThe student: ${cost.parameters.toLocaleString("en")} parameters, ${kilobytes(cost.bytesFp32)}, or ${kilobytes(cost.bytesInt8)} with 8-bit weights`,
  );
  console.log("\nOpen these:");
  for (const [what, path] of [
    ["report of the run", join(run, "report.html")],
    ["detections and truth", join(run, "pictures/overview.png")],
    ["signs in test images", out],
    ["detections as JSON", join(out, "predictions.json")],
    ["metrics", join(run, "metrics.json")],
    ["the student's weights", join(run, "student/weights/best.safetensors")],
    ["model for browsers", join(run, "export/detector.int8.safetensors")],
    ["model for ONNX Runtime", join(run, "export/detector.onnx")],
    ["model as C", join(run, "export/detector_int8.c")],
    ["page to try it", join(run, "export/detector.int8.html")],
  ]) {
    if (!existsSync(path)) throw new Error(`${path} is missing`);
    console.log(`  ${what.padEnd(24)}${show(path)}`);
  }
}

/** The first unused run name of name, name-2, ... */
function freeName(name) {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}-${number}`;
    if (!existsSync(join(runs, candidate))) return candidate;
  }
}

/** Runs a qmimic command in this terminal; exits if it fails. */
function qmimic(...args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, ...args], { stdio: "inherit" });
    child.on("close", (code) => (code === 0 ? resolve() : process.exit(code ?? 1)));
  });
}

const title = (text) => console.log(`\n== ${text}`);
const show = (path) => relative(process.cwd(), path) || path;
const read = (path) => JSON.parse(readFileSync(path, "utf8"));
const percent = (ap) => (100 * ap).toFixed(1);

await main();
