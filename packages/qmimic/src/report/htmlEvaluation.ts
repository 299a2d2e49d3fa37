// The last stage's evaluation on the val split: a table of classes, precision-recall curves, and the confusion
// matrix.
import { type DrawChart, key } from "./htmlCurves.js";
import { formatCount, formatNumber, formatPercent, NOTHING, stageTitle } from "./htmlFormat.js";
import type { RunContent } from "./htmlRun.js";
import { type Html, html, trusted } from "./htmlTemplate.js";

type RunEvaluation = NonNullable<RunContent["evaluation"]>;
type RunClass = RunEvaluation["classes"][number];

/** Null if the run has no evaluation. */
export function evaluationSection({ evaluation, stages }: RunContent, draw: DrawChart): Html | null {
  const last = stages.at(-1);
  if (!evaluation || !last) return null;
  return html`${classTable(evaluation, stageTitle(last))}
${curves(evaluation, draw)}
${evaluation.confusion && confusionTable(evaluation, evaluation.confusion.matrix)}`;
}

function classTable({ iou, classes }: RunEvaluation, title: string): Html {
  return html`<h2>Classes</h2>
<div class="scroll"><table class="numbers">
<thead><tr><th scope="col">class</th><th scope="col">objects</th><th scope="col">AP${Math.round(100 * iou)}</th><th scope="col">AP50:95</th><th scope="col">precision</th><th scope="col">recall</th><th scope="col">at score</th></tr></thead>
<tbody>
${classes.map(
  ({
    name,
    objects,
    ap,
    ap50to95,
    bestF1,
  }) => html`<tr><th scope="row">${name}</th><td>${formatCount(objects)}</td>
<td><b>${formatPercent(ap)}</b></td><td>${formatPercent(ap50to95)}</td><td>${formatPercent(bestF1?.precision)}</td><td>${formatPercent(bestF1?.recall)}</td><td>${bestF1 ? bestF1.threshold.toFixed(2) : NOTHING}</td></tr>
`,
)}</tbody></table></div>
<p class="note">${title} on the val split, by the VOC protocol (all points). Precision and recall are at the score with the best F1 per class.</p>`;
}

/** The number of colours on the page. */
const CURVES_A_CHART = 4;

function curves({ iou, classes }: RunEvaluation, draw: DrawChart): Html | null {
  const drawn = classes.filter(({ curve }) => curve !== null);
  if (drawn.length === 0) return null;
  const charts: RunClass[][] = [];
  for (let at = 0; at < drawn.length; at += CURVES_A_CHART) charts.push(drawn.slice(at, at + CURVES_A_CHART));
  return html`<h3>Precision over recall <span class="note">at IoU ${formatNumber(iou)}; the dot is the best F1</span></h3>
<div class="charts">
${charts.map((group) => curveChart(group, draw))}
</div>
`;
}

function curveChart(classes: readonly RunClass[], draw: DrawChart): Html {
  const percent = (value: number) => `${formatNumber(100 * value)} %`;
  const lines = classes.map(({ curve, bestF1 }, i) => ({
    colour: i + 1,
    // Up to the largest recall reached.
    points: (curve ?? []).map((precision, k) => [k / 100, precision || Number.NaN] as const),
    ...(bestF1 ? { marked: Math.floor(100 * bestF1.recall) / 100 } : {}),
  }));
  const svg = draw(lines, { xMax: 1, xFormat: percent, format: percent, yMax: 1 });
  const spoken = classes.map(({ name, ap }) => `${name} ${formatPercent(ap)}`).join(", ");
  return html`<figure class="chart">
<div role="img" aria-label="Precision over recall. Average precision: ${spoken}">${trusted(svg)}</div>
<ul class="legend">
${classes.map(({ name, ap }, i) => html`<li>${key(i + 1)}${name} <b>${formatPercent(ap)}</b></li>\n`)}</ul>
</figure>`;
}

/** The darkest cell has all objects of its row. */
const MAX_OPACITY = 0.6;

function confusionTable({ iou, classes }: RunEvaluation, matrix: readonly (readonly number[])[]): Html {
  const names = [...classes.map(({ name }) => name), "background"];
  const cell = (count: number, row: readonly number[], mistake: boolean): Html => {
    const fraction =
      count /
      Math.max(
        1,
        row.reduce((sum, count) => sum + count, 0),
      );
    const style = `--share: ${(MAX_OPACITY * fraction).toFixed(3)}`;
    return html`<td class="${mistake ? "wrong" : "right"}" style="${style}">${count === 0 ? "" : formatCount(count)}</td>`;
  };
  return html`<h3>Confusion <span class="note">rows: objects, columns: detected as</span></h3>
<div class="scroll"><table class="numbers confusion">
<thead><tr><th scope="col">object</th>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${matrix.map(
  (row, i) =>
    html`<tr><th scope="row">${names[i]}</th>${row.map((count, k) => cell(count, row, i !== k))}</tr>\n`,
)}</tbody></table></div>
<p class="note">Detections above the score with the best F1 of their class, at IoU ${formatNumber(iou)}. Last column: missed objects. Last row: false detections, including duplicates. Difficult objects are left out.</p>
`;
}
