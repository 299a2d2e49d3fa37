// The detectors that the runtime is measured on, as model files and as ONNX.
import { createRandom } from "../../packages/qmimic/dist/data/random.js";
import { modelFile } from "../../packages/qmimic/dist/export/modelFile.js";
import { onnxFile } from "../../packages/qmimic/dist/export/onnx/onnxFile.js";
import { configureDetector, createDetector, kindOf } from "../../packages/qmimic/dist/models/index.js";
import { loadDetector, readThresholds } from "../../packages/qmimic/dist/train/weights.js";

const SIDE = 480;

/** The faces recipe without neck at stride 16, its one-stage student, and the recipe as it is. */
export const NETWORKS = {
  small: { detector: "faster-rcnn", outputStride: 16, neck: "none" },
  "one-stage": { detector: "fcos", outputStride: 4, neck: "detail" },
  "two-stage": { detector: "faster-rcnn", outputStride: 4, neck: "detail" },
};

/** @param weights of a trained detector; without it the network has random ones */
export function makeModels(name, weights) {
  const detector = weights ? loadDetector(weights) : untrained(NETWORKS[name]);
  const thresholds = weights ? readThresholds(weights) : undefined;
  const files = {
    "model.safetensors": modelFile(detector, thresholds, "float32"),
    "model.int8.safetensors": modelFile(detector, thresholds, "int8"),
    "model.onnx": onnxFile(detector, thresholds),
  };
  detector.dispose();
  return files;
}

function untrained(network) {
  const own = kindOf(network.detector).settings.parse({
    anchorSizes: [16, 32, 64, 128, 256],
    aspectRatios: [1],
  });
  const facts = { backbone: "vgg-1-32", samples: [], side: SIDE, classes: ["face"] };
  return createDetector(configureDetector({ ...network, side: SIDE, ...own }, facts), createRandom("bench"));
}
