// Decodes a one-stage detector's outputs per cell of a map to boxes with scores.
import { type ScoredBoxes, takeValues } from "../geometry/boxes.js";
import { decodeDistances } from "../geometry/points.js";
import { bestPlaces } from "./keepBest.js";

/** The outputs for the cells of one image. */
export interface CellOutputs {
  /** [classes, H, W], before the sigmoid */
  logits: Float32Array;
  /** [4, H, W], distances to the left, upper, right and lower side of a box, in cells */
  distances: Float32Array;
  /** W */
  width: number;
  /** Pixels of the network's input between neighbouring cells. */
  stride: number;
}

/** Boxes with scores of at least `minScore` (0..1), one per cell and class, at most `limit`, best first. */
export function scoredCells(outputs: CellOutputs, minScore: number, limit: number): ScoredBoxes {
  const { logits, distances } = outputs;
  const plane = distances.length / 4;
  const places = bestPlaces(logits, limit, minScore);
  const scores = takeValues(logits, places);
  for (let i = 0; i < scores.length; i++) scores[i] = 1 / (1 + Math.exp(-scores[i]));
  return {
    boxes: decodeDistances(
      distances,
      places.map((place) => place % plane),
      outputs,
    ),
    scores,
    labels: places.map((place) => 1 + Math.floor(place / plane)),
  };
}
