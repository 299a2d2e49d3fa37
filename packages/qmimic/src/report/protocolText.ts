// Results of the three protocols as text, in per cent.
import type { CocoResult } from "../eval/coco.js";
import type { VocScores } from "../eval/vocScores.js";
import type { WiderResult } from "../eval/wider.js";
import { textTable } from "../text.js";
import { percent } from "./table.js";

/** Maximum classes printed: the table must fit on a screen. */
const MAX_CLASSES = 25;

export function formatVoc({ iou, pixelInclusive, mAP, mAP11, classes }: VocScores): string {
  const name = `AP${Math.round(100 * iou)}`;
  const rows = shown(classes, ({ name, objects, difficult, detections, ap, ap11 }) => [
    name,
    ...[objects, difficult, detections].map(String),
    percent(ap),
    percent(ap11),
  ]);
  const table = textTable([["class", "objects", "difficult", "found", name, `${name} 11pt`], ...rows]);
  const convention = pixelInclusive ? "boxes include their last pixel" : "coordinates are edges";
  return `mean ${name} ${percent(mAP)}, 11-point ${percent(mAP11)} (${convention})\n\n${table}`;
}

export function formatCoco(result: CocoResult): string {
  const { ap, ap50, ap75, apSmall, apMedium, apLarge } = result;
  const { ar1, ar10, ar100, arSmall, arMedium, arLarge } = result;
  const rows = shown(result.classes, ({ name, objects, crowds, ap, ap50, ap75 }) => [
    name,
    ...[objects, crowds].map(String),
    ...[ap, ap50, ap75].map(percent),
  ]);
  const precision = [
    ["AP50:95", "AP50", "AP75", "small", "medium", "large"],
    [ap, ap50, ap75, apSmall, apMedium, apLarge].map(percent),
  ];
  const recall = [
    ["AR1", "AR10", "AR100", "small", "medium", "large"],
    [ar1, ar10, ar100, arSmall, arMedium, arLarge].map(percent),
  ];
  const classes = textTable([["class", "objects", "crowds", "AP50:95", "AP50", "AP75"], ...rows]);
  return `${textTable(precision)}\n\n${textTable(recall)}\n\n${classes}`;
}

export function formatWider(results: readonly WiderResult[]): string {
  const rows = results.map(({ name, faces, ap }) => [name, String(faces), percent(ap)]);
  return textTable([["setting", "faces", "AP"], ...rows]);
}

/** Rows of the first classes, and one with the number of further classes. */
function shown<T>(classes: readonly T[], row: (entry: T) => string[]): string[][] {
  if (classes.length <= MAX_CLASSES) return classes.map(row);
  const first = classes.slice(0, MAX_CLASSES).map(row);
  return [
    ...first,
    [`and ${classes.length - MAX_CLASSES} more (--json)`, ...first[0].slice(1).map(() => "")],
  ];
}
