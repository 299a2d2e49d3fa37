// Two-stage detectors on one feature map: backbone, quantizer, region proposals (Ren et al., Faster R-CNN, NeurIPS 2015),
// and a head that says of each proposed region what it is. The kinds differ in their head.
import { type BoxWeights, decodeBoxes } from "@qmimic/runtime";
import { cast, Module, noGrad, type Random, scope, softmax, type Tensor } from "@qmimic/torch";
import { requireFinite } from "../../finite.js";
import { timed } from "../../profile.js";
import { createBackbone } from "../backbones/backbone.js";
import type { Backbone } from "../backbones/types.js";
import type { Detections, Detector, HeadOutputs, TrainingBatch, TrainingPass } from "../detector.js";
import { keepBest, type ScoredBoxes } from "../keepBest.js";
import { applyQuantizer } from "../quantizer.js";
import { type Size, type Target, takeBoxes } from "../targets.js";
import type { RegionHead } from "./regionHead.js";
import { lossOfEach, regionLosses } from "./regionLosses.js";
import { hardestRegions, type SampledRegions, sampleRegions } from "./regionSamples.js";
import { Rpn } from "./rpn.js";
import { type TwoStageConfig, type TwoStageSettings, twoStageSettingsSchema } from "./settings.js";

export class TwoStage<C extends TwoStageConfig> extends Module implements Detector {
  readonly backbone: Backbone;
  private readonly rpn: Rpn;
  private readonly head: RegionHead;

  /**
   * @param createHead for a map of so many channels
   * @param backbone a network other than the one that the configuration names
   */
  constructor(
    readonly config: C,
    random: Random,
    createHead: (config: C, channels: number, random: Random) => RegionHead,
    backbone: Backbone = createBackbone(config, random),
  ) {
    super();
    this.backbone = this.child("backbone", backbone);
    this.rpn = this.child("rpn", new Rpn(config, this.backbone.outChannels, random));
    this.head = this.child("roi_heads", createHead(config, this.backbone.outChannels, random));
  }

  features(images: Tensor): Tensor {
    return applyQuantizer(this.backbone.forward(images), this.config.quantizer);
  }

  trainingPass(settings: object): (batch: TrainingBatch, random: Random) => TrainingPass {
    const own = twoStageSettingsSchema.parse(settings);
    return (batch, random) => this.pass(batch, own, random);
  }

  private pass(
    { images, placed, targets }: TrainingBatch,
    settings: TwoStageSettings,
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
    const sampled = timed("sampling", () => this.sample(quantized, proposals, targets, settings, random));
    const { outputs, boxLosses } = timed("head", () => {
      const outputs = this.head.forward(quantized, sampled.boxes);
      return { outputs, boxLosses: regionLosses(outputs, sampled) };
    });
    return {
      losses: { ...rpnLosses, ...boxLosses },
      features,
      regions: () => proposals,
      heads: { of: "regions", boxes: sampled.boxes, ...outputs },
    };
  }

  /** The regions that the head is trained on. */
  private sample(
    quantized: Tensor,
    proposals: readonly Float32Array[],
    targets: readonly Target[],
    settings: TwoStageSettings,
    random: Random,
  ): SampledRegions {
    const weights = this.config.boxWeights as BoxWeights;
    if (!settings.hardExamples) return sampleRegions(proposals, targets, settings, weights, random);
    return hardestRegions(proposals, targets, settings, weights, (all) =>
      noGrad(() => scope(() => lossOfEach(this.head.forward(quantized, all.boxes), all))),
    );
  }

  headOutputs(features: Tensor, like: HeadOutputs): HeadOutputs {
    if (like.of !== "regions") throw new TypeError(`heads of regions are asked about ${like.of}`);
    return { of: "regions", boxes: like.boxes, ...this.head.forward(features, like.boxes) };
  }

  everyLayer(images: Tensor): void {
    const features = this.features(images);
    this.rpn.forward(features);
    const regions = () => new Float32Array(4 * this.config.rpnPostNms);
    this.head.forward(features, Array.from({ length: images.shape[0] as number }, regions));
  }

  detect(images: Tensor, sizes: readonly Size[]): Detections[] {
    const { rpnPreNms, rpnPostNms } = this.config;
    return noGrad(() =>
      scope(() => {
        const features = this.features(images);
        const placed = Float32Array.from(sizes.flatMap(({ width, height }) => [0, 0, width, height]));
        const output = this.rpn.forward(features);
        for (const one of [output.logits, output.deltas]) requireFinite(one.toFloat32(), "region proposals");
        const proposals = this.rpn.proposals(output, placed, rpnPreNms, rpnPostNms);
        return this.scored(features, proposals).map((found, image) => {
          const { boxNms: nms, boxVote: vote, boxDetections: detections } = this.config;
          return keepBest(found, sizes[image], { nms, vote, detections });
        });
      }),
    );
  }

  /** The proposals of each image as every class that they may be, moved by their offsets. */
  private scored(features: Tensor, proposals: readonly Float32Array[]): ScoredBoxes[] {
    const { logits, deltas } = this.head.forward(features, proposals);
    const [labelCount, width] = [logits.shape[1] as number, deltas.shape[1] as number];
    const shared = width === 4;
    const probabilities = softmax(logits, 1).toFloat32();
    const offsets = deltas.toFloat32();
    for (const one of [probabilities, offsets]) requireFinite(one, "detections");
    let row = 0;
    return proposals.map((list) => {
      const count = list.length / 4;
      const scores = probabilities.subarray(labelCount * row, labelCount * (row + count));
      const own = offsets.subarray(width * row, width * (row + count));
      row += count;
      const index = likely(scores, labelCount, this.config.boxScore);
      const boxes = decodeBoxes(own, list, this.config.boxWeights as BoxWeights);
      return {
        boxes: takeBoxes(boxes, shared ? index.map((i) => Math.floor(i / labelCount)) : index),
        scores: Float32Array.from(index, (i) => scores[i]),
        labels: index.map((i) => i % labelCount),
      };
    });
  }
}

/** Places in [N, labels] of the scores above `least`, background left out. */
function likely(scores: Float32Array, labelCount: number, least: number): Int32Array {
  const places = new Int32Array(scores.length);
  let count = 0;
  for (let i = 0; i < scores.length; i++) {
    if (i % labelCount !== 0 && scores[i] > least) places[count++] = i;
  }
  return places.subarray(0, count);
}
