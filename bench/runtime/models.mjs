// The detectors used to measure the runtime, as model files and as ONNX.
import { createRandom } from "../../packages/qmimic/dist/data/random.js";
import { modelFile } from "../../packages/qmimic/dist/export/modelFile.js";
import { onnxFile } from "../../packages/qmimic/dist/export/onnx/onnxFile.js";
import { configureDetector, createDetector, kindOf } from "../../packages/qmimic/dist/models/index.js";
import { loadDetector, readThresholds } from "../../packages/qmimic/dist/train/weights.js";

const SIDE = 480;

/** The faces recipe without neck at stride 16, with a one-stage student, and unchanged. */
export const NETWORKS = {
  small: { detector: "faster-rcnn", outputStride: 16, neck: "none" },
  "one-stage": { detector: "fcos", outputStride: 4, neck: "detail" },
  "two-stage": { detector: "faster-rcnn", outputStride: 4, neck: "detail" },
};

/**
 * @param weights file of a trained detector; by default, the weights are random
 * @param pictures to calibrate int8 with
 */
export function makeModels(name, weights, pictures) {
  const detector = weights ? loadDetector(weights) : untrained(NETWORKS[name]);
  const thresholds = weights ? readThresholds(weights) : undefined;
  const files = {
    "model.safetensors": modelFile(detector, thresholds, "float32"),
    "model.int8.safetensors": modelFile(detector, thresholds, "int8", pictures),
    "model.onnx": onnxFile(detector, thresholds),
  };
  detector.dispose();
  return files;
}

function untrained(network) {
  const settings = kindOf(network.detector).settings.parse({
    anchorSizes: [16, 32, 64, 128, 256],
    aspectRatios: [1],
  });
  const facts = { backbone: "vgg-1-32", samples: [], side: SIDE, classes: ["face"] };
  return createDetector(
    configureDetector({ ...network, side: SIDE, ...settings }, facts),
    createRandom("bench"),
  );
}
