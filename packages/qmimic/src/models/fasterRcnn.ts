// Faster R-CNN (Ren et al., NeurIPS 2015) with the head of Fast R-CNN (Girshick, ICCV 2015): RoIAlign, two
// hidden layers, class scores and per-class offsets. Structure and parameter names are as in torchvision, with
// hidden layers 1/n as wide.
import { flatten, Linear, type Random, relu, roiAlign, type Tensor, tensor } from "@qmimic/torch";
import { z } from "zod";
import type { Backbone } from "./backbones/types.js";
import { parseBackbone } from "./config.js";
import { defineKind } from "./defineKind.js";
import { auto, count, MAX_ROI_CELLS, MAX_WIDTH, wholeUpTo } from "./settings.js";
import { autoAnchors } from "./twoStage/chooseAnchors.js";
import { numbered, RegionHead, type RegionOutputs } from "./twoStage/regionHead.js";
import { conflictIn, twoStageConfig, twoStageSettings } from "./twoStage/settings.js";
import { TwoStage } from "./twoStage/twoStage.js";

const settings = z.object({
  ...twoStageSettings,
  roiSize: wholeUpTo(MAX_ROI_CELLS, 7, "output cells per side of RoIAlign"),
  headWidth: z
    .union([count.max(MAX_WIDTH), auto])
    .default("auto")
    .describe("neurons of the box head's hidden layers; auto: 1024 / N, at least 32"),
});

const config = z.object({
  detector: z.literal("faster-rcnn"),
  ...twoStageConfig,
  /** RoIAlign's output cells per side. */
  roiSize: count.max(MAX_ROI_CELLS),
  /** Neurons of the head's two hidden layers. */
  headWidth: count.max(MAX_WIDTH),
});
export type FasterRcnnConfig = z.infer<typeof config>;

class BoxHead extends RegionHead {
  private readonly fc6: Linear;
  private readonly fc7: Linear;
  private readonly score: Linear;
  private readonly offset: Linear;

  constructor(
    private readonly config: FasterRcnnConfig,
    channels: number,
    random: Random,
  ) {
    super();
    const { headWidth, roiSize, classes } = config;
    const labels = classes.length + 1;
    // Kaiming initialization for layers before a ReLU; PyTorch's default, as in torchvision, is smaller.
    const hidden = (inputs: number) => new Linear(inputs, headWidth, random, { std: Math.sqrt(2 / inputs) });
    const prediction = (outputs: number) =>
      new Linear(headWidth, outputs, random, { std: 0.16 / Math.sqrt(headWidth), predicts: true });
    this.fc6 = this.child("box_head.fc6", hidden(channels * roiSize ** 2));
    this.fc7 = this.child("box_head.fc7", hidden(headWidth));
    this.score = this.child("box_predictor.cls_score", prediction(labels));
    this.offset = this.child("box_predictor.bbox_pred", prediction(4 * labels));
  }

  forward(features: Tensor, boxes: readonly Float32Array[]): RegionOutputs {
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
}

/** @param backbone overrides the configuration's network */
export const createFasterRcnn = (
  configuration: FasterRcnnConfig,
  random: Random,
  backbone?: Backbone,
): TwoStage<FasterRcnnConfig> =>
  new TwoStage(configuration, random, (...head) => new BoxHead(...head), backbone);

export const fasterRcnn = defineKind({
  name: "faster-rcnn",
  settings,
  config,
  layers: ["anchorSizes", "aspectRatios", "roiSize", "headWidth"],
  classLayers: {
    names: ["roi_heads.box_predictor.cls_score", "roi_heads.box_predictor.bbox_pred"],
    background: true,
  },
  headCoding: ["boxWeights"],
  conflict: conflictIn,
  choose: ({ headWidth, ...rest }, network) => ({
    ...autoAnchors(rest, network),
    ...(headWidth === "auto"
      ? { headWidth: Math.max(32, Math.round(1024 / parseBackbone(network.backbone).divisor)) }
      : {}),
  }),
  create: createFasterRcnn,
});
