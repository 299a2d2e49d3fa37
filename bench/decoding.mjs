// node bench/decoding.mjs --weights FILE --data FOLDER [--split val] [--merge CLASS]
//
// What a browser's decoder and the runtime's scaling change: detections of a model in photographs that Chromium
// decodes and the runtime scales, against those in the same photographs decoded and reduced by sharp, as in training
// and in `qmimic val`. AP at IoU 0.5 by VOC's protocol, and how far apart the boxes are.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readDataset } from "../packages/qmimic/dist/data/dataset.js";
import { createImageStore } from "../packages/qmimic/dist/data/imageStore.js";
import { detectSamples } from "../packages/qmimic/dist/eval/detect.js";
import { compareDetections, formatComparison } from "../packages/qmimic/dist/export/comparison.js";
import { toDetections } from "../packages/qmimic/dist/export/detections.js";
import { modelFile } from "../packages/qmimic/dist/export/modelFile.js";
import { detectExported } from "../packages/qmimic/dist/export/openDetector.js";
import { loadDetector } from "../packages/qmimic/dist/train/weights.js";
import { Detector } from "../packages/runtime/dist/index.js";
import { dataFolder, root } from "./common.mjs";
import { openPage } from "./runtime/chromium.mjs";
import { addressIn, serve } from "./runtime/serve.mjs";

/** Detections with lower scores are not compared. */
const MIN_SCORE = 0.1;
const PAGE = `<!doctype html><script type="module">
import { Detector } from "/runtime/index.js";
const detector = await Detector.load("/model.safetensors");
window.find = async (address) => {
  const image = new Image();
  image.src = address;
  await image.decode();
  return detector.detect(image, { threshold: 0 });
};
</script>`;

const { values: given } = parseArgs({
  options: {
    weights: { type: "string" },
    data: { type: "string" },
    split: { type: "string", default: "val" },
    merge: { type: "string" },
  },
});
const dataset = await readDataset(dataFolder(given), given.split, given.merge ? { merge: given.merge } : {});
const model = modelFile(loadDetector(given.weights), undefined, "float32");
const detector = await Detector.load(model);
const store = createImageStore(dataset.samples, { maxSide: detector.side });
const inNode = await detectSamples(detectExported(detector), dataset.samples, store);

const files = { "/index.html": PAGE, "/model.safetensors": model };
const folders = { "/runtime/": join(root, "packages/runtime/dist"), "/data/": dataset.root };
const { server, url } = await serve(folders, files);
const { browser, page } = await openPage(`${url}/index.html`, "find");
const inBrowser = [];
for (const sample of dataset.samples) {
  const address = addressIn("/data/", dataset.root, sample.imagePath);
  const found = await page.evaluate((image) => window.find(image), address);
  const { width, height } = sample;
  const size = { width, height, originalWidth: width, originalHeight: height };
  inBrowser.push({ id: sample.id, ...toDetections(found, detector.classes, size) });
}
await browser.close();
server.close();
const { version } = JSON.parse(readFileSync(join(root, "node_modules/sharp/package.json"), "utf8"));
console.log(`${dataset.samples.length} images of ${dataset.split}, ${detector.side} px; sharp ${version}`);
console.log(formatComparison("browser", compareDetections(dataset, inNode, inBrowser, MIN_SCORE), "in Node"));
