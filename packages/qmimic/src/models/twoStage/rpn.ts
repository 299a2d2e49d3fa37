// Region proposal network (Ren et al., NeurIPS 2015, section 3.1): which anchors contain an object, and exactly
// where. Structure, losses and parameter names are as in torchvision.
import { blockBounds, generateAnchors, type ProposalSettings, proposeRegions } from "@qmimic/runtime";
import {
  binaryCrossEntropyWithLogits,
  Conv2d,
  cast,
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
import type { Target } from "../targets.js";
import { type RpnOutput, type RpnTraining, sampleAnchors } from "./anchorSamples.js";
import { BETA } from "./regionLosses.js";
import type { TwoStageConfig } from "./settings.js";

/** Maximum cached map sizes; at stride 4 their anchors take about 1 MB each. */
const MAX_KNOWN = 32;

class RpnHead extends Module {
  private readonly conv: Conv2d;
  private readonly logits: Conv2d;
  private readonly deltas: Conv2d;

  constructor(channels: number, anchors: number, random: Random) {
    super();
    // torchvision initializes all three with standard deviation 0.01, which suits 256 or more channels: with
    // 16, signal and gradient almost vanish. These have the effect of 0.01 at 256 channels for any width.
    const prediction = { kernel: 1, init: 0.16 / Math.sqrt(channels), predicts: true };
    this.conv = this.child(
      "conv.0.0",
      new Conv2d(channels, channels, random, { kernel: 3, padding: 1, init: "kaiming" }),
    );
    this.logits = this.child("cls_logits", new Conv2d(channels, anchors, random, prediction));
    this.deltas = this.child("bbox_pred", new Conv2d(channels, 4 * anchors, random, prediction));
  }

  forward(features: Tensor): { logits: Tensor; deltas: Tensor } {
    const hidden = relu(this.conv.forward(features));
    // Wide layers may compute in bfloat16; decoding and comparing need float32.
    return {
      logits: cast(this.logits.forward(hidden), "float32"),
      deltas: cast(this.deltas.forward(hidden), "float32"),
    };
  }
}

export class Rpn extends Module {
  private readonly head: RpnHead;
  private readonly perCell: number;
  private readonly known = new Map<string, { anchors: Float32Array; bounds: Float32Array }>();

  constructor(
    private readonly config: TwoStageConfig,
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

  /** Batches come in only a few sizes. */
  private anchorsOf(height: number, width: number): { anchors: Float32Array; bounds: Float32Array } {
    const key = `${height} x ${width}`;
    let found = this.known.get(key);
    if (!found) {
      const { anchorSizes: sizes, aspectRatios, outputStride: stride } = this.config;
      const anchors = generateAnchors({ sizes, aspectRatios, stride, height, width });
      found = { anchors, bounds: blockBounds(anchors) };
      if (this.known.size === MAX_KNOWN) this.known.delete(this.known.keys().next().value!);
      this.known.set(key, found);
    }
    return found;
  }

  /**
   * The proposals of each image, best first, without gradients.
   * @param placed each image's area on the canvas, [B, 4] xyxy; boxes are clipped to it
   * @returns [N, 4] xyxy per image
   */
  proposals(output: RpnOutput, placed: Float32Array, settings: ProposalSettings): Float32Array[] {
    const logits = output.logits.toFloat32();
    const deltas = output.deltas.toFloat32();
    const cells = output.height * output.width;
    const count = cells * this.perCell;
    return Array.from({ length: placed.length / 4 }, (_, image) => {
      const outputs = {
        logits: logits.subarray(image * count, (image + 1) * count),
        deltas: deltas.subarray(4 * image * count, 4 * (image + 1) * count),
        anchors: output.anchors,
        cells,
      };
      return proposeRegions(outputs, placed.subarray(4 * image, 4 * image + 4), settings);
    });
  }

  /**
   * Losses of sampled anchors: binary cross-entropy (mean), and smooth L1 of the positives' deltas (sum over
   * sampled anchors divided by their number, beta 1/9).
   */
  losses(
    output: RpnOutput,
    targets: readonly Target[],
    settings: RpnTraining,
    random: Random,
  ): { rpnClass: Tensor; rpnBox: Tensor } {
    const { scores, objects, offsets, goals } = sampleAnchors(output, targets, settings, random);
    const { device } = output.logits;
    const pick = (x: Tensor, index: Int32Array) => indexSelect(reshape(x, [-1]), 0, tensor(index).to(device));
    const entropy = binaryCrossEntropyWithLogits(
      pick(output.logits, scores),
      tensor(objects).to(device),
      "sum",
    );
    const distance = smoothL1(pick(output.deltas, offsets), tensor(goals).to(device), BETA, "sum");
    // If everything is ignored, nothing is sampled: the loss is 0, not NaN.
    const scale = 1 / Math.max(1, scores.length);
    return { rpnClass: mul(entropy, scale), rpnBox: mul(distance, scale) };
  }
}
