// The WIDER FACE protocol: Yang, Luo, Loy, Tang, "WIDER FACE: A Face Detection Benchmark" (CVPR 2016), and the
// official evaluation (wider_eval.m, read_pred.m, norm_score.m and evaluation.m).
// 1. Scores are normalized to 0..1 over the whole set: (score - lowest) / (highest - lowest).
// 2. Each detection in an image, best first (ties: in the order given), is assigned the face with the largest
// IoU (ties: the first); boxes include their last pixel. From IoU 0.5 it finds a face that counts in the
// setting, or is ignored for other faces. A second detection of a face stays in the list and lowers precision.
// 3. At each of the 1000 thresholds 0.999, 0.998, ... 0, detections with at least that score count. Precision
// and recall are over all images. An image without annotated faces is left out, with its detections.
// 4. Average precision is the area under the envelope of that curve (allPointAp). The settings easy, medium and
// hard differ in which faces count; all others are ignored.

import { allPointAp } from "./precisionRecall.js";
import { descending } from "./ranking.js";

const THRESHOLDS = 1000;
const IOU = 0.5;

export interface WiderImage {
  /** `event/image`. */
  id: string;
  /** [G, 4] x, y, width, height of every annotated face. */
  faces: Float64Array;
  /** [N, 4] x, y, width, height of the detections, in any order. */
  boxes: Float64Array;
  /** [N] any scale. */
  scores: Float64Array;
}

export interface WiderSetting {
  name: string;
  /** Per image [G], 1 for faces that count. */
  counted: readonly Uint8Array[];
}

export interface WiderResult {
  name: string;
  /** 0..1; null if no face counts. */
  ap: number | null;
  faces: number;
  /** [1000] from the highest threshold to the lowest; precision is 0 without detections. */
  precision: Float64Array;
  recall: Float64Array;
}

/** Average precision per setting. */
export function evaluateWider(
  images: readonly WiderImage[],
  settings: readonly WiderSetting[],
): WiderResult[] {
  const { lowest, highest } = scoreRange(images);
  const bins = images.map(({ scores }) => binsOf(scores, lowest, highest));
  const nearest = images.map(nearestFaces);
  const orders = images.map(({ scores }) => descending(scores));
  return settings.map(({ name, counted }) => {
    // Differences between consecutive thresholds.
    const detected = new Float64Array(THRESHOLDS);
    const found = new Float64Array(THRESHOLDS);
    let faces = 0;
    images.forEach((_, i) => {
      const marks = counted[i];
      for (const mark of marks) faces += mark;
      const seen = new Uint8Array(marks.length);
      for (const d of orders[i]) {
        const face = nearest[i][d];
        const bin = bins[i][d];
        if (marks.length === 0) continue;
        if (face >= 0 && marks[face] === 0) continue;
        detected[bin]++;
        if (face >= 0 && seen[face] === 0) {
          seen[face] = 1;
          found[bin]++;
        }
      }
    });
    const precision = new Float64Array(THRESHOLDS);
    const recall = new Float64Array(THRESHOLDS);
    for (let t = 0, all = 0, hits = 0; t < THRESHOLDS; t++) {
      all += detected[t];
      hits += found[t];
      precision[t] = all === 0 ? 0 : hits / all;
      recall[t] = faces === 0 ? 0 : hits / faces;
    }
    const ap = faces === 0 ? null : allPointAp({ precision, recall });
    return { name, ap, faces, precision, recall };
  });
}

function scoreRange(images: readonly WiderImage[]): { lowest: number; highest: number } {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const { scores } of images) {
    for (const score of scores) {
      lowest = Math.min(lowest, score);
      highest = Math.max(highest, score);
    }
  }
  return { lowest, highest };
}

/** The first threshold at which each detection counts; the last threshold is 0, so all have one. */
function binsOf(scores: Float64Array, lowest: number, highest: number): Int32Array {
  return Int32Array.from(scores, (raw) => {
    // If all scores are equal they cannot be normalized; all count as the highest.
    const score = highest === lowest ? 1 : (raw - lowest) / (highest - lowest);
    let bin = Math.max(0, Math.floor((1 - score) * THRESHOLDS) - 2);
    while (score < 1 - (bin + 1) / THRESHOLDS) bin++;
    return bin;
  });
}

/** [N] the face of each detection, or -1 if none reaches the IoU. */
function nearestFaces({ faces, boxes, scores }: WiderImage): Int32Array {
  const nearest = new Int32Array(scores.length).fill(-1);
  for (let d = 0; d < scores.length; d++) {
    const [x, y, width, height] = boxes.subarray(4 * d, 4 * d + 4);
    const area = (width + 1) * (height + 1);
    let largest = Number.NEGATIVE_INFINITY;
    for (let g = 0; g < faces.length; g += 4) {
      const w = Math.min(x + width, faces[g] + faces[g + 2]) - Math.max(x, faces[g]) + 1;
      if (w <= 0) continue;
      const h = Math.min(y + height, faces[g + 1] + faces[g + 3]) - Math.max(y, faces[g + 1]) + 1;
      if (h <= 0) continue;
      const overlap = (w * h) / (area + (faces[g + 2] + 1) * (faces[g + 3] + 1) - w * h);
      if (overlap > largest) {
        largest = overlap;
        nearest[d] = overlap >= IOU ? g / 4 : -1;
      }
    }
  }
  return nearest;
}
