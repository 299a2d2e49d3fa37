// The sides in Node, as functions that detect once. Run as a program with a side and a folder of models, it detects
// twenty times and prints the process's peak resident memory, so that each side is measured in a separate process.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const [WIDTH, HEIGHT] = [480, 360];
const data = Uint8Array.from({ length: 3 * WIDTH * HEIGHT }, (_, i) => (i * 2654435761) >>> 24);
/** Noise, the same every time. */
export const PICTURE = { data, width: WIDTH, height: HEIGHT };

const SIDES = {
  bare: async () => () => {},
  ours: (models) => ours(models["model.safetensors"]),
  "ours-int8": (models) => ours(models["model.int8.safetensors"]),
  "onnxruntime-web": (models) => onnxRuntime("onnxruntime-web", models),
  "onnxruntime-node": (models) => onnxRuntime("onnxruntime-node", models),
};

async function ours(model) {
  const { Detector } = await import("../../packages/runtime/dist/index.js");
  const detector = await Detector.load(model);
  return () => detector.detect(PICTURE);
}

async function onnxRuntime(name, models) {
  const ort = await import(name).catch(() => undefined);
  if (!ort) return undefined;
  if (name === "onnxruntime-web") ort.env.wasm.numThreads = 1;
  const options = { graphOptimizationLevel: "all", intraOpNumThreads: 1, interOpNumThreads: 1 };
  const session = await ort.InferenceSession.create(models["model.onnx"], options);
  const planes = new Float32Array(data.length);
  const image = new ort.Tensor("float32", planes, [1, 3, HEIGHT, WIDTH]);
  return () => {
    const plane = WIDTH * HEIGHT;
    for (let i = 0, k = 0; i < plane; i++, k += 3) {
      planes[i] = data[k];
      planes[i + plane] = data[k + 1];
      planes[i + 2 * plane] = data[k + 2];
    }
    return session.run({ image });
  };
}

/** One function per installed side, which returns the milliseconds of each of `count` detections. */
export async function nodeSides(models) {
  const sides = {};
  for (const [name, create] of Object.entries(SIDES)) {
    const detect = name === "bare" ? undefined : await create(models);
    if (!detect) continue;
    sides[name] = async (count) => {
      const times = [];
      for (let i = 0; i < count; i++) {
        const started = performance.now();
        await detect();
        times.push(performance.now() - started);
      }
      return times;
    };
  }
  return { sides, close: () => {} };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , side, folder] = process.argv;
  const models = Object.fromEntries(
    ["model.safetensors", "model.onnx"].map((name) => [name, readFileSync(join(folder, name))]),
  );
  const detect = await SIDES[side](models);
  for (let i = 0; i < 20; i++) await detect?.();
  // From /proc, because rusage also includes the peak of the parent process.
  console.log(1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]));
}
