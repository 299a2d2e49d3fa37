// An evaluation as text, in per cent: first the means, then the classes.
import type { ApComparisons, ApIntervals, Comparison, Interval } from "../eval/bootstrap.js";
import type { ClassEvaluation, Evaluation } from "../eval/evaluation.js";
import { textTable } from "../text.js";
import { percent } from "./table.js";

/** Precision, recall and threshold are at the best F1 (VOC). @param intervals of COCO's means */
export function formatEvaluation(evaluation: Evaluation, intervals?: ApIntervals): string {
  return `${meansTable(evaluation, intervals)}\n\n${classTable(evaluation)}`;
}

function meansTable(evaluation: Evaluation, intervals?: ApIntervals): string {
  const { iou, pixelInclusive, coco, mAP, mAP11 } = evaluation;
  const { mAP50, mAP75, mAP50to95, mAP50At11, mAP75At11, mAP50to95At11 } = evaluation;
  const none = ["-", "-", "-"];
  const pixels = pixelInclusive ? ", including last pixel" : "";
  const cocoNumbers = [coco.ap50, coco.ap75, coco.ap, coco.apSmall, coco.apMedium, coco.apLarge];
  const rows = [
    ["mean AP", "AP50", "AP75", "AP50:95", "small", "medium", "large"],
    ["COCO, 101 points", ...cocoNumbers.map(percent)],
    [`VOC, all points${pixels}`, ...[mAP50, mAP75, mAP50to95].map(percent), ...none],
    [`VOC, 11 points${pixels}`, ...[mAP50At11, mAP75At11, mAP50to95At11].map(percent), ...none],
  ];
  // The requested IoU, if not already in the table.
  if (iou !== 0.5 && iou !== 0.75) {
    [apName(iou), "-", percent(mAP), percent(mAP11)].forEach((cell, i) => {
      rows[i].push(cell);
    });
  }
  if (intervals) {
    const { ap50, ap } = intervals;
    const cells = ["  95 % interval", formatInterval(ap50), "", formatInterval(ap)];
    rows.splice(
      2,
      0,
      rows[0].map((_, i) => cells[i] ?? ""),
    );
  }
  return textTable(rows);
}

function classTable({ iou, classes, coco, ...evaluation }: Evaluation): string {
  const row = (
    result: Omit<ClassEvaluation, "ap11" | "ap50to95" | "curve">,
    { ap50, ap75, ap }: { ap50: number | null; ap75: number | null; ap: number | null },
  ): string[] => [
    result.name,
    ...[result.objects, result.difficult, result.detections].map(String),
    ...[result.ap, ap50, ap75, ap, result.bestF1?.precision, result.bestF1?.recall].map(percent),
    result.bestF1?.threshold.toFixed(2) ?? "-",
  ];
  const rows = [
    ["class", "objects", "difficult", "found", `VOC ${apName(iou)}`, "AP50", "AP75", "AP50:95"].concat([
      "precision",
      "recall",
      "at score",
    ]),
    ...classes.map((result, label) => row(result, coco.classes[label])),
  ];
  if (classes.length > 1) rows.push(row({ name: "all", ap: evaluation.mAP, ...evaluation }, coco));
  return textTable(rows);
}

const apName = (iou: number): string => `AP${Math.round(100 * iou)}`;

/** "61.2-65.0" */
const formatInterval = (interval: Interval | null): string =>
  interval === null ? "-" : `${percent(interval.low)}-${percent(interval.high)}`;

/** Two detectors on the same images; "not significant" if the interval of the difference includes 0. */
export function formatComparisons({ ap50, ap }: ApComparisons): string {
  const row = (name: string, comparison: Comparison | null): string[] => {
    if (comparison === null) return [name, "-", "-", ""];
    const { difference, interval, decided } = comparison;
    const verdict = !decided ? "not significant" : difference > 0 ? "B is better" : "A is better";
    return [name, signed(difference), `${signed(interval.low)} to ${signed(interval.high)}`, verdict];
  };
  return textTable([["COCO", "B - A", "95 % interval", ""], row("AP50", ap50), row("AP50:95", ap)]);
}

const signed = (value: number): string => {
  const text = percent(value);
  return value > 0 ? `+${text}` : text;
};
