// AP at IoU 0.5 of every detector on one split of photographs, by the same protocol: VOC's, all points.
import { createImageStore } from "../../packages/qmimic/dist/data/imageStore.js";
import { detectSamples, scoreDetections } from "../../packages/qmimic/dist/eval/detect.js";
import { detectExported } from "../../packages/qmimic/dist/export/openDetector.js";
import { Detector } from "../../packages/runtime/dist/index.js";
import { faceApiFinds } from "./chromium.mjs";
import { addressIn } from "./serve.mjs";

/** AP of a model file. */
export async function apOfModel(dataset, bytes) {
  const detector = await Detector.load(bytes);
  const store = createImageStore(dataset.samples, { maxSide: detector.side });
  const found = await detectSamples(detectExported(detector), dataset.samples, store);
  return scoreDetections(dataset, found).mAP;
}

/** AP of face-api's tinyFaceDetector, which has one class. */
export async function apOfFaceApi(dataset, url) {
  const addresses = dataset.samples.map(({ imagePath }) => addressIn("/data/", dataset.root, imagePath));
  const found = (await faceApiFinds(url, addresses)).map((faces, i) => {
    const best = [...faces].sort((a, b) => b[4] - a[4]);
    return {
      id: dataset.samples[i].id,
      boxes: Float32Array.from(best.flatMap(([x, y, width, height]) => [x, y, x + width, y + height])),
      scores: Float32Array.from(best, (face) => face[4]),
      labels: new Int32Array(best.length).fill(1),
    };
  });
  return scoreDetections(dataset, found).mAP;
}
