// From what a one-stage detector says of every cell of a map to boxes with scores.
import { decodeDistances } from "../geometry/points.js";
import { bestPlaces, type ScoredBoxes } from "./keepBest.js";

/** What is said of the cells of one image. */
export interface CellOutputs {
  /** [classes, H, W] for a sigmoid */
  logits: Float32Array;
  /** [4, H, W] to the left, upper, right and lower side of a box, in cells */
  distances: Float32Array;
  /** W */
  width: number;
  /** Pixels of the network's input between neighbouring cells. */
  stride: number;
}

/** Boxes whose scores are at least `least` (0..1), one for each cell and class, at most `most`, best first. */
export function scoredCells(outputs: CellOutputs, least: number, most: number): ScoredBoxes {
  const { logits, distances } = outputs;
  const plane = distances.length / 4;
  const places = bestPlaces(logits, most, least);
  return {
    boxes: decodeDistances(
      distances,
      places.map((place) => place % plane),
      outputs,
    ),
    scores: Float32Array.from(places, (place) => 1 / (1 + Math.exp(-logits[place]))),
    labels: places.map((place) => 1 + Math.floor(place / plane)),
  };
}
