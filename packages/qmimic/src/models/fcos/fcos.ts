// A one-stage detector on one feature map (after Tian et al., FCOS, ICCV 2019): every cell says what is there, how well it
// knows where, and where; no anchors, no regions, no fully connected layer.
import { decodeDistances, nms, topK } from "@qmimic/runtime";
import { cast, Module, noGrad, type Random, scope, type Tensor } from "@qmimic/torch";
import { requireFinite } from "../../finite.js";
import { timed } from "../../profile.js";
import { createBackbone } from "../backbones/backbone.js";
import type { Backbone } from "../backbones/types.js";
import { defineKind } from "../defineKind.js";
import type { Detections, Detector, HeadOutputs, TrainingBatch, TrainingPass } from "../detector.js";
import { keepBest } from "../keepBest.js";
import { applyQuantizer } from "../quantizer.js";
import { type Size, takeBoxes } from "../targets.js";
import { cellLosses } from "./losses.js";
import { type FcosConfig, type FcosSettings, fcosConfigSchema, fcosSettingsSchema } from "./settings.js";
import { type CellOutputs, Towers } from "./towers.js";

/** Regions of an image that training may mimic, at most. */
const MOST_REGIONS = 500;

class Fcos extends Module implements Detector {
  readonly backbone: Backbone;
  private readonly towers: Towers;

  constructor(
    readonly config: FcosConfig,
    random: Random,
  ) {
    super();
    this.backbone = this.child("backbone", createBackbone(config, random));
    this.towers = this.child("head", new Towers(config, this.backbone.outChannels, random));
  }

  features(images: Tensor): Tensor {
    return applyQuantizer(this.backbone.forward(images), this.config.quantizer);
  }

  trainingPass(settings: object): (batch: TrainingBatch, random: Random) => TrainingPass {
    const own = fcosSettingsSchema.parse(settings);
    return (batch) => this.pass(batch, own);
  }

  private pass({ images, placed, targets }: TrainingBatch, settings: FcosSettings): TrainingPass {
    const features = timed("backbone", () => cast(this.backbone.forward(images), "float32"));
    const quantized = timed("quantize", () => applyQuantizer(features, this.config.quantizer));
    const outputs = timed("head", () => this.towers.forward(quantized));
    const { outputStride } = this.config;
    const losses = timed("loss", () => cellLosses(outputs, targets, placed, outputStride, settings));
    return {
      losses,
      features,
      regions: () => this.regions(outputs, settings),
      heads: { of: "cells", ...outputs },
    };
  }

  /** Its own best boxes, whatever their class, without those that overlap a better one. */
  private regions(outputs: CellOutputs, { preNms, regionNms }: FcosSettings): Float32Array[] {
    return this.images(outputs).map(({ logits, distances, size, width }) => {
      const best = new Float32Array(size).fill(Number.NEGATIVE_INFINITY);
      for (let i = 0; i < logits.length; i++) best[i % size] = Math.max(best[i % size], logits[i]);
      const cells = topK(best, preNms);
      const boxes = decodeDistances(cells, distances, width, this.config.outputStride);
      return takeBoxes(
        boxes,
        nms(
          boxes,
          cells.map((_, i) => i),
          regionNms,
          MOST_REGIONS,
        ),
      );
    });
  }

  headOutputs(features: Tensor): HeadOutputs {
    return { of: "cells", ...this.towers.forward(features) };
  }

  everyLayer(images: Tensor): void {
    this.towers.forward(this.features(images));
  }

  detect(images: Tensor, sizes: readonly Size[]): Detections[] {
    const { boxScore, boxNms: nms, boxVote: vote, boxDetections: detections, preNms } = this.config;
    const least = Math.log(boxScore / (1 - boxScore));
    return noGrad(() =>
      scope(() => {
        const outputs = this.towers.forward(this.features(images));
        return this.images(outputs).map(({ logits, distances, size, width }, image) => {
          for (const one of [logits, distances]) requireFinite(one, "detections");
          const best = topK(logits, preNms);
          const places = best.subarray(0, countAbove(best, logits, least));
          const cells = places.map((place) => place % size);
          const found = {
            boxes: decodeDistances(cells, distances, width, this.config.outputStride),
            scores: Float32Array.from(places, (place) => 1 / (1 + Math.exp(-logits[place]))),
            labels: places.map((place) => Math.floor(place / size) + 1),
          };
          return keepBest(found, sizes[image], { nms, vote, detections });
        });
      }),
    );
  }

  /** The outputs of each image as arrays. */
  private images({ logits, distances }: CellOutputs) {
    const [batch, classes, height, width] = logits.shape as [number, number, number, number];
    const size = height * width;
    const [scores, sides] = [logits.toFloat32(), distances.toFloat32()];
    return Array.from({ length: batch }, (_, image) => ({
      logits: scores.subarray(image * classes * size, (image + 1) * classes * size),
      distances: sides.subarray(4 * image * size, 4 * (image + 1) * size),
      size,
      width,
    }));
  }
}

/** How many of the places, sorted by logit, are above `least`. */
function countAbove(sorted: Int32Array, logits: Float32Array, least: number): number {
  let end = 0;
  while (end < sorted.length && logits[sorted[end]] > least) end++;
  return end;
}

export const createFcos = (config: FcosConfig, random: Random): Detector => new Fcos(config, random);

export const fcos = defineKind({
  name: "fcos",
  settings: fcosSettingsSchema,
  config: fcosConfigSchema,
  headCoding: [],
  create: createFcos,
});
