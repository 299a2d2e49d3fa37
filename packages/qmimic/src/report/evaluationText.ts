// An evaluation as text for people.
import type { ClassEvaluation, Evaluation } from "../eval/evaluation.js";

const percent = (value: number | null): string => (value === null ? "-" : (100 * value).toFixed(1));

/** A table of classes and their mean, in per cent; precision, recall and threshold are those of the best F1. */
export function formatEvaluation(evaluation: Evaluation): string {
  const { iou, classes, bestF1 } = evaluation;
  const name = `AP${Math.round(100 * iou)}`;
  const row = (first: string, one: Omit<ClassEvaluation, "name">): string[] => [
    first,
    String(one.objects),
    String(one.difficult),
    String(one.detections),
    percent(one.ap),
    percent(one.ap11),
    percent(one.ap50to95),
    percent(one.bestF1?.precision ?? null),
    percent(one.bestF1?.recall ?? null),
    one.bestF1?.threshold.toFixed(2) ?? "-",
  ];
  const rows = [
    [
      "class",
      "objects",
      "difficult",
      "found",
      name,
      `${name} 11pt`,
      "AP50:95",
      "precision",
      "recall",
      "at score",
    ],
    ...classes.map((one) => row(one.name, one)),
  ];
  if (classes.length > 1) {
    const { mAP: ap, mAP11: ap11, mAP50to95: ap50to95 } = evaluation;
    rows.push(row("all", { ...evaluation, ap, ap11, ap50to95, bestF1 }));
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  const table = rows.map((cells) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[i]))).join("  "),
  );
  const { mAP50, mAP50At11, mAP50to95, mAP50to95At11 } = evaluation;
  const means =
    `mAP50 ${percent(mAP50)} (11-point ${percent(mAP50At11)}), ` +
    `mAP50:95 ${percent(mAP50to95)} (11-point ${percent(mAP50to95At11)})`;
  return [...table, "", means].join("\n");
}
