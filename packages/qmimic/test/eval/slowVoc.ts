// The VOC protocol a second time, from its definition and without regard to speed: AP is the mean, over the
// positives, of the best precision among all cuts of the list that recall at least that many.
import type { Numbers } from "../../src/eval/types.js";
import type { EvaluationCase } from "./sharedData.js";

export function slowAveragePrecision(
  { groundTruths, detections }: EvaluationCase,
  label: number,
  threshold: number,
  extra: number,
): number {
  const objects = groundTruths.flatMap((image) =>
    [...image.labels.keys()]
      .filter((g) => image.labels[g] === label)
      .map((g) => ({
        id: image.id,
        box: image.boxes.slice(4 * g, 4 * g + 4),
        difficult: !!image.difficult[g],
        finder: -1,
      })),
  );
  const list = detections
    .flatMap((image) =>
      [...image.labels.keys()]
        .filter((d) => image.labels[d] === label)
        .map((d) => ({ id: image.id, box: image.boxes.slice(4 * d, 4 * d + 4), score: image.scores[d] })),
    )
    .sort((a, b) => b.score - a.score);

  const verdicts: boolean[] = [];
  for (const [rank, detection] of list.entries()) {
    const rivals = objects
      .filter((object) => object.id === detection.id)
      .map((object) => ({ object, overlap: overlapOf(object.box, detection.box, extra) }))
      .sort((a, b) => b.overlap - a.overlap);
    const best = rivals[0];
    if (best === undefined || best.overlap < threshold) {
      verdicts.push(false);
      continue;
    }
    if (best.object.difficult) continue;
    verdicts.push(best.object.finder === -1);
    if (best.object.finder === -1) best.object.finder = rank;
  }

  const positives = objects.filter((object) => !object.difficult).length;
  const cuts = verdicts.map((_, end) => {
    const found = verdicts.slice(0, end + 1).filter(Boolean).length;
    return { found, precision: found / (end + 1) };
  });
  let sum = 0;
  for (let wanted = 1; wanted <= positives; wanted++) {
    sum += Math.max(0, ...cuts.filter((cut) => cut.found >= wanted).map((cut) => cut.precision));
  }
  return sum / positives;
}

/** IoU by the lengths of the two overlaps. */
function overlapOf(a: Numbers, b: Numbers, extra: number): number {
  const length = (low: number, high: number) => Math.max(0, high - low + extra);
  const area = (box: Numbers) => length(box[0], box[2]) * length(box[1], box[3]);
  const common =
    length(Math.max(a[0], b[0]), Math.min(a[2], b[2])) * length(Math.max(a[1], b[1]), Math.min(a[3], b[3]));
  return common / (area(a) + area(b) - common);
}
