// Reads fixtures/faster-rcnn.json (values computed by torchvision) and builds the same tiny detector here.
import { readFileSync } from "node:fs";
import type { Size } from "@qmimic/runtime";
import {
  BatchNorm2d,
  Conv2d,
  copy,
  Layer,
  MaxPool2d,
  noGrad,
  type Random,
  ReLU,
  Sequential,
  scope,
  type Tensor,
  tensor,
} from "@qmimic/torch";
import { expect } from "vitest";
import { createRandom } from "../../src/data/random.js";
import type { Backbone } from "../../src/models/backbones/types.js";
import { createFasterRcnn, type FasterRcnnConfig } from "../../src/models/fasterRcnn.js";
import type { Detector } from "../../src/models/index.js";
import type { Target } from "../../src/models/targets.js";

export interface Packed {
  shape: number[];
  float32: string;
}

export interface Fixture {
  sizes: [height: number, width: number][];
  images: { shape: number[]; uint8: string };
  state: Record<string, Packed>;
  evaluation: Record<
    "features" | "rpnLogits" | "rpnDeltas" | "classLogits" | "boxDeltas" | "anchors",
    Packed
  > & {
    proposals: Packed[];
    detections: { boxes: Packed; labels: number[]; scores: Packed }[];
  };
  training: {
    targets: { boxes: number[][]; labels: number[] }[];
    rpnPositive: number[][];
    rpnIgnored: number[][];
    rois: Packed[];
    roiLabels: number[][];
    roiRegressionTargets: Packed[];
    losses: Record<string, number>;
    gradients: Record<string, Packed>;
  };
}

export const fixture: Fixture = JSON.parse(
  readFileSync(new URL("../fixtures/faster-rcnn.json", import.meta.url), "utf8"),
);

export const numbers = ({ float32 }: Packed): Float32Array =>
  new Float32Array(Uint8Array.from(Buffer.from(float32, "base64")).buffer);

export const sizes: Size[] = fixture.sizes.map(([height, width]) => ({ width, height }));
export const placed = Float32Array.from(sizes.flatMap(({ width, height }) => [0, 0, width, height]));

export const targets: Target[] = fixture.training.targets.map(({ boxes, labels }) => ({
  boxes: Float32Array.from(boxes.flat()),
  labels: Int32Array.from(labels),
  ignore: new Float32Array(0),
}));

/** The network's input: images / 64 - 2, and exactly 0 where padded. */
export function inputImages(): Tensor {
  const { shape, uint8 } = fixture.images;
  const [, channels, height, width] = shape;
  const input = Float32Array.from(Buffer.from(uint8, "base64"), (value, i) => {
    const image = Math.floor(i / (channels * height * width));
    const y = Math.floor(i / width) % height;
    return y < sizes[image].height && i % width < sizes[image].width ? value / 64 - 2 : 0;
  });
  return tensor(input, shape);
}

/** The fixture's backbone: 4, M, 4, M, 8, M with batch norm. */
class TinyBackbone extends Layer implements Backbone {
  readonly outChannels = 8;
  private readonly features: Sequential;

  constructor(random: Random) {
    super();
    const widths = [3, 4, 4, 8];
    const layers = [1, 2, 3].flatMap((i) => [
      new Conv2d(widths[i - 1], widths[i], random, { kernel: 3, padding: 1 }),
      new BatchNorm2d(widths[i]),
      new ReLU(),
      new MaxPool2d(2),
    ]);
    this.features = this.child("features", new Sequential(layers));
  }

  forward(x: Tensor): Tensor {
    return this.features.forward(x);
  }
}

export const config: FasterRcnnConfig = {
  detector: "faster-rcnn",
  backbone: "vgg-1-64",
  outputStride: 8,
  neck: "none",
  convolution: "plain",
  convolutionGroups: 1,
  classes: ["one", "two"],
  side: 64,
  quantizer: { kind: "none" },
  anchorSizes: [12, 28],
  aspectRatios: [0.5, 1, 2],
  headWidth: 16,
  roiSize: 7,
  roiSamples: 2,
  rpnScore: 0,
  boxWeights: [10, 10, 5, 5],
  rpnPreNms: 120,
  rpnPostNms: 24,
  rpnNms: 0.7,
  boxScore: 0.05,
  boxNms: 0.5,
  boxVote: 1,
  boxDetections: 15,
};

/** The losses of the fixture sample everything. */
export const everything = {
  rpnHigh: 0.7,
  rpnLow: 0.3,
  rpnBatch: 20_000,
  rpnPositives: 0.5,
  rpnPreNmsTrain: 120,
  rpnPostNmsTrain: 24,
  boxHigh: 0.5,
  boxLow: 0.5,
  boxBatch: 20_000,
  boxPositives: 0.25,
};

/** The detector with the fixture's weights, batch norm in evaluation mode. */
export function createDetector(): Detector {
  const random = createRandom("torchvision");
  const detector = createFasterRcnn(config, random, new TinyBackbone(random));
  noGrad(() =>
    scope(() => {
      for (const one of detector.named()) {
        copy(one.tensor, tensor(numbers(fixture.state[one.name]), fixture.state[one.name].shape));
      }
    }),
  );
  return detector.eval();
}

/** Every number within `tolerance` of what is expected, relative to the largest number expected. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5): void {
  expect(actual.length).toBe(expected.length);
  let largest = 1e-12;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]));
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    worst = Number.isNaN(difference) ? Number.NaN : Math.max(worst, difference);
  }
  expect(worst).toBeLessThanOrEqual(tolerance * largest);
}
