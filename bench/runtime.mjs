// npm run bench:runtime -- [--rounds 6] [--runs 20] [--cold 5] [--weights one-stage=FILE,NAME=FILE] [--only NAME,NAME]
//   [--data FOLDER --split val --merge CLASS] [--out FILE] [--report FILE]
//
// Complete detectors, image to boxes, on one thread: the runtime against ONNX Runtime on the same network's ONNX
// export. In Chromium against onnxruntime-web, in Node against onnxruntime-web and, if installed, onnxruntime-node; and
// in Chromium against face-api's tinyFaceDetector at its 416 px, a different detector. In each round, every side
// detects in --runs images in turn, in one process; each round starts with a different side. Cold load: a new browser,
// from the start of the navigation to the first detections, uncompressed, from a local server; every page preloads its
// side's model. Memory: the peak of a process that runs only one side.
// "ours-int8" is the int8 export, with rounded weights and, where Chromium can compute them faster, rounded first maps.
// Ours gets an image's pixels, face-api a canvas, ONNX Runtime the float planes that its model expects, which are computed
// from the image's pixels within the measured time. With --data: AP at IoU 0.5 on a split of photographs.
// Writes the numbers (--out), a chart next to them (.svg) and, with --report, a Markdown page.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { calibrationPictures } from "../packages/qmimic/dist/cli/exportImages.js";
import { readDataset } from "../packages/qmimic/dist/data/dataset.js";
import { median, root, writeReport } from "./common.mjs";
import { chart } from "./runtime/chart.mjs";
import { coldLoads, hasChromium, warmSides } from "./runtime/chromium.mjs";
import { makeModels, NETWORKS } from "./runtime/models.mjs";
import { nodeSides, PICTURE } from "./runtime/node.mjs";
import { barePage, coldPage, facesPage, warmPage } from "./runtime/pages.mjs";
import { apOfFaceApi, apOfModel } from "./runtime/precision.mjs";
import { markdown, summary } from "./runtime/report.mjs";
import { serve } from "./runtime/serve.mjs";

const { values: given } = parseArgs({
  options: {
    rounds: { type: "string", default: "6" },
    runs: { type: "string", default: "20" },
    cold: { type: "string", default: "5" },
    weights: { type: "string", default: "" },
    only: { type: "string" },
    data: { type: "string" },
    split: { type: "string", default: "val" },
    merge: { type: "string" },
    out: { type: "string", default: join(root, "results/bench/runtime.json") },
    report: { type: "string" },
  },
});
const [rounds, runs, cold] = [given.rounds, given.runs, given.cold].map(Number);
const weights = Object.fromEntries(
  given.weights
    .split(",")
    .filter(Boolean)
    .map((pair) => pair.split("=")),
);
const names = given.only
  ? given.only.split(",")
  : [...new Set([...Object.keys(NETWORKS), ...Object.keys(weights)])];
const unknown = names.filter((name) => !(name in NETWORKS) && !(name in weights));
if (unknown.length > 0) {
  console.error(
    `--only ${unknown.join(",")}: unknown. Networks: ${Object.keys(NETWORKS).join(", ")}; others need --weights NAME=FILE`,
  );
  process.exit(1);
}

const require = createRequire(import.meta.url);
/** The folder of a package's file, undefined if the package is not installed. */
const folderOf = (name, file) => {
  try {
    return dirname(require.resolve(`${name}/${file}`));
  } catch {
    return undefined;
  }
};
const faceApi = folderOf("@vladmandic/face-api", "package.json");
const tfWasm = folderOf("@tensorflow/tfjs-backend-wasm", "dist/tfjs-backend-wasm-simd.wasm");
if (!faceApi) console.log("face-api is skipped because it is not installed. Run npm install");
else if (!tfWasm)
  console.log(
    "face-api uses its JavaScript back end, which is several times slower than its wasm back end. To use wasm: npm install --no-save @tensorflow/tfjs-backend-wasm@4.22.0",
  );
const sides = ["ours", "ours-int8", "onnxruntime-web", ...(faceApi ? ["face-api"] : [])];
const wasm = tfWasm !== undefined;

const readSplit = async (split) =>
  given.data ? readDataset(given.data, split, given.merge ? { merge: given.merge } : {}) : undefined;
const dataset = await readSplit(given.split);
// The int8 model's maps are calibrated as qmimic export does: with training images, or with noise.
const training = await readSplit("train");
const pictures = training ? await calibrationPictures(training, 32, 480) : [PICTURE];
const files = {
  "/warm.html": warmPage(sides, wasm),
  "/cold-bare.html": barePage,
  ...(faceApi ? { "/faces.html": facesPage(wasm) } : {}),
  ...Object.fromEntries(sides.map((side) => [`/cold-${side}.html`, coldPage(side, wasm)])),
};
const folders = {
  "/runtime/": join(root, "packages/runtime/dist"),
  "/ort/": dirname(require.resolve("onnxruntime-web")),
  ...(faceApi ? { "/face-api/": faceApi } : {}),
  ...(tfWasm ? { "/tf-wasm/": tfWasm } : {}),
  ...(dataset ? { "/data/": dataset.root } : {}),
};
const { server, url } = await serve(folders, files);
const report = {};
let faceApiAp;
try {
  for (const name of names) {
    const models = makeModels(name, weights[name], pictures);
    for (const [file, bytes] of Object.entries(models)) files[`/${file}`] = bytes;
    report[name] = {
      trained: weights[name] !== undefined,
      bytes: Object.fromEntries(
        Object.entries(models).map(([file, bytes]) => [
          file,
          { bytes: bytes.length, gzip: gzipSync(bytes).length },
        ]),
      ),
      ...(dataset && weights[name]
        ? {
            ap: await apOfModel(dataset, models["model.safetensors"]),
            apInt8: await apOfModel(dataset, models["model.int8.safetensors"]),
          }
        : {}),
      ...(hasChromium ? { chromium: await inTurn(await warmSides(url, sides)) } : {}),
      node: await inTurn(await nodeSides(models)),
      nodeMemory: nodeMemory(models),
      ...(hasChromium ? { cold: await coldLoads(url, sides, cold) } : {}),
    };
    console.log(summary(name, report[name]));
  }
  if (faceApi && hasChromium && dataset?.classes.length === 1) {
    faceApiAp = await apOfFaceApi(dataset, url);
    console.log(
      `\nface-api, tinyFaceDetector at 416 px, trained elsewhere: AP50 ${(100 * faceApiAp).toFixed(1)}`,
    );
  }
} finally {
  server.close();
}
const result = {
  ...{ rounds, runs, cold, weights: Object.keys(weights), faceApiWasm: wasm },
  ...(dataset
    ? {
        split: dataset.split,
        merge: given.merge,
        images: dataset.samples.length,
        classes: dataset.classes,
        faceApiAp,
      }
    : {}),
  report,
};
writeReport(given.out, result);
const picture = given.out.replace(/(\.json)?$/, ".svg");
writeFileSync(picture, chart(result));
console.log(`wrote ${picture}`);
if (given.report) {
  writeFileSync(given.report, markdown(result, { picture, page: given.report }));
  console.log(`wrote ${given.report}`);
}

/** Latency of every side in milliseconds, and as a multiple of ours, and of ours with int8, computed per round. */
async function inTurn({ sides, close }) {
  const all = Object.keys(sides);
  const times = Object.fromEntries(all.map((side) => [side, []]));
  for (const side of all) await sides[side](runs);
  for (let round = 0; round < rounds; round++)
    for (const side of all.map((_, i) => all[(i + round) % all.length]))
      times[side].push(await sides[side](runs));
  await close();
  return Object.fromEntries(
    all.map((side) => {
      const each = times[side].map((round, i) => median(round) / median(times.ours[i]));
      const sorted = times[side].flat().sort((a, b) => a - b);
      const total = sorted.reduce((sum, time) => sum + time, 0);
      const numbers = {
        median: median(sorted),
        p95: sorted[Math.floor(0.95 * sorted.length)],
        picturesPerSecond: (1000 * sorted.length) / total,
      };
      const toInt8 = times[side].map((round, i) => median(round) / median(times["ours-int8"][i]));
      const ratio = {
        ratio: median(each),
        low: Math.min(...each),
        high: Math.max(...each),
        overInt8: median(toInt8),
      };
      return [side, side === "ours" ? numbers : { ...numbers, ...ratio }];
    }),
  );
}

/** Peak resident bytes of a Node process that runs only one side; "bare" detects nothing. */
function nodeMemory(models) {
  const folder = mkdtempSync(join(tmpdir(), "qmimic-bench-"));
  const program = join(root, "bench/runtime/node.mjs");
  try {
    for (const [name, bytes] of Object.entries(models)) writeFileSync(join(folder, name), bytes);
    const peaks = ["bare", "ours", "onnxruntime-web"].map((side) => {
      const { stdout, status, stderr } = spawnSync(process.execPath, [program, side, folder], {
        encoding: "utf8",
      });
      if (status !== 0) throw new Error(`${side}: exit ${status}\n${stderr}`);
      return [side, Number(stdout)];
    });
    return Object.fromEntries(peaks);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
