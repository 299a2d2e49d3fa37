// The contract of a detector: all that training, mimicry, evaluation, prediction and reports know of one. Plain data goes
// in and comes out; which kind it is nobody outside this folder asks. kinds.ts lists the kinds and builds them.
import type { Decoder, Detections, Size } from "@qmimic/runtime";
import type { Module, Random, Tensor } from "@qmimic/torch";
import type { z } from "zod";
import type { Sample } from "../data/types.js";
import type { Backbone } from "./backbones/types.js";
import type { DetectorConfig } from "./config.js";
import type { Target } from "./targets.js";

/** Images of a training step. */
export interface TrainingBatch {
  /** [B, 3, H, W] */
  images: Tensor;
  /** Where each image lies on the canvas, [B, 4] xyxy; the rest is padding. */
  placed: Float32Array;
  targets: readonly Target[];
}

export interface TrainingPass {
  /** Scalars by name, in a fixed order; their sum is the detection loss. */
  losses: Record<string, Tensor>;
  /** The last map before its quantizer, [B, C, H, W] float32: what is mimicked. */
  features: Tensor;
  /** Boxes that the detector believes in, best first, [N, 4] xyxy of each image: where it would like to mimic. */
  regions(): Float32Array[];
  /** What its heads said. */
  heads: HeadOutputs;
}

/** What heads say, and of what. Two detectors' heads can be compared when they are of one kind (see headMismatch). */
export type HeadOutputs =
  | {
      of: "regions";
      /** [N, 4] xyxy of each image; M in all. */
      boxes: readonly Float32Array[];
      /** [M, classes + 1] for a softmax, label 0 is background. */
      logits: Tensor;
      /** Box offsets as they come out, [M, 4 * (classes + 1)], or [M, 4] where all classes share them. */
      deltas: Tensor;
    }
  | {
      of: "cells";
      /** [B, classes, H, W] for a sigmoid. */
      logits: Tensor;
      /** To the left, upper, right and lower side of a box, in cells, [B, 4, H, W], at least 0. */
      distances: Tensor;
    };

export interface Detector extends Module {
  readonly config: DetectorConfig;
  /** Images [B, 3, H, W] -> the last map before its quantizer, [B, C, H / stride, W / stride]. */
  readonly backbone: Backbone;
  /** Images [B, 3, H, W] -> the map that the heads see: quantized where the configuration says so. */
  features(images: Tensor): Tensor;
  /**
   * How a training step is made with these settings (see DetectorKind.settings; others are left alone). `random` draws
   * whatever is sampled in the step.
   */
  trainingPass(settings: object): (batch: TrainingBatch, random: Random) => TrainingPass;
  /** What the heads say of a map where they said `like`: of the same regions, or of every cell. */
  headOutputs(features: Tensor, like: HeadOutputs): HeadOutputs;
  /** Finds objects; boxes in pixels of the batch. `sizes`: what each image takes of it, from the top left. Call eval() first. */
  detect(images: Tensor, sizes: readonly Size[]): Detections[];
  /** How outputs become detections. */
  readonly decoder: Decoder;
  /**
   * Every layer once: what the cost is of, and what is exported. Outputs by OUTPUTS' names, and `features`.
   * @param regions [N, 4] xyxy of each image, for heads that speak of regions; absent: as many as detect() may have, anywhere
   */
  everyLayer(images: Tensor, regions?: readonly Float32Array[]): Record<string, Tensor>;
}

/** What a kind of detectors is: a name, its settings, and how it is built. */
export interface DetectorKind {
  readonly name: string;
  /** Settings of a recipe that are this kind's, with defaults and meanings. */
  readonly settings: z.ZodObject;
  /** The whole configuration, sharedConfig included, with the literal `detector`. Unknown keys are left out. */
  readonly config: z.ZodObject;
  /** Settings that say what its layers are: weights of a detector that differs in one of them do not fit. */
  readonly layers: readonly string[];
  /** Layers of which a row, or several in a row, belong to each class, by their names; the background comes first where there is one. */
  readonly classLayers: { readonly names: readonly string[]; readonly background: boolean };
  /** Settings that change what heads' outputs mean: heads that differ in them cannot be compared. */
  readonly headCoding: readonly string[];
  /** What is wrong with settings that are each in range, together. */
  conflict(settings: object): string | undefined;
  /** The values of settings that are "auto". */
  choose(settings: object, network: NetworkFacts): object;
  /** @param config of this kind's schema. @throws InputError for an unknown backbone */
  create(config: DetectorConfig, random: Random): Detector;
}

/** What "auto" can depend on. */
export interface NetworkFacts {
  /** For instance "vgg-1-32". */
  backbone: string;
  /** Of the training split. */
  samples: readonly Sample[];
  /** Longest side of the input in pixels. */
  side: number;
}
