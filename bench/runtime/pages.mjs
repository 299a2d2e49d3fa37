// What runs in Chromium: both sides in one page in turn, and each alone from a cold load.

/** A picture that every side gets: noise with some structure, the same each time. */
const PICTURE = `
const [WIDTH, HEIGHT] = [480, 360];
const rgba = new Uint8ClampedArray(4 * WIDTH * HEIGHT);
for (let i = 0; i < rgba.length; i++) rgba[i] = i % 4 === 3 ? 255 : (i * 2654435761 >>> 24) / 2 + 64 * Math.sin(i / 500) + 64;
const picture = new ImageData(rgba, WIDTH, HEIGHT);
const planes = new Float32Array(3 * WIDTH * HEIGHT);
for (let i = 0; i < WIDTH * HEIGHT; i++) for (let c = 0; c < 3; c++) planes[c * WIDTH * HEIGHT + i] = rgba[4 * i + c];
`;

/** Each makes a function that detects once. Ours gets pixels; the peer gets them as the planes that its file wants. */
const SIDES = {
  ours: `
import { Detector } from "/runtime/index.js";
async function createOurs() {
  const detector = await Detector.load("/model.safetensors");
  return async () => detector.detect(picture);
}`,
  "onnxruntime-web": `
import * as ort from "/ort/ort.wasm.min.mjs";
async function createPeer() {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = "/ort/";
  const session = await ort.InferenceSession.create("/model.onnx", { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
  const image = new ort.Tensor("float32", planes, [1, 3, HEIGHT, WIDTH]);
  return () => session.run({ image });
}`,
};
const CREATE = { ours: "createOurs", "onnxruntime-web": "createPeer" };
export const SIDE_NAMES = Object.keys(SIDES);

const html = (script) =>
  `<!doctype html><meta charset="utf-8"><title>bench</title><script type="module">${script}</script>`;

/** Time from the start of the navigation to the first detections. */
export const coldPage = (side) =>
  html(`${SIDES[side]}
${PICTURE}
const detect = await ${CREATE[side]}();
await detect();
window.first = performance.now();
window.detect = detect;`);

/** All sides, loaded; \`measure(side, count)\` gives the milliseconds of each. */
export const warmPage = html(`${Object.values(SIDES).join("\n")}
${PICTURE}
const sides = {${SIDE_NAMES.map((side) => `${JSON.stringify(side)}: await ${CREATE[side]}()`).join(", ")}};
window.measure = async (side, count) => {
  const times = [];
  for (let i = 0; i < count; i++) {
    const started = performance.now();
    await sides[side]();
    times.push(performance.now() - started);
  }
  return times;
};`);
