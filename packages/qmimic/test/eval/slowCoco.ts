// The COCO protocol a second time, from its definition and without regard to speed: whole lists of objects, one at a
// time, for one class, IoU threshold and range of areas.
import type { EvaluationCase } from "./sharedData.js";

export interface SlowOptions {
  label: number;
  threshold: number;
  area?: readonly [number, number];
  most?: number;
}

interface Box {
  corners: number[];
  area: number;
}

/** Average precision at 101 recalls and the recall reached; NaN when no object counts. */
export function slowCoco(
  { groundTruths, detections }: EvaluationCase,
  { label, threshold, area = [0, 1e10], most = 100 }: SlowOptions,
): { ap: number; recall: number } {
  const verdicts: { score: number; verdict: "tp" | "fp" | "ignored" }[] = [];
  let positives = 0;
  for (const truth of groundTruths) {
    const inside = (box: Box) => box.area >= area[0] && box.area <= area[1];
    const objects = boxesOf(truth, label).map((box, i) => {
      const crowd = [...truth.difficult].filter((_, g) => truth.labels[g] === label)[i] === 1;
      return { ...box, crowd, counts: !crowd && inside(box), taken: false };
    });
    positives += objects.filter((object) => object.counts).length;
    const found = detections.find(({ id }) => id === truth.id);
    if (!found) continue;
    const scores = [...found.scores].filter((_, d) => found.labels[d] === label);
    const list = boxesOf(found, label)
      .map((box, i) => ({ ...box, score: scores[i] }))
      .sort((a, b) => b.score - a.score)
      .slice(0, most);
    for (const one of list) {
      const candidates = objects
        .filter((object) => object.crowd || !object.taken)
        .map((object) => ({ object, overlap: overlap(one, object, object.crowd) }))
        .filter((candidate) => candidate.overlap >= threshold);
      const counting = candidates.filter(({ object }) => object.counts);
      const rivals = counting.length > 0 ? counting : candidates;
      const most = Math.max(...rivals.map((candidate) => candidate.overlap));
      const choice = rivals.filter((candidate) => candidate.overlap === most).at(-1)?.object;
      if (choice) choice.taken = true;
      const ignored = choice ? !choice.counts : !inside(one);
      verdicts.push({ score: one.score, verdict: ignored ? "ignored" : choice ? "tp" : "fp" });
    }
  }
  const counted = verdicts.sort((a, b) => b.score - a.score).filter(({ verdict }) => verdict !== "ignored");
  const cuts = counted.map((_, end) => {
    const tp = counted.slice(0, end + 1).filter(({ verdict }) => verdict === "tp").length;
    return { recall: tp / positives, precision: tp / (end + 1) };
  });
  let sum = 0;
  for (let k = 0; k <= 100; k++) {
    sum += Math.max(0, ...cuts.filter(({ recall }) => recall >= k * 0.01).map(({ precision }) => precision));
  }
  if (positives === 0) return { ap: Number.NaN, recall: Number.NaN };
  return { ap: sum / 101, recall: cuts.at(-1)?.recall ?? 0 };
}

function boxesOf(
  { boxes, labels, areas }: { boxes: ArrayLike<number>; labels: Int32Array; areas?: Float64Array },
  label: number,
): Box[] {
  return [...labels.keys()]
    .filter((i) => labels[i] === label)
    .map((i) => {
      const corners = [0, 1, 2, 3].map((k) => boxes[4 * i + k]);
      const [left, top, right, bottom] = corners;
      return { corners, area: areas?.[i] ?? (right - left) * (bottom - top) };
    });
}

function overlap({ corners: a }: Box, { corners: b }: Box, crowd: boolean): number {
  const length = (axis: number) =>
    Math.max(0, Math.min(a[axis + 2], b[axis + 2]) - Math.max(a[axis], b[axis]));
  const area = ([left, top, right, bottom]: number[]) => (right - left) * (bottom - top);
  const common = length(0) * length(1);
  if (common === 0) return 0;
  return common / (crowd ? area(a) : area(a) + area(b) - common);
}
