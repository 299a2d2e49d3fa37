// The confusion matrix over classes and background.
import { overlapWith } from "./overlap.js";
import { descending } from "./ranking.js";
import type { ImageDetections, ImageGroundTruth } from "./types.js";

export interface ConfusionOptions {
  /** One per class: detections below it are left out. */
  thresholds: readonly number[];
  /** Default 0.5. */
  iou?: number;
  /** Default false. @see VocOptions */
  pixelInclusive?: boolean;
}

/**
 * Counts of objects (rows) by detected class (columns); the last row and column are background. Within each
 * class, detections are matched by VOC's rule, so that precision and recall can be read off: the diagonal
 * divided by the sum of its column, and of its row. Remaining detections and objects of different classes are paired,
 * largest IoU first; the rest are detected background and missed objects. Difficult objects, and detections of
 * them, are in no cell.
 * @param groundTruths one entry per image, including every image in `detections`
 * @returns [K + 1][K + 1]
 */
export function confusionMatrix(
  groundTruths: readonly ImageGroundTruth[],
  detections: readonly ImageDetections[],
  { thresholds, iou = 0.5, pixelInclusive = false }: ConfusionOptions,
): number[][] {
  const overlapOf = overlapWith(pixelInclusive ? 1 : 0);
  const background = thresholds.length;
  const matrix = Array.from({ length: background + 1 }, () => new Array<number>(background + 1).fill(0));
  const found = new Map(detections.map((entry) => [entry.id, entry]));
  for (const truth of groundTruths) {
    const image = found.get(truth.id);
    const kept = image
      ? [...descending(image.scores)].filter((d) => image.scores[d] >= thresholds[image.labels[d]])
      : [];
    const overlap = (d: number, g: number) => overlapOf(image!.boxes, d, truth.boxes, g);
    const objects = [...truth.labels.keys()];
    const taken = new Set<number>();
    const left: number[] = [];
    for (const d of kept) {
      const sameClass = objects.filter((g) => truth.labels[g] === image!.labels[d]);
      const nearest = nearestOf(sameClass, (g) => overlap(d, g));
      if (nearest === undefined || overlap(d, nearest) < iou || taken.has(nearest)) left.push(d);
      else if (truth.difficult[nearest] === 0) {
        taken.add(nearest);
        matrix[truth.labels[nearest]][truth.labels[nearest]]++;
      }
    }
    const missed = new Set(objects.filter((g) => !taken.has(g) && truth.difficult[g] === 0));
    const pairs = left
      .flatMap((d) => [...missed].map((g) => ({ d, g, overlap: overlap(d, g) })))
      .filter(({ d, g, overlap }) => overlap >= iou && truth.labels[g] !== image!.labels[d])
      .sort((a, b) => b.overlap - a.overlap);
    const unpaired = new Set(left);
    for (const { d, g } of pairs) {
      if (!unpaired.has(d) || !missed.has(g)) continue;
      unpaired.delete(d);
      missed.delete(g);
      matrix[truth.labels[g]][image!.labels[d]]++;
    }
    for (const d of unpaired) matrix[background][image!.labels[d]]++;
    for (const g of missed) matrix[truth.labels[g]][background]++;
  }
  return matrix;
}

/** Index of the first maximum. */
function nearestOf(objects: readonly number[], overlap: (g: number) => number): number | undefined {
  let nearest: number | undefined;
  let largest = Number.NEGATIVE_INFINITY;
  for (const g of objects) {
    const value = overlap(g);
    if (value > largest) [largest, nearest] = [value, g];
  }
  return nearest;
}
