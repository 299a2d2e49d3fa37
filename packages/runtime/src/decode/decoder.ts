// How the outputs of a network become detections, as plain data: part of a model file.
import type { BoxWeights } from "../geometry/boxCoding.js";
import { scoredCells } from "./cells.js";
import { type Detections, type KeepSettings, keepBest, type Size } from "./keepBest.js";
import type { ProposalSettings } from "./proposals.js";
import { scoredRegions } from "./regions.js";

/** A two-stage detector's: the first stage's outputs become regions, the second's become detections. */
export interface RegionsDecoder {
  of: "regions";
  /** Pixels of the network's input between neighbouring cells of the map that anchors stand on. */
  stride: number;
  /** @see generateAnchors */
  anchorSizes: readonly number[];
  aspectRatios: readonly number[];
  proposals: ProposalSettings;
  /** That the second stage's offsets are multiplied by. */
  boxWeights: BoxWeights;
  /** Lowest score of a detection, 0..1. */
  score: number;
  keep: KeepSettings;
}

/** A one-stage detector's. */
export interface CellsDecoder {
  of: "cells";
  /** Pixels of the network's input between neighbouring cells. */
  stride: number;
  /** Most boxes before suppression. */
  preNms: number;
  /** Lowest score of a detection, 0..1. */
  score: number;
  keep: KeepSettings;
}

export type Decoder = RegionsDecoder | CellsDecoder;

/** What a network gives, by decoder, in the order in which a model file names them. */
export const OUTPUTS = {
  regions: ["anchorLogits", "anchorDeltas", "regionLogits", "regionDeltas"],
  cells: ["logits", "distances"],
} as const;

/**
 * Detections from what the second stage says of the regions of one image.
 * @param outputs logits [N, labels], deltas [N, labels, 4] or [N, 4]
 * @param regions [N, 4] xyxy
 * @param size of the image in the network's input, from the top left
 */
export function detectRegions(
  outputs: { logits: Float32Array; deltas: Float32Array },
  regions: Float32Array,
  size: Size,
  { boxWeights, score, keep }: RegionsDecoder,
): Detections {
  const labels = regions.length === 0 ? 1 : (4 * outputs.logits.length) / regions.length;
  return keepBest(scoredRegions({ ...outputs, regions, labels }, boxWeights, score), size, keep);
}

/**
 * Detections from what is said of every cell.
 * @param outputs logits [classes, H, W], distances [4, H, W]
 * @param width W
 * @param size of the image in the network's input, from the top left
 */
export function detectCells(
  outputs: { logits: Float32Array; distances: Float32Array },
  width: number,
  size: Size,
  { stride, preNms, score, keep }: CellsDecoder,
): Detections {
  return keepBest(scoredCells({ ...outputs, width, stride }, score, preNms), size, keep);
}
