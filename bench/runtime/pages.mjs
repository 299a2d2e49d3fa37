// The pages that run in Chromium: all sides in turn in one page, and each side alone from a cold load.
const FACE_API_SIDE = 416;

/** The image used by all sides: noise with some structure, the same every time. */
const PICTURE = `
const [WIDTH, HEIGHT] = [480, 360];
const rgba = new Uint8ClampedArray(4 * WIDTH * HEIGHT);
for (let i = 0; i < rgba.length; i++) rgba[i] = i % 4 === 3 ? 255 : 32 + (Math.imul(i, 2654435761) >>> 25) + ((i >> 9) & 63);
const picture = new ImageData(rgba, WIDTH, HEIGHT);`;

/**
 * Files to preload, modules to import, and the body of an async function that returns a function which detects once.
 */
const ours = (file) => ({
  preload: [`/${file}`],
  imports: `import { Detector } from "/runtime/bundle.mjs";`,
  create: `
  const detector = await Detector.load("/${file}");
  return async () => detector.detect(picture);`,
});
const SIDES = {
  ours: ours("model.safetensors"),
  "ours-int8": ours("model.int8.safetensors"),
  "onnxruntime-web": {
    preload: ["/model.onnx", "/ort/ort-wasm-simd-threaded.wasm"],
    imports: `import * as ort from "/ort/ort.wasm.bundle.min.mjs";`,
    create: `
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = { wasm: "/ort/ort-wasm-simd-threaded.wasm" };
  const session = await ort.InferenceSession.create("/model.onnx", { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
  const planes = new Float32Array(3 * WIDTH * HEIGHT);
  const image = new ort.Tensor("float32", planes, [1, 3, HEIGHT, WIDTH]);
  return () => {
    // Like ours, from the picture's bytes. A plain loop takes less time than ort.Tensor.fromImage, which draws on a canvas.
    const plane = WIDTH * HEIGHT;
    for (let i = 0, k = 0; i < plane; i++, k += 4) {
      planes[i] = rgba[k];
      planes[i + plane] = rgba[k + 1];
      planes[i + 2 * plane] = rgba[k + 2];
    }
    return session.run({ image });
  };`,
  },
  // Always its own detector, regardless of ours. One thread, like the others; wasm is its fastest back end without a
  // GPU.
  "face-api": {
    preload: ["/face-api/model/tiny_face_detector_model.bin"],
    imports: `import * as faceapi from "/face-api/dist/face-api.esm.js";`,
    create: `
  const { tf } = faceapi;
  if (WASM) {
    tf.setWasmPaths("/tf-wasm/");
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  }
  if (!(await tf.setBackend(WASM ? "wasm" : "cpu"))) throw new Error("face-api has no such back end");
  await tf.ready();
  await faceapi.nets.tinyFaceDetector.loadFromUri("/face-api/model");
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  canvas.getContext("2d").putImageData(picture, 0, 0);
  const options = new faceapi.TinyFaceDetectorOptions({ inputSize: ${FACE_API_SIDE} });
  return () => faceapi.detectAllFaces(canvas, options);`,
  },
};

const html = (script, preload = []) =>
  `<!doctype html><meta charset="utf-8"><title>bench</title>${preload
    .map((address) => `<link rel="preload" href="${address}" as="fetch" crossorigin>`)
    .join("")}<script type="module">${script}</script>`;

/** @param wasm whether face-api's wasm back end is installed */
const scriptOf = (side, wasm) => {
  const { imports, create } = SIDES[side];
  return {
    imports,
    create: `async () => {${side === "face-api" ? `\n  const WASM = ${wasm};` : ""}${create}\n}`,
  };
};

/** Contains only the image: measures the browser itself. */
export const barePage = html(`${PICTURE}
window.first = performance.now();
window.detect = async () => {};`);

/** Measures the time from the start of the navigation to the first detections. */
export function coldPage(side, wasm) {
  const { imports, create } = scriptOf(side, wasm);
  return html(
    `${imports}
${PICTURE}
const detect = await (${create})();
await detect();
window.first = performance.now();
window.detect = detect;`,
    SIDES[side].preload,
  );
}

/** Loads all sides; `measure(side, count)` returns the milliseconds of each detection. */
export const warmPage = (sides, wasm) =>
  html(`${[...new Set(sides.map((side) => SIDES[side].imports))].join("\n")}
${PICTURE}
const sides = {${sides.map((side) => `${JSON.stringify(side)}: await (${scriptOf(side, wasm).create})()`).join(", ")}};
window.measure = async (side, count) => {
  const times = [];
  for (let i = 0; i < count; i++) {
    const started = performance.now();
    await sides[side]();
    times.push(performance.now() - started);
  }
  return times;
};`);

/** `findFaces(address)` returns the faces that face-api finds in an image: [x, y, width, height, score] each. */
export const facesPage = (wasm) =>
  html(`${SIDES["face-api"].imports}
${PICTURE}
await (${scriptOf("face-api", wasm).create})();
window.findFaces = async (address) => {
  const bitmap = await createImageBitmap(await (await fetch(address)).blob());
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  const options = new faceapi.TinyFaceDetectorOptions({ inputSize: ${FACE_API_SIDE}, scoreThreshold: 0.01 });
  const found = await faceapi.detectAllFaces(canvas, options);
  return found.map(({ box, score }) => [box.x, box.y, box.width, box.height, score]);
};`);
