// Region proposal network (Ren et al., NeurIPS 2015, section 3.1): which anchors hold an object, and where exactly.
// Structure, losses and parameter names are torchvision's.
import {
  blockBounds,
  clipBoxes,
  decodeBoxes,
  encodeBoxes,
  generateAnchors,
  matchAnchors,
  nms,
  removeSmallBoxes,
  samplePositivesNegatives,
  topK,
} from "@qmimic/runtime";
import {
  binaryCrossEntropyWithLogits,
  Conv2d,
  indexSelect,
  Module,
  mul,
  type Random,
  relu,
  reshape,
  smoothL1,
  type Tensor,
  tensor,
} from "@qmimic/torch";
import type { DetectorConfig } from "./config.js";
import { ignoreRegions, type Target, takeBoxes } from "./targets.js";

/** How the RPN is trained; names and defaults as in torchvision's FasterRCNN. */
export interface RpnTraining {
  /** IoU from which an anchor is an object, and below which it is background. */
  rpnHigh: number;
  rpnLow: number;
  /** Anchors of an image in the loss, and at most this share of them objects. */
  rpnBatch: number;
  rpnPositives: number;
  /** Proposals before and after suppression in training. */
  rpnPreNmsTrain: number;
  rpnPostNmsTrain: number;
}

/** Scores and offsets of one batch, on the device and as arrays. */
export interface RpnOutput {
  /** [B, A, H, W] */
  logits: Tensor;
  /** [B, 4A, H, W]; channel 4a + k is offset k of anchor a */
  deltas: Tensor;
  /** [H * W * A, 4] xyxy, as generateAnchors lays them out */
  anchors: Float32Array;
  /** Of the anchors, for matchAnchors. */
  bounds: Float32Array;
  height: number;
  width: number;
}

/** Sizes of maps whose anchors are kept; at stride 4 they take about 1 MB each. */
const MOST_KNOWN = 32;
const UNIT = [1, 1, 1, 1] as const;

class RpnHead extends Module {
  private readonly conv: Conv2d;
  private readonly logits: Conv2d;
  private readonly deltas: Conv2d;

  constructor(channels: number, anchors: number, random: Random) {
    super();
    // torchvision draws all three with standard deviation 0.01, which suits 256 and more channels: with 16, signal and
    // gradient all but vanish. These have the same effect at 256 channels whatever the width is.
    const init = 0.16 / Math.sqrt(channels);
    this.conv = this.child(
      "conv.0.0",
      new Conv2d(channels, channels, 3, random, { padding: 1, init: "kaiming" }),
    );
    this.logits = this.child("cls_logits", new Conv2d(channels, anchors, 1, random, { init }));
    this.deltas = this.child("bbox_pred", new Conv2d(channels, 4 * anchors, 1, random, { init }));
  }

  forward(features: Tensor): { logits: Tensor; deltas: Tensor } {
    const hidden = relu(this.conv.forward(features));
    return { logits: this.logits.forward(hidden), deltas: this.deltas.forward(hidden) };
  }
}

export class Rpn extends Module {
  private readonly head: RpnHead;
  private readonly perCell: number;
  private readonly known = new Map<string, { anchors: Float32Array; bounds: Float32Array }>();

  constructor(
    private readonly config: DetectorConfig,
    channels: number,
    random: Random,
  ) {
    super();
    this.perCell = config.anchorSizes.length * config.aspectRatios.length;
    this.head = this.child("head", new RpnHead(channels, this.perCell, random));
  }

  /** features [B, C, H, W] */
  forward(features: Tensor): RpnOutput {
    const [, , height, width] = features.shape as [number, number, number, number];
    return { ...this.head.forward(features), ...this.anchorsOf(height, width), height, width };
  }

  /** Batches come in a few sizes, again and again. */
  private anchorsOf(height: number, width: number): { anchors: Float32Array; bounds: Float32Array } {
    const key = `${height} x ${width}`;
    let found = this.known.get(key);
    if (!found) {
      const { anchorSizes: sizes, aspectRatios, outputStride: stride } = this.config;
      const anchors = generateAnchors({ sizes, aspectRatios, stride, height, width });
      found = { anchors, bounds: blockBounds(anchors) };
      if (this.known.size === MOST_KNOWN) this.known.delete(this.known.keys().next().value!);
      this.known.set(key, found);
    }
    return found;
  }

  /**
   * The best boxes of each image, best first, without gradient.
   * @param placed where each image lies on the canvas, [B, 4] xyxy: boxes are clipped to it
   * @returns [N, 4] xyxy of each image, N at most `postNms`
   */
  proposals(output: RpnOutput, placed: Float32Array, preNms: number, postNms: number): Float32Array[] {
    const logits = output.logits.toFloat32();
    const deltas = output.deltas.toFloat32();
    const cells = output.height * output.width;
    const count = cells * this.perCell;
    return Array.from({ length: placed.length / 4 }, (_, image) => {
      const scores = logits.subarray(image * count, (image + 1) * count);
      const best = this.aboveScore(topK(scores, preNms), scores);
      const anchors = new Float32Array(4 * best.length);
      const offsets = new Float32Array(4 * best.length);
      for (let i = 0; i < best.length; i++) {
        // Scores lie anchor-major ([A, H, W]), anchors cell-major ([H, W, A]).
        const a = Math.floor(best[i] / cells);
        const cell = best[i] - a * cells;
        const from = 4 * (cell * this.perCell + a);
        const delta = image * 4 * count + 4 * a * cells + cell;
        for (let k = 0; k < 4; k++) {
          anchors[4 * i + k] = output.anchors[from + k];
          offsets[4 * i + k] = deltas[delta + k * cells];
        }
      }
      const [left, top, right, bottom] = placed.subarray(4 * image, 4 * image + 4);
      const boxes = clipBoxes(decodeBoxes(offsets, anchors, UNIT, offsets), right, bottom, left, top);
      return takeBoxes(boxes, nms(boxes, removeSmallBoxes(boxes, 1e-3), this.config.rpnNms, postNms));
    });
  }

  /** The head of a list, sorted by logit, whose scores are at least `rpnScore`. */
  private aboveScore(best: Int32Array, logits: Float32Array): Int32Array {
    const { rpnScore } = this.config;
    const low = Math.log(rpnScore / (1 - rpnScore));
    const end = best.findIndex((i) => logits[i] < low);
    return end < 0 ? best : best.subarray(0, end);
  }

  /**
   * Losses of sampled anchors: binary cross-entropy (mean), and smooth L1 of the objects' offsets (sum over
   * sampled anchors divided by their number, beta 1/9).
   */
  losses(
    output: RpnOutput,
    targets: readonly Target[],
    settings: RpnTraining,
    random: Random,
  ): { rpnClass: Tensor; rpnBox: Tensor } {
    const cells = output.height * output.width;
    const count = cells * this.perCell;
    const sampled: number[] = [];
    const objects: number[] = [];
    const offsetIndex: number[] = [];
    const offsetTarget: number[] = [];
    targets.forEach((target, image) => {
      const thresholds = { high: settings.rpnHigh, low: settings.rpnLow, allowLowQuality: true };
      const matches = matchAnchors(output.anchors, target.boxes, thresholds, output.bounds);
      ignoreRegions(output.anchors, matches, target.ignore);
      const { positive, negative } = samplePositivesNegatives(
        matches,
        { count: settings.rpnBatch, positiveFraction: settings.rpnPositives },
        random,
      );
      const at = (anchor: number) => {
        const cell = Math.floor(anchor / this.perCell);
        return { a: anchor - cell * this.perCell, cell };
      };
      for (const anchor of positive) {
        const { a, cell } = at(anchor);
        sampled.push(image * count + a * cells + cell);
        objects.push(1);
        for (let k = 0; k < 4; k++) offsetIndex.push(image * 4 * count + (4 * a + k) * cells + cell);
      }
      const goals = takeBoxes(
        target.boxes,
        positive.map((anchor) => matches[anchor]),
      );
      for (const value of encodeBoxes(goals, takeBoxes(output.anchors, positive), UNIT))
        offsetTarget.push(value);
      for (const anchor of negative) {
        const { a, cell } = at(anchor);
        sampled.push(image * count + a * cells + cell);
        objects.push(0);
      }
    });
    const { device } = output.logits;
    const pick = (x: Tensor, index: number[]) =>
      indexSelect(reshape(x, [-1]), 0, tensor(Int32Array.from(index), [index.length]).to(device));
    const goal = (values: number[]) => tensor(Float32Array.from(values), [values.length]).to(device);
    const entropy = binaryCrossEntropyWithLogits(pick(output.logits, sampled), goal(objects), "sum");
    const distance = smoothL1(pick(output.deltas, offsetIndex), goal(offsetTarget), 1 / 9, "sum");
    // Where everything is ignored nothing is sampled: the loss is 0, not the mean of nothing.
    const share = 1 / Math.max(1, sampled.length);
    return { rpnClass: mul(entropy, share), rpnBox: mul(distance, share) };
  }
}
