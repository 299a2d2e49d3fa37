// An anchor-free one-stage detector (Tian et al., FCOS, ICCV 2019) on one feature map: every cell predicts its
// class and the distances to the sides of its box. There are no proposals and no second stage.
import { type CellsDecoder, type Detections, detectCells, type Size } from "@qmimic/runtime";
import { cast, Module, noGrad, type Random, scope, type Tensor } from "@qmimic/torch";
import { requireFinite } from "../../finite.js";
import { timed } from "../../profile.js";
import { createBackbone } from "../backbones/backbone.js";
import type { Backbone } from "../backbones/types.js";
import { narrowed, parseBackbone } from "../config.js";
import { defineKind } from "../defineKind.js";
import type { Detector, HeadOutputs, TrainingBatch, TrainingPass } from "../detector.js";
import { keepSettingsOf } from "../keepSettings.js";
import { applyQuantizer } from "../quantizer.js";
import type { CellArrays } from "./alignment.js";
import { assignCells } from "./assign.js";
import { bestRegions } from "./boxes.js";
import { type CellOutputs, FcosHead } from "./head.js";
import { cellLosses } from "./losses.js";
import { type FcosConfig, type FcosSettings, fcosConfig, fcosSettings } from "./settings.js";

export class Fcos extends Module implements Detector {
  readonly backbone: Backbone;
  readonly decoder: CellsDecoder;
  private readonly head: FcosHead;

  constructor(
    readonly config: FcosConfig,
    random: Random,
  ) {
    super();
    this.backbone = this.child("backbone", createBackbone(config, random));
    this.head = this.child("head", new FcosHead(config, this.backbone.outChannels, random));
    const { outputStride: stride, preNms, boxScore: score } = config;
    this.decoder = { of: "cells", stride, preNms, score, keep: keepSettingsOf(config) };
  }

  features(images: Tensor): Tensor {
    return applyQuantizer(this.backbone.forward(images), this.config.quantizer);
  }

  trainingPass(settings: object): (batch: TrainingBatch) => TrainingPass {
    const parsed = fcosSettings.parse(settings);
    return (batch) => this.pass(batch, parsed);
  }

  private pass({ images, placed, targets }: TrainingBatch, settings: FcosSettings): TrainingPass {
    // Wide layers may compute in bfloat16; quantizing and mimicking need float32.
    const features = timed("backbone", () => cast(this.backbone.forward(images), "float32"));
    const quantized = timed("quantize", () => applyQuantizer(features, this.config.quantizer));
    const outputs = timed("head", () => this.head.forward(quantized));
    const arrays = timed("read", () => this.arrays(outputs));
    const assigned = timed("assign", () => assignCells(arrays, targets, placed, settings.objectCells));
    return {
      losses: timed("head loss", () => cellLosses(outputs, assigned)),
      features,
      regions: () => bestRegions(arrays, placed, this.config.preNms),
      heads: { of: "cells", ...outputs },
    };
  }

  private arrays({ logits, distances }: CellOutputs): CellArrays {
    const [, classes, height, width] = logits.shape as [number, number, number, number];
    const { outputStride: stride } = this.config;
    return { logits: logits.toFloat32(), distances: distances.toFloat32(), classes, height, width, stride };
  }

  headOutputs(features: Tensor, like: HeadOutputs): HeadOutputs {
    if (like.of !== "cells") throw new TypeError(`heads with cells cannot be evaluated for ${like.of}`);
    return { of: "cells", ...this.head.forward(features) };
  }

  everyLayer(images: Tensor): Record<string, Tensor> {
    const features = this.features(images);
    return { features, ...this.head.forward(features) };
  }

  detect(images: Tensor, sizes: readonly Size[]): Detections[] {
    return noGrad(() =>
      scope(() => {
        const { logits, distances, classes, width, height } = this.arrays(
          this.head.forward(this.features(images)),
        );
        for (const values of [logits, distances]) requireFinite(values, "detections");
        const plane = height * width;
        return sizes.map((size, image) => {
          const outputs = {
            logits: logits.subarray(image * classes * plane, (image + 1) * classes * plane),
            distances: distances.subarray(4 * image * plane, 4 * (image + 1) * plane),
            width,
          };
          return detectCells(outputs, size, this.decoder);
        });
      }),
    );
  }
}

export const fcos = defineKind({
  name: "fcos",
  settings: fcosSettings,
  config: fcosConfig,
  layers: ["towerDepth", "towerKind", "towerWidth"],
  classLayers: { names: ["head.cls_logits"], background: false },
  headCoding: [],
  choose: ({ towerWidth }, { backbone }) =>
    towerWidth === "auto" ? { towerWidth: autoWidth(backbone) } : {},
  create: (config, random) => new Fcos(config, random),
});

/** Channels of the last map, at most 32: a teacher's wide towers would run in every step of its student. */
const autoWidth = (backbone: string): number => Math.min(32, narrowed(512, parseBackbone(backbone).divisor));
