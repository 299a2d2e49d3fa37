// How network outputs are decoded to detections, as plain data: part of a model file.
import type { BoxWeights } from "../geometry/boxCoding.js";
import { nms } from "../geometry/nms.js";
import { type CellOutputs, scoredCells } from "./cells.js";
import { type Detections, type KeepSettings, keepBest, type Size } from "./keepBest.js";
import type { ProposalSettings } from "./proposals.js";
import { type RegionOutputs, scoredRegions } from "./regions.js";

/** For two-stage detectors: the first stage's outputs become regions, the second's become detections. */
export interface RegionsDecoder {
  of: "regions";
  /** Pixels of the network's input between neighbouring cells of the map with the anchors. */
  stride: number;
  /** @see generateAnchors */
  anchorSizes: readonly number[];
  aspectRatios: readonly number[];
  proposals: ProposalSettings;
  /** Weights by which the second stage's deltas are multiplied. */
  boxWeights: BoxWeights;
  /** Minimum score of a detection, 0..1. */
  score: number;
  keep: KeepSettings;
}

/** For one-stage detectors. */
export interface CellsDecoder {
  of: "cells";
  /** Pixels of the network's input between neighbouring cells. */
  stride: number;
  /** Maximum number of boxes before NMS. */
  preNms: number;
  /** Minimum score of a detection, 0..1. */
  score: number;
  keep: KeepSettings;
}

export type Decoder = RegionsDecoder | CellsDecoder;

/** The network's outputs per decoder, in the order of the model file. */
export const OUTPUTS = {
  regions: ["anchorLogits", "anchorDeltas", "regionLogits", "regionDeltas"],
  cells: ["logits", "distances"],
} as const;

/**
 * Decodes the second stage's outputs for the regions of one image to detections.
 * @param outputs logits [N, labels], deltas [N, labels, 4] or [N, 4], regions [N, 4] xyxy
 * @param size of the image in the network's input, from the top left
 * @param suppress nms, or another function with the same results
 */
export function detectRegions(
  outputs: Omit<RegionOutputs, "labels">,
  size: Size,
  { boxWeights, score, keep }: RegionsDecoder,
  suppress = nms,
): Detections {
  const { logits, regions } = outputs;
  const labels = regions.length === 0 ? 1 : (4 * logits.length) / regions.length;
  return keepBest(scoredRegions({ ...outputs, labels }, boxWeights, score), size, keep, suppress);
}

/**
 * Decodes the outputs for all cells to detections.
 * @param outputs logits [classes, H, W], distances [4, H, W], and W
 * @param size of the image in the network's input, from the top left
 * @param suppress nms, or another function with the same results
 */
export function detectCells(
  outputs: Omit<CellOutputs, "stride">,
  size: Size,
  { stride, preNms, score, keep }: CellsDecoder,
  suppress = nms,
): Detections {
  return keepBest(scoredCells({ ...outputs, stride }, score, preNms), size, keep, suppress);
}
