// Fast R-CNN head (Girshick, ICCV 2015): RoIAlign, two hidden layers, class scores and per-class offsets.
// Structure, losses and parameter names are torchvision's (roi_heads), the hidden layers 1/n as wide.
import {
  batchedNms,
  clipBoxes,
  decodeBoxes,
  encodeBoxes,
  matchAnchors,
  samplePositivesNegatives,
  voteBoxes,
} from "@qmimic/runtime";
import {
  cast,
  crossEntropy,
  flatten,
  indexSelect,
  Linear,
  Module,
  mul,
  type Random,
  relu,
  reshape,
  roiAlign,
  smoothL1,
  softmax,
  type Tensor,
  tensor,
} from "@qmimic/torch";
import type { DetectorConfig } from "./config.js";
import { concatFloats, concatIntegers, ignoreRegions, type Size, type Target, takeBoxes } from "./targets.js";

/** How the head is trained; names and defaults as in torchvision's FasterRCNN. */
export interface BoxTraining {
  /** IoU from which a proposal is an object, and below which it is background. */
  boxHigh: number;
  boxLow: number;
  /** Proposals of an image in the loss, and at most this share of them objects. */
  boxBatch: number;
  boxPositives: number;
}

/** What was found in one image, best first. */
export interface Detections {
  /** [N, 4] xyxy, pixels of the network's input */
  boxes: Float32Array;
  /** [N], 0..1 */
  scores: Float32Array;
  /** [N], 1..classes */
  labels: Int32Array;
}

/** What the head says of N boxes. */
export interface BoxOutputs {
  /** [N, labels], label 0 is background */
  logits: Tensor;
  /** [N, 4 * labels] */
  deltas: Tensor;
}

/** Proposals picked for the loss, with what they should become. */
export interface SampledProposals {
  boxes: Float32Array[];
  labels: Int32Array[];
  /** Offsets to the matched object, [N, 4]; zeros for background. */
  offsets: Float32Array[];
}

const MIN_SIDE = 0.01;

export class BoxHead extends Module {
  private readonly fc6: Linear;
  private readonly fc7: Linear;
  private readonly score: Linear;
  private readonly offset: Linear;

  constructor(
    private readonly config: DetectorConfig,
    channels: number,
    random: Random,
  ) {
    super();
    const { headWidth, roiSize, classes } = config;
    const labels = classes.length + 1;
    // Kaiming's standard deviation for layers before a ReLU; PyTorch's default, which torchvision takes, is smaller.
    const inputs = channels * roiSize ** 2;
    this.fc6 = this.child("box_head.fc6", new Linear(inputs, headWidth, random, Math.sqrt(2 / inputs)));
    this.fc7 = this.child("box_head.fc7", new Linear(headWidth, headWidth, random, Math.sqrt(2 / headWidth)));
    const small = 0.16 / Math.sqrt(headWidth);
    this.score = this.child("box_predictor.cls_score", new Linear(headWidth, labels, random, small));
    this.offset = this.child("box_predictor.bbox_pred", new Linear(headWidth, 4 * labels, random, small));
  }

  /** boxes [N, 4] of each image -> class logits [sum N, labels] and offsets [sum N, 4 * labels] */
  forward(features: Tensor, boxes: readonly Float32Array[]): BoxOutputs {
    const { roiSize, roiSamples, outputStride } = this.config;
    const rois = numbered(boxes);
    const pooled = roiAlign(features, tensor(rois, [rois.length / 5, 5]).to(features.device), {
      spatialScale: 1 / outputStride,
      pooled: roiSize,
      samplingRatio: roiSamples,
      aligned: false,
    });
    const hidden = relu(this.fc7.forward(relu(this.fc6.forward(flatten(pooled, 1)))));
    return { logits: this.score.forward(hidden), deltas: this.offset.forward(hidden) };
  }

  /** Adds the objects themselves to the proposals, matches, and picks a share of objects and background. */
  sample(
    proposals: readonly Float32Array[],
    targets: readonly Target[],
    settings: BoxTraining,
    random: Random,
  ): SampledProposals {
    const sampled: SampledProposals = { boxes: [], labels: [], offsets: [] };
    proposals.forEach((list, image) => {
      const target = targets[image];
      const candidates = concatFloats(list, target.boxes);
      const threshold = { high: settings.boxHigh, low: settings.boxLow, allowLowQuality: false };
      const matches = matchAnchors(candidates, target.boxes, threshold);
      ignoreRegions(candidates, matches, target.ignore);
      const { positive, negative } = samplePositivesNegatives(
        matches,
        { count: settings.boxBatch, positiveFraction: settings.boxPositives },
        random,
      );
      const labels = new Int32Array(positive.length + negative.length);
      const offsets = new Float32Array(4 * labels.length);
      const objects = takeBoxes(candidates, positive);
      const goals = takeBoxes(
        target.boxes,
        positive.map((i) => matches[i]),
      );
      encodeBoxes(goals, objects, this.config.boxWeights, offsets.subarray(0, objects.length));
      for (let i = 0; i < positive.length; i++) labels[i] = target.labels[matches[positive[i]]];
      sampled.boxes.push(concatFloats(objects, takeBoxes(candidates, negative)));
      sampled.labels.push(labels);
      sampled.offsets.push(offsets);
    });
    return sampled;
  }

  /** Cross-entropy (mean), and smooth L1 of the objects' offsets (sum divided by all sampled, beta 1/9). */
  losses({ logits, deltas }: BoxOutputs, sampled: SampledProposals): { boxClass: Tensor; boxBox: Tensor } {
    const labelCount = this.config.classes.length + 1;
    const labels = concatIntegers(sampled.labels);
    const { index, goal } = offsetGoals(labels, sampled.offsets, labelCount);
    const { device } = logits;
    const target = cast(tensor(labels).to(device), "int64");
    const picked = indexSelect(reshape(deltas, [-1]), 0, tensor(index).to(device));
    const distance = smoothL1(picked, tensor(goal).to(device), 1 / 9, "sum");
    const share = 1 / Math.max(1, labels.length);
    return { boxClass: mul(crossEntropy(logits, target, "sum"), share), boxBox: mul(distance, share) };
  }

  /** Scores the proposals of each image and keeps the best, one class at a time. */
  detect(features: Tensor, proposals: readonly Float32Array[], sizes: readonly Size[]): Detections[] {
    const { logits, deltas } = this.forward(features, proposals);
    const labelCount = this.config.classes.length + 1;
    const probabilities = softmax(logits, 1).toFloat32();
    const offsets = deltas.toFloat32();
    let row = 0;
    return proposals.map((list, image) => {
      const count = list.length / 4;
      const mine = offsets.subarray(4 * labelCount * row, 4 * labelCount * (row + count));
      const scores = probabilities.subarray(labelCount * row, labelCount * (row + count));
      row += count;
      return this.keepBest(decodeBoxes(mine, list, this.config.boxWeights), scores, sizes[image]);
    });
  }

  private keepBest(boxes: Float32Array, scores: Float32Array, size: Size): Detections {
    const labelCount = this.config.classes.length + 1;
    clipBoxes(boxes, size.width, size.height);
    const rows: number[] = [];
    for (let i = 0; i < scores.length; i++) {
      if (i % labelCount === 0 || scores[i] <= this.config.boxScore) continue;
      const wide = boxes[4 * i + 2] - boxes[4 * i] >= MIN_SIDE;
      if (wide && boxes[4 * i + 3] - boxes[4 * i + 1] >= MIN_SIDE) rows.push(i);
    }
    const index = Int32Array.from(rows);
    const found = {
      boxes: takeBoxes(boxes, index),
      scores: Float32Array.from(index, (i) => scores[i]),
      labels: index.map((i) => i % labelCount),
    };
    const kept = batchedNms(found.boxes, found.scores, found.labels, this.config.boxNms).subarray(
      0,
      this.config.boxDetections,
    );
    return {
      boxes: voteBoxes(found.boxes, found.scores, found.labels, kept, this.config.boxVote),
      scores: Float32Array.from(kept, (i) => found.scores[i]),
      labels: kept.map((i) => found.labels[i]),
    };
  }
}

/** Boxes of each image -> [N, 5] of the image's number and the box, as RoIAlign takes them. */
function numbered(boxes: readonly Float32Array[]): Float32Array {
  const rois = new Float32Array((5 * boxes.reduce((sum, list) => sum + list.length, 0)) / 4);
  let at = 0;
  for (let image = 0; image < boxes.length; image++) {
    const list = boxes[image];
    for (let k = 0; k < list.length; k += 4, at += 5) {
      rois[at] = image;
      rois[at + 1] = list[k];
      rois[at + 2] = list[k + 1];
      rois[at + 3] = list[k + 2];
      rois[at + 4] = list[k + 3];
    }
  }
  return rois;
}

/**
 * The offsets that are learned: those of objects, of their own class.
 * @param labels [N], of all images
 * @param offsets of each image, [n, 4]
 * @returns places in the flat [N, labelCount, 4] that the head predicts, and what should be there
 */
function offsetGoals(
  labels: Int32Array,
  offsets: readonly Float32Array[],
  labelCount: number,
): { index: Int32Array; goal: Float32Array } {
  const all = concatFloats(...offsets);
  const index = new Int32Array(all.length);
  const goal = new Float32Array(all.length);
  let count = 0;
  for (let row = 0; row < labels.length; row++) {
    if (labels[row] === 0) continue;
    for (let k = 0; k < 4; k++, count++) {
      index[count] = (row * labelCount + labels[row]) * 4 + k;
      goal[count] = all[4 * row + k];
    }
  }
  return { index: index.subarray(0, count), goal: goal.subarray(0, count) };
}
