// The interface of a detector for training, mimicking, evaluation, prediction and reports. Inputs and outputs
// are plain data; no code outside this folder depends on the kind. kinds.ts lists the kinds and builds them.
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
  /** Each image's area on the canvas, [B, 4] xyxy; the rest is padding. */
  placed: Float32Array;
  targets: readonly Target[];
}

/** What a training step computes for one batch. */
export interface TrainingPass {
  /** Scalars by name, in a fixed order; their sum is the detection loss. */
  losses: Record<string, Tensor>;
  /** The last map before quantization, [B, C, H, W] float32: this is mimicked. */
  features: Tensor;
  /** The detector's proposals, best first, [N, 4] xyxy per image: candidate regions for mimicking. */
  regions(): Float32Array[];
  /** The outputs of its heads. */
  heads: HeadOutputs;
}

/**
 * Outputs of heads, and their inputs. Two detectors' heads can be compared if they are of the same kind (see
 * headMismatch).
 */
export type HeadOutputs =
  | {
      of: "regions";
      /** [N, 4] xyxy per image; M in total. */
      boxes: readonly Float32Array[];
      /** [M, classes + 1] for a softmax, label 0 is background. */
      logits: Tensor;
      /** Raw box deltas, [M, 4 * (classes + 1)], or [M, 4] if all classes share them. */
      deltas: Tensor;
    }
  | {
      of: "cells";
      /** [B, classes, H, W] for a sigmoid. */
      logits: Tensor;
      /** Distances to the left, top, right and bottom side of a box, in cells, [B, 4, H, W], at least 0. */
      distances: Tensor;
    };

/** What training, mimicking, evaluation, export and reports need of a detector of any kind. */
export interface Detector extends Module {
  readonly config: DetectorConfig;
  /** Images [B, 3, H, W] -> the last map before quantization, [B, C, H / stride, W / stride]. */
  readonly backbone: Backbone;
  /** Images [B, 3, H, W] -> the map for the heads: quantized if the configuration has a quantizer. */
  features(images: Tensor): Tensor;
  /**
   * Creates the training pass with these settings (see DetectorKind.settings; others are ignored). `random` is
   * used for sampling in the step.
   */
  trainingPass(settings: object): (batch: TrainingBatch, random: Random) => TrainingPass;
  /** The heads' outputs on a map at the same places as `like`: the same regions, or every cell. */
  headOutputs(features: Tensor, like: HeadOutputs): HeadOutputs;
  /**
   * Detects objects; boxes in pixels of the batch. `sizes`: each image's size on the canvas, at the top left.
   * Call eval() first.
   */
  detect(images: Tensor, sizes: readonly Size[]): Detections[];
  /** Parameters for decoding outputs to detections. */
  readonly decoder: Decoder;
  /**
   * Runs every layer once, for measuring cost and for export. Outputs by OUTPUTS' names, and `features`.
   * @param regions [N, 4] xyxy per image, for heads with regions; default: as many as detect() can have,
   * anywhere
   */
  everyLayer(images: Tensor, regions?: readonly Float32Array[]): Record<string, Tensor>;
}

/** A kind of detector: name, settings, and constructor. */
export interface DetectorKind {
  readonly name: string;
  /** Recipe settings of this kind, with defaults and descriptions. */
  readonly settings: z.ZodObject;
  /** The whole configuration, including sharedConfig, with the literal `detector`. Unknown keys are dropped. */
  readonly config: z.ZodObject;
  /** Settings that determine the layers: weights of a detector that differs in one of them do not fit. */
  readonly layers: readonly string[];
  /** Names of layers with one or more consecutive rows per class; background, if any, comes first. */
  readonly classLayers: { readonly names: readonly string[]; readonly background: boolean };
  /** Settings that change the meaning of the heads' outputs: heads that differ in them cannot be compared. */
  readonly headCoding: readonly string[];
  /** A conflict between settings that are each in range; undefined if there is none. */
  conflict(settings: object): string | undefined;
  /** Resolves settings that are "auto". */
  choose(settings: object, network: NetworkFacts): object;
  /** @param config matches this kind's schema. @throws InputError for an unknown backbone */
  create(config: DetectorConfig, random: Random): Detector;
}

/** Information for resolving "auto". */
export interface NetworkFacts {
  /** For instance "vgg-1-32". */
  backbone: string;
  /** The training split. */
  samples: readonly Sample[];
  /** Longest side of the input in pixels. */
  side: number;
}
