// Computing VOC average precision of many detections.
import { createRandom } from "../../packages/qmimic/dist/data/random.js";
import { evaluateVoc } from "../../packages/qmimic/dist/eval/voc.js";
import { measureSteps } from "./settings.mjs";

const IMAGES = 5000;
const CLASSES = 20;
const OBJECTS = 4;
const DETECTIONS = 50;
/**
 * As many objects and detections as VOC's test set with 50 detections per image; the peer generates them in the same
 * way.
 */
export async function benchmarkEvaluateVoc(settings) {
  const { groundTruths, detections } = makeDetections();
  const classes = Array.from({ length: CLASSES }, (_, i) => `class ${i}`);
  let mAP = 0;
  const measured = await measureSteps(settings, () => {
    mAP = evaluateVoc(groundTruths, detections, { classes }).mAP;
    return IMAGES;
  });
  return { ...measured, mAP };
}
function makeDetections() {
  const random = createRandom("detections");
  const groundTruths = [];
  const detections = [];
  for (let image = 0; image < IMAGES; image++) {
    const boxes = new Float32Array(4 * OBJECTS);
    const labels = Int32Array.from({ length: OBJECTS }, () => Math.floor(random() * CLASSES));
    for (let k = 0; k < boxes.length; k += 4) {
      boxes[k] = 300 * random();
      boxes[k + 1] = 300 * random();
      boxes[k + 2] = boxes[k] + 20 + 180 * random();
      boxes[k + 3] = boxes[k + 1] + 20 + 180 * random();
    }
    const id = String(image);
    groundTruths.push({ id, boxes, labels, difficult: new Uint8Array(OBJECTS) });
    // Each detection is a shifted object of the image: some are correct, most are not.
    const found = new Float32Array(4 * DETECTIONS);
    const foundLabels = new Int32Array(DETECTIONS);
    const scores = Float32Array.from({ length: DETECTIONS }, random);
    for (let d = 0; d < DETECTIONS; d++) {
      const object = Math.floor(random() * OBJECTS);
      foundLabels[d] = random() < 0.7 ? labels[object] : Math.floor(random() * CLASSES);
      for (let k = 0; k < 4; k++) found[4 * d + k] = boxes[4 * object + k] + 40 * (random() - 0.5);
    }
    detections.push({ id, boxes: found, scores, labels: foundLabels });
  }
  return { groundTruths, detections };
}
