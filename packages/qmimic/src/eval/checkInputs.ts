// Rejects detections that do not match the ground truth: they would silently change a result.

import type { ImageDetections, ImageGroundTruth, Numbers } from "./types.js";

/**
 * Returns the index in `groundTruths` of each entry of `detections`.
 * @throws Error naming the image for: a duplicate id in a list, detections of an unknown image, a label outside
 * 0 .. classes - 1, a non-finite coordinate or score, inconsistent array lengths
 */
export function checkInputs(
  groundTruths: readonly ImageGroundTruth[],
  detections: readonly ImageDetections[],
  classes: readonly string[],
): Int32Array {
  const positions = new Map<string, number>();
  groundTruths.forEach((image, position) => {
    const where = `ground truth of image "${image.id}"`;
    if (positions.has(image.id)) throw new Error(`${where}: the id appears twice`);
    positions.set(image.id, position);
    checkArrays(where, image, classes);
    checkLength(where, "difficult", image.difficult.length, image.labels.length);
  });
  const seen = new Set<string>();
  return Int32Array.from(detections, (image) => {
    const where = `detections of image "${image.id}"`;
    const position = positions.get(image.id);
    if (position === undefined) {
      throw new Error(`${where}: no such image among the ${groundTruths.length} ground truth images`);
    }
    if (seen.has(image.id)) throw new Error(`${where}: the id appears twice`);
    seen.add(image.id);
    checkArrays(where, image, classes);
    checkLength(where, "scores", image.scores.length, image.labels.length);
    checkFinite(where, "score", image.scores);
    return position;
  });
}

interface Arrays {
  boxes: Numbers;
  labels: Int32Array;
  boxAreas?: Float64Array;
  areas?: Float64Array;
}

function checkArrays(
  where: string,
  { boxes, labels, boxAreas, areas }: Arrays,
  classes: readonly string[],
): void {
  checkLength(where, "box coordinates", boxes.length, 4 * labels.length);
  checkFinite(where, "box coordinate", boxes);
  for (const given of [boxAreas, areas]) {
    if (!given) continue;
    checkLength(where, "areas", given.length, labels.length);
    checkFinite(where, "area", given);
  }
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] < 0 || labels[i] >= classes.length) {
      throw new Error(`${where}: label ${labels[i]} of box ${i}; expected 0..${classes.length - 1}`);
    }
  }
}

function checkLength(where: string, name: string, length: number, expected: number): void {
  if (length !== expected) throw new Error(`${where}: ${length} ${name}, expected ${expected}`);
}

function checkFinite(where: string, name: string, values: Numbers): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) throw new Error(`${where}: ${name} ${i} is ${values[i]}`);
  }
}
