// npm run bench:runtime -- [--rounds 6] [--runs 20] [--weights one-stage=FILE,two-stage=FILE] [--out FILE]
//
// Whole detectors, picture to boxes, on one thread: the runtime against ONNX Runtime on the same network's ONNX export. In Chromium
// against onnxruntime-web, in Node against onnxruntime-web and, where it is installed, onnxruntime-node. In a round each side
// has its turn of --runs pictures in one process, and rounds begin with another side each time. From a cold load: a new browser,
// from the start of the navigation to the first detections, nothing compressed, from a server of this machine.
// Ours gets a picture's pixels; the peers get them as the float planes that their file wants, made before the clock starts.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { Detector } from "../packages/runtime/dist/index.js";
import { median, root, writeReport } from "./common.mjs";
import { makeModels, NETWORKS } from "./runtime/models.mjs";
import { coldPage, SIDE_NAMES, warmPage } from "./runtime/pages.mjs";
import { serve } from "./runtime/serve.mjs";

const { values: given } = parseArgs({
  options: {
    rounds: { type: "string", default: "6" },
    runs: { type: "string", default: "20" },
    cold: { type: "string", default: "5" },
    weights: { type: "string", default: "" },
    only: { type: "string" },
    out: { type: "string", default: join(root, "results/bench/runtime.json") },
  },
});
const rounds = Number(given.rounds);
const runs = Number(given.runs);
const weights = Object.fromEntries(
  given.weights
    .split(",")
    .filter(Boolean)
    .map((one) => one.split("=")),
);
const names = given.only ? given.only.split(",") : Object.keys(NETWORKS);
const executablePath = [process.env.CHROMIUM, "/usr/bin/chromium"].find((path) => path && existsSync(path));
const require = createRequire(import.meta.url);
const ortFolder = dirname(require.resolve("onnxruntime-web"));
const launch = () => chromium.launch({ executablePath, args: ["--no-sandbox"] });

const files = {
  "/warm.html": warmPage,
  ...Object.fromEntries(SIDE_NAMES.map((side) => [`/cold-${side}.html`, coldPage(side)])),
};
const { server, url } = await serve(
  { "/runtime/": join(root, "packages/runtime/dist"), "/ort/": ortFolder },
  files,
);
const report = {};
try {
  for (const name of names) {
    const models = makeModels(name, weights[name]);
    for (const [file, bytes] of Object.entries(models)) files[`/${file}`] = bytes;
    report[name] = {
      bytes: Object.fromEntries(
        Object.entries(models).map(([file, bytes]) => [
          file,
          { bytes: bytes.length, gzip: gzipSync(bytes).length },
        ]),
      ),
      ...(executablePath ? { chromium: await inTurn(await chromiumSides()) } : {}),
      node: await inTurn(await nodeSides(models)),
      ...(executablePath ? { cold: await coldLoads() } : {}),
    };
    print(name, report[name]);
  }
} finally {
  server.close();
}
writeReport(given.out, { rounds, runs, weights: Object.keys(weights), report });

/** Sides of one page. */
async function chromiumSides() {
  const browser = await launch();
  const page = await browser.newPage();
  await page.goto(`${url}/warm.html`);
  await page.waitForFunction(() => "measure" in window, undefined, { timeout: 120_000 });
  const measure = (side) => (count) => page.evaluate(([one, n]) => window.measure(one, n), [side, count]);
  return {
    sides: Object.fromEntries(SIDE_NAMES.map((side) => [side, measure(side)])),
    close: () => browser.close(),
  };
}

async function nodeSides(models) {
  const [width, height] = [480, 360];
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 2654435761) >>> 24);
  const planes = new Float32Array(data.length);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < 3; c++) planes[c * width * height + i] = data[3 * i + c];
  const detector = await Detector.load(models["model.safetensors"]);
  const detects = { ours: () => detector.detect({ data, width, height }) };
  for (const peer of ["onnxruntime-web", "onnxruntime-node"]) {
    const ort = await import(peer).catch(() => undefined);
    if (!ort) continue;
    if (peer === "onnxruntime-web") ort.env.wasm.numThreads = 1;
    const options = { graphOptimizationLevel: "all", intraOpNumThreads: 1, interOpNumThreads: 1 };
    const session = await ort.InferenceSession.create(models["model.onnx"], options);
    const image = new ort.Tensor("float32", planes, [1, 3, height, width]);
    detects[peer] = () => session.run({ image });
  }
  const measure = (detect) => async (count) => {
    const times = [];
    for (let i = 0; i < count; i++) {
      const started = performance.now();
      await detect();
      times.push(performance.now() - started);
    }
    return times;
  };
  return {
    sides: Object.fromEntries(Object.entries(detects).map(([side, detect]) => [side, measure(detect)])),
    close: () => {},
  };
}

/** Milliseconds of every side, and of ours as a part of each other's, round by round. */
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
      const each = times[side].map((own, i) => median(own) / median(times.ours[i]));
      const sorted = times[side].flat().sort((a, b) => a - b);
      const numbers = { median: median(sorted), p95: sorted[Math.floor(0.95 * sorted.length)] };
      const ratio = { ratio: median(each), low: Math.min(...each), high: Math.max(...each) };
      return [side, side === "ours" ? numbers : { ...numbers, ...ratio }];
    }),
  );
}

/** Each side in a browser of its own, again and again. */
async function coldLoads() {
  const found = Object.fromEntries(SIDE_NAMES.map((side) => [side, { first: [], bytes: 0, rss: [] }]));
  for (let i = 0; i < Number(given.cold); i++) {
    for (const side of SIDE_NAMES) {
      const browser = await launch();
      const page = await browser.newPage();
      let bytes = 0;
      page.on("response", async (response) => {
        bytes += (await response.body().catch(() => Buffer.alloc(0))).length;
      });
      await page.goto(`${url}/cold-${side}.html`);
      await page.waitForFunction(() => "first" in window, undefined, { timeout: 120_000 });
      found[side].first.push(await page.evaluate(() => window.first));
      await page.evaluate(async () => {
        for (let k = 0; k < 20; k++) await window.detect();
      });
      found[side].bytes = bytes;
      found[side].rss.push(await rendererPeak(browser));
      await browser.close();
    }
  }
  return Object.fromEntries(
    Object.entries(found).map(([side, { first, bytes, rss }]) => [
      side,
      {
        first: median(first),
        low: Math.min(...first),
        high: Math.max(...first),
        bytes,
        peakRssBytes: median(rss),
      },
    ]),
  );
}

/** The largest resident memory that the page's process has had. */
async function rendererPeak(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const peaks = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, "utf8"))[1]));
  return 1024 * Math.max(...peaks);
}

function print(name, { bytes, chromium: page, node, cold }) {
  console.log(
    `\n${name}: ${Object.entries(bytes)
      .map(([file, size]) => `${file} ${size.bytes}`)
      .join(", ")}`,
  );
  for (const [where, sides] of Object.entries({ Chromium: page, Node: node })) {
    for (const [side, s] of Object.entries(sides ?? {})) {
      const ratio = s.ratio
        ? `, ${s.ratio.toFixed(2)} times ours (rounds ${s.low.toFixed(2)} to ${s.high.toFixed(2)})`
        : "";
      console.log(
        `  ${where} ${side.padEnd(16)} median ${s.median.toFixed(1)} ms, p95 ${s.p95.toFixed(1)}${ratio}`,
      );
    }
  }
  for (const [side, s] of Object.entries(cold ?? {}))
    console.log(
      `  cold ${side.padEnd(16)} first detections after ${s.first.toFixed(0)} ms (${s.low.toFixed(0)} to ${s.high.toFixed(0)}), ${(s.bytes / 1000).toFixed(0)} kB, peak ${(s.peakRssBytes / 2 ** 20).toFixed(0)} MiB`,
    );
}
