// The description of a Faster R-CNN that is as small as they come.
import type { FasterRcnnConfig } from "../../src/models/fasterRcnn.js";

export const smallFasterRcnn = (classes: string[]): FasterRcnnConfig => ({
  detector: "faster-rcnn",
  backbone: "vgg-1-64",
  outputStride: 16,
  neck: "none",
  convolution: "plain",
  convolutionGroups: 1,
  classes,
  side: 96,
  quantizer: { kind: "none" },
  anchorSizes: [32],
  aspectRatios: [1],
  headWidth: 16,
  roiSize: 3,
  roiSamples: 1,
  rpnScore: 0,
  boxWeights: [10, 10, 5, 5],
  rpnPreNms: 50,
  rpnPostNms: 10,
  rpnNms: 0.7,
  boxScore: 0.01,
  boxNms: 0.5,
  boxVote: 1,
  boxDetections: 10,
});
