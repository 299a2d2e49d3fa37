// Reports of the results: lines for the terminal, and a Markdown page.
import { dirname, relative } from "node:path";

const kB = (bytes) => `${(bytes / 1000).toFixed(0)} kB`;
const MiB = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const points = (ap) => (ap === undefined ? "" : (100 * ap).toFixed(1));
const range = ({ ratio, low, high }) =>
  ratio === undefined ? "" : `${ratio.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;

/** Terminal output for one network. */
export function summary(name, { bytes, ap, apInt8, chromium, node, nodeMemory, cold }) {
  const sizes = Object.entries(bytes).map(([file, size]) => `${file} ${size.bytes}`);
  const lines = [`\n${name}: ${sizes.join(", ")}`];
  if (ap !== undefined) lines.push(`  AP50 ${points(ap)}, with 8-bit weights ${points(apInt8)}`);
  for (const [where, sides] of Object.entries({ Chromium: chromium, Node: node }))
    for (const [side, s] of Object.entries(sides ?? {}))
      lines.push(
        `  ${where} ${side.padEnd(16)} median ${s.median.toFixed(1)} ms, p95 ${s.p95.toFixed(1)}, ${s.picturesPerSecond.toFixed(1)} pictures/s${s.ratio ? `, ${range(s)} times ours` : ""}`,
      );
  lines.push(
    `  Node, peak memory of a process: ${Object.entries(nodeMemory)
      .map(([side, peak]) => `${side} ${MiB(peak)}`)
      .join(", ")}`,
  );
  for (const [side, s] of Object.entries(cold ?? {}))
    lines.push(
      `  cold ${side.padEnd(16)} first detections after ${s.first.toFixed(0)} ms (${s.low.toFixed(0)} to ${s.high.toFixed(0)}), ${kB(s.bytes)}, peak ${MiB(s.peakRssBytes)}`,
    );
  return lines.join("\n");
}

const table = (head, rows) =>
  [
    `| ${head.join(" | ")} |`,
    `|${"---|".repeat(head.length)}`,
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ].join("\n");

const warmRows = (report, where) =>
  Object.entries(report).flatMap(([name, results]) =>
    Object.entries(results[where] ?? {}).map(([side, s]) => [
      name,
      side,
      s.median.toFixed(1),
      s.p95.toFixed(1),
      s.picturesPerSecond.toFixed(1),
      range(s),
    ]),
  );

const coldRows = (report) =>
  Object.entries(report).flatMap(([name, { cold }]) =>
    Object.entries(cold ?? {}).map(([side, s]) => [
      name,
      side === "bare" ? "an empty page" : side,
      `${s.first.toFixed(0)} (${s.low.toFixed(0)} to ${s.high.toFixed(0)})`,
      kB(s.bytes),
      kB(s.gzipBytes),
      MiB(s.peakRssBytes),
    ]),
  );

/** The Markdown page. @param picture, page paths of the chart and of the page */
export function markdown(result, { picture, page }) {
  const { report, rounds, runs, cold, split, images, classes, faceApiAp, faceApiWasm } = result;
  const WARM = ["network", "runtime", "median, ms", "p95, ms", "images/s", "times ours (rounds)"];
  const COLD = [
    ...["network", "runtime", "first detections after, ms (range)", "bytes"],
    ...["bytes gzipped, per file", "peak memory of the page's process"],
  ];
  const precision = Object.entries(report)
    .filter(([, { ap }]) => ap !== undefined)
    .map(([name, { ap, apInt8, bytes }]) => [
      name,
      kB(bytes["model.safetensors"].bytes),
      points(ap),
      kB(bytes["model.int8.safetensors"].bytes),
      points(apInt8),
    ]);
  const memory = Object.entries(report).map(([name, { nodeMemory }]) => [
    name,
    ...["bare", "ours", "onnxruntime-web"].map((side) => MiB(nodeMemory[side])),
  ]);
  return `${intro(result)}
![bytes, latency and AP of each detector](${relative(dirname(page), picture)})

## Latency in Chromium
An image of 480 x 360 pixels, one thread, ${rounds} rounds of ${runs} images, the runtimes in turn.

${table(WARM, warmRows(report, "chromium"))}

onnxruntime-web takes, by the median of the rounds, ${Object.entries(report)
    .filter(([, { chromium }]) => chromium)
    .map(
      ([name, { chromium }]) =>
        `${chromium["onnxruntime-web"].overInt8.toFixed(2)} times as long as ours-int8 (${name})`,
    )
    .join(", ")}.

## Latency in Node
${table(WARM, warmRows(report, "node"))}

## From a cold load
Median of ${cold} loads, each in a new browser.

${table(COLD, coldRows(report))}

## Memory in Node
Peak of a process that does nothing else, after twenty images.

${table(["network", "Node alone", "ours", "onnxruntime-web"], memory)}
${
  precision.length === 0
    ? ""
    : `
## Precision
AP50 on the ${images} images of ${split} (${classes.join(", ")}), by VOC's protocol, all points.

${table(["network", "float32", "AP50", "int8", "AP50"], precision)}
${faceApiAp === undefined ? "" : `\nface-api's tinyFaceDetector at 416 px, scores from 0.01: ${points(faceApiAp)}. It was trained elsewhere, on other photographs with other boxes, and on none of these.\n`}`
}
face-api ran on its ${faceApiWasm ? "wasm" : "JavaScript"} back end. Networks for which no weights are given have random ones: their times are meaningful, their detections are not.
`;
}

function intro({ rounds, runs, cold, weights, split, merge, report }) {
  const flags = [
    `--rounds ${rounds} --runs ${runs} --cold ${cold} --only ${Object.keys(report).join(",")}`,
    ...(weights.length > 0 ? [`--weights ${weights.map((name) => `${name}=FILE`).join(",")}`] : []),
    ...(split === undefined ? [] : [`--data FOLDER --split ${split}${merge ? ` --merge ${merge}` : ""}`]),
  ];
  return `# Complete detectors in browsers and Node
The runtime against ONNX Runtime on the same network's ONNX export, and against face-api's tinyFaceDetector at its 416 px.
[bench/runtime.mjs](../bench/runtime.mjs) describes what is measured and how. Networks, all VGG-1-32 with the settings of recipes/faces.yaml: "small" is
Faster R-CNN without neck at stride 16; at stride 4 with the detail path, "two-stage" is Faster R-CNN and "one-stage" fcos. "ours"
is @qmimic/runtime with float32 weights, "ours-int8" with the int8 export. Written by

    npm install --no-save --ignore-scripts @tensorflow/tfjs-backend-wasm@4.22.0 onnxruntime-node@1.30.0
    npm run bench:runtime -- ${flags.join(" ")} --report results/runtime.md
`;
}
