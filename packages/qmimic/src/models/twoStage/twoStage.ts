// Two-stage detectors on one feature map: backbone, quantizer, region proposals (Ren et al., Faster R-CNN,
// NeurIPS 2015), and a head that classifies each proposal. The kinds differ only in their head.
import {
  type BoxWeights,
  type Detections,
  detectRegions,
  type RegionsDecoder,
  type Size,
} from "@qmimic/runtime";
import { cast, Module, noGrad, type Random, scope, type Tensor } from "@qmimic/torch";
import { requireFinite } from "../../finite.js";
import { timed } from "../../profile.js";
import { createBackbone } from "../backbones/backbone.js";
import type { Backbone } from "../backbones/types.js";
import type { Detector, HeadOutputs, TrainingBatch, TrainingPass } from "../detector.js";
import { keepSettingsOf } from "../keepSettings.js";
import { applyQuantizer } from "../quantizer.js";
import type { RegionHead } from "./regionHead.js";
import { lossOfEach, regionLosses } from "./regionLosses.js";
import {
  type Candidates,
  hardestRegions,
  matchProposals,
  type SampledRegions,
  sampleRegions,
} from "./regionSamples.js";
import { Rpn } from "./rpn.js";
import { type TwoStageConfig, type TwoStageSettings, twoStageSettingsSchema } from "./settings.js";

export class TwoStage<C extends TwoStageConfig> extends Module implements Detector {
  readonly backbone: Backbone;
  readonly decoder: RegionsDecoder;
  private readonly rpn: Rpn;
  private readonly head: RegionHead;

  /**
   * @param createHead creates the head for a map with the given number of channels
   * @param backbone overrides the configuration's network
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
    this.decoder = decoderOf(config);
  }

  features(images: Tensor): Tensor {
    return applyQuantizer(this.backbone.forward(images), this.config.quantizer);
  }

  trainingPass(settings: object): (batch: TrainingBatch, random: Random) => TrainingPass {
    const parsed = twoStageSettingsSchema.parse(settings);
    return (batch, random) => this.pass(batch, parsed, random);
  }

  private pass(
    { images, placed, targets }: TrainingBatch,
    settings: TwoStageSettings,
    random: Random,
  ): TrainingPass {
    // Wide layers may compute in bfloat16; quantizing, mimicking and pooling need float32.
    const features = timed("backbone", () => cast(this.backbone.forward(images), "float32"));
    const quantized = timed("quantize", () => applyQuantizer(features, this.config.quantizer));
    const output = timed("rpn", () => this.rpn.forward(quantized));
    const { rpnPreNmsTrain: preNms, rpnPostNmsTrain: postNms } = settings;
    const proposals = timed("proposals", () =>
      this.rpn.proposals(output, placed, { ...this.decoder.proposals, preNms, postNms }),
    );
    const rpnLosses = timed("rpn loss", () => this.rpn.losses(output, targets, settings, random));
    const sampled = timed("sampling", () =>
      this.sample(quantized, matchProposals(proposals, targets, settings), settings, random),
    );
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

  /** The regions for training the head. */
  private sample(
    quantized: Tensor,
    candidates: readonly Candidates[],
    settings: TwoStageSettings,
    random: Random,
  ): SampledRegions {
    const weights = this.config.boxWeights as BoxWeights;
    if (!settings.hardExamples) return sampleRegions(candidates, settings, weights, random);
    return hardestRegions(candidates, settings, weights, (all) =>
      noGrad(() => scope(() => lossOfEach(this.head.forward(quantized, all.boxes), all))),
    );
  }

  headOutputs(features: Tensor, like: HeadOutputs): HeadOutputs {
    if (like.of !== "regions") throw new TypeError(`heads with regions cannot be evaluated for ${like.of}`);
    return { of: "regions", boxes: like.boxes, ...this.head.forward(features, like.boxes) };
  }

  everyLayer(images: Tensor, regions = this.anyRegions(images)): Record<string, Tensor> {
    const features = this.features(images);
    const anchors = this.rpn.forward(features);
    const { logits, deltas } = this.head.forward(features, regions);
    return {
      features,
      anchorLogits: anchors.logits,
      anchorDeltas: anchors.deltas,
      regionLogits: logits,
      regionDeltas: deltas,
    };
  }

  private anyRegions(images: Tensor): readonly Float32Array[] {
    const ofOne = () => new Float32Array(4 * this.config.rpnPostNms);
    return Array.from({ length: images.shape[0] as number }, ofOne);
  }

  detect(images: Tensor, sizes: readonly Size[]): Detections[] {
    return noGrad(() =>
      scope(() => {
        const features = this.features(images);
        const placed = Float32Array.from(sizes.flatMap(({ width, height }) => [0, 0, width, height]));
        const output = this.rpn.forward(features);
        for (const values of [output.logits, output.deltas])
          requireFinite(values.toFloat32(), "region proposals");
        const proposals = this.rpn.proposals(output, placed, this.decoder.proposals);
        return this.detectIn(features, proposals, sizes);
      }),
    );
  }

  private detectIn(
    features: Tensor,
    proposals: readonly Float32Array[],
    sizes: readonly Size[],
  ): Detections[] {
    const headOutputs = this.head.forward(features, proposals);
    const [labels, width] = [headOutputs.logits.shape[1], headOutputs.deltas.shape[1]];
    const [logits, deltas] = [headOutputs.logits.toFloat32(), headOutputs.deltas.toFloat32()];
    for (const values of [logits, deltas]) requireFinite(values, "detections");
    let row = 0;
    return proposals.map((regions, image) => {
      const end = row + regions.length / 4;
      const outputs = {
        logits: logits.subarray(labels * row, labels * end),
        deltas: deltas.subarray(width * row, width * end),
        regions,
      };
      row = end;
      return detectRegions(outputs, sizes[image], this.decoder);
    });
  }
}

const decoderOf = (config: TwoStageConfig): RegionsDecoder => ({
  of: "regions",
  stride: config.outputStride,
  anchorSizes: config.anchorSizes,
  aspectRatios: config.aspectRatios,
  proposals: {
    score: config.rpnScore,
    preNms: config.rpnPreNms,
    postNms: config.rpnPostNms,
    nms: config.rpnNms,
  },
  boxWeights: config.boxWeights as BoxWeights,
  score: config.boxScore,
  keep: keepSettingsOf(config),
});
