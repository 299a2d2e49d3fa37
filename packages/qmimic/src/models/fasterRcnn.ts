// Faster R-CNN (Ren et al., NeurIPS 2015) on one feature map: backbone, quantizer, RPN, box head.
import { cast, Module, noGrad, type Random, scope, type Tensor } from "@qmimic/torch";
import { timed } from "../profile.js";
import { applyQuantizer, type Backbone, createBackbone } from "./backbone.js";
import { BoxHead, type BoxOutputs, type BoxTraining, type Detections } from "./boxHead.js";
import type { DetectorConfig } from "./config.js";
import { Rpn, type RpnTraining } from "./rpn.js";
import type { Size, Target } from "./targets.js";

/** Losses of one step; their sum is the detection loss. */
export interface DetectionLosses {
  rpnClass: Tensor;
  rpnBox: Tensor;
  boxClass: Tensor;
  boxBox: Tensor;
}

export interface TrainingPass {
  losses: DetectionLosses;
  /** The backbone's map before the quantizer, [B, C, H, W]. */
  features: Tensor;
  /** The RPN's boxes of each image, best first, [N, 4] xyxy. */
  proposals: Float32Array[];
  /** Those of each image that the head was trained on, objects first, and what it said of them. */
  sampled: Float32Array[];
  outputs: BoxOutputs;
}

export class FasterRcnn extends Module {
  readonly backbone: Backbone;
  private readonly rpn: Rpn;
  private readonly head: BoxHead;

  /** @param backbone a network other than the one that the configuration names */
  constructor(
    readonly config: DetectorConfig,
    random: Random,
    backbone: Backbone = createBackbone(config, random),
  ) {
    super();
    this.backbone = this.child("backbone", backbone);
    this.rpn = this.child("rpn", new Rpn(config, this.backbone.outChannels, random));
    this.head = this.child("roi_heads", new BoxHead(config, this.backbone.outChannels, random));
  }

  /** images [B, 3, H, W] -> the map that the heads see (quantized where the configuration says so) */
  features(images: Tensor): Tensor {
    return applyQuantizer(this.backbone.forward(images), this.config.quantizer);
  }

  /**
   * Losses of one batch.
   * @param placed where each image lies on the canvas, [B, 4] xyxy: proposals are clipped to it
   * @param random picks the anchors and proposals that enter the losses
   */
  trainingPass(
    images: Tensor,
    placed: Float32Array,
    targets: readonly Target[],
    settings: RpnTraining & BoxTraining,
    random: Random,
  ): TrainingPass {
    // Wide layers may have computed in bfloat16; what is rounded, mimicked and pooled is float32.
    const features = timed("backbone", () => cast(this.backbone.forward(images), "float32"));
    const quantized = timed("quantize", () => applyQuantizer(features, this.config.quantizer));
    const output = timed("rpn", () => this.rpn.forward(quantized));
    const { rpnPreNmsTrain, rpnPostNmsTrain } = settings;
    const proposals = timed("proposals", () =>
      this.rpn.proposals(output, placed, rpnPreNmsTrain, rpnPostNmsTrain),
    );
    const rpnLosses = timed("rpn loss", () => this.rpn.losses(output, targets, settings, random));
    const sampled = timed("sampling", () => this.head.sample(proposals, targets, settings, random));
    const { outputs, boxLosses } = timed("head", () => {
      const outputs = this.head.forward(quantized, sampled.boxes);
      return { outputs, boxLosses: this.head.losses(outputs, sampled) };
    });
    return { losses: { ...rpnLosses, ...boxLosses }, features, proposals, sampled: sampled.boxes, outputs };
  }

  /** What the box head says of boxes of each image, [N, 4] xyxy, given the map that the heads see. */
  boxOutputs(features: Tensor, boxes: readonly Float32Array[]): BoxOutputs {
    return this.head.forward(features, boxes);
  }

  /** Every layer once, on `regions` regions of each image; for measuring the cost. images [B, 3, H, W] */
  forwardAll(images: Tensor, regions: number): void {
    const features = this.features(images);
    this.rpn.forward(features);
    this.head.forward(
      features,
      Array.from({ length: images.shape[0] }, () => new Float32Array(4 * regions)),
    );
  }

  /** Finds objects; boxes in pixels of the batch. Call eval() first. */
  detect(images: Tensor, sizes: readonly Size[]): Detections[] {
    const { rpnPreNms, rpnPostNms } = this.config;
    return noGrad(() =>
      scope(() => {
        const features = this.features(images);
        const placed = Float32Array.from(sizes.flatMap(({ width, height }) => [0, 0, width, height]));
        const proposals = this.rpn.proposals(this.rpn.forward(features), placed, rpnPreNms, rpnPostNms);
        return this.head.detect(features, proposals, sizes);
      }),
    );
  }
}
