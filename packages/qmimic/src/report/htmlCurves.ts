// The charts of a stage: curves, and legends with the values reached.
import { kebab } from "../models/index.js";
import { COMMON_COLUMNS } from "../train/results.js";
import type { ChartOptions, Curve } from "./htmlChart.js";
import { formatNumber, formatPercent } from "./htmlFormat.js";
import type { RunStage } from "./htmlRun.js";
import { type Html, html, trusted } from "./htmlTemplate.js";

/** drawChart, passed in so that ECharts is loaded only when needed. */
export type DrawChart = (curves: readonly Curve[], options: ChartOptions) => string;

/** One curve of a chart, from one column of results.csv. */
interface Line {
  name: string;
  column: string;
  colour: number;
  dashed?: boolean;
}

interface ChartPlan {
  title: string;
  note: string;
  lines: Line[];
  /** Formats numbers in the legend and on the axis. */
  format: (value: number) => string;
  axis: (value: number) => string;
  limit?: number;
  /** Which value of each curve the legend shows; the best epoch is also marked in the chart. */
  shows: "last" | "best" | "highest";
}

const number = { format: formatNumber, axis: formatNumber };
const fraction = {
  format: formatPercent,
  axis: (value: number) => `${formatNumber(100 * value)} %`,
  limit: 1,
};

/** Two losses per colour: the first solid, the second dashed. */
const detectionLine = (column: string, i: number): Line => ({
  name: kebab(column).replaceAll("-", " "),
  column,
  colour: 1 + Math.floor(i / 2),
  dashed: i % 2 === 1,
});

const PLANS: ChartPlan[] = [
  {
    title: "Accuracy",
    note: "mAP at IoU 0.5 on the val split",
    lines: [{ name: "val AP50", column: "val", colour: 3 }],
    shows: "best",
    ...fraction,
  },
  {
    title: "Mimic losses",
    note: "mean per epoch, before weighting with lambda and lambda-head",
    lines: [
      { name: "feature map", column: "mimic", colour: 4 },
      { name: "heads", column: "head", colour: 2 },
    ],
    shows: "last",
    ...number,
  },
  {
    title: "Match ratio",
    note: "fraction of feature map entries equal to the teacher's, inside regions: all, and those where either is nonzero",
    lines: [
      { name: "training, all", column: "match", colour: 4 },
      { name: "val, all", column: "valMatch", colour: 3 },
      { name: "training, nonzero", column: "matchActive", colour: 4, dashed: true },
      { name: "val, nonzero", column: "valMatchActive", colour: 3, dashed: true },
    ],
    shows: "last",
    ...fraction,
  },
  {
    title: "Gradients at the feature map",
    note: "mimic against detection losses: ratio of the norms, and cosine of the angle between them",
    lines: [
      { name: "ratio", column: "gradientRatio", colour: 4 },
      { name: "cosine", column: "gradientCosine", colour: 3, dashed: true },
    ],
    shows: "last",
    ...number,
  },
  {
    title: "Learning rate",
    note: "at the start of each epoch",
    lines: [{ name: "learning rate", column: "lr", colour: 1 }],
    shows: "highest",
    ...number,
  },
];

/** Losses that are always 0 without mimicking. */
const MIMIC = ["mimic", "head"];

/** All charts for which the stage has data. */
export function stageCharts(stage: RunStage, draw: DrawChart): Html[] {
  const { rows } = stage;
  const losses = Object.keys(rows[0] ?? {}).filter((column) => !COMMON_COLUMNS.includes(column));
  const detection: ChartPlan = {
    title: "Detection losses",
    note: "mean per epoch",
    lines: losses.map(detectionLine),
    shows: "last",
    ...number,
  };
  return [detection, ...PLANS].flatMap((plan) => {
    const lines = plan.lines.filter(({ column }) =>
      rows.some((row) => Number.isFinite(row[column]) && (row[column] !== 0 || !MIMIC.includes(column))),
    );
    return lines.length === 0 ? [] : [chart({ ...plan, lines }, stage, draw)];
  });
}

function chart(plan: ChartPlan, stage: RunStage, draw: DrawChart): Html {
  const { title, note, lines, shows, axis, limit } = plan;
  const { rows } = stage;
  const epochs = rows.at(-1)?.epoch ?? 0;
  const legend = lines.map((line) => ({ ...line, ...legendText(stage, line.column, plan) }));
  const spoken = legend.map(({ name, text, where }) => `${name} ${text} (${where})`).join(", ");
  // One epoch is a dot, not a curve: the legend is enough.
  const svg =
    rows.length > 1 &&
    drawLines(plan, stage, draw, { xMax: epochs, format: axis, ...(limit ? { limit } : {}) });
  return html`<figure class="chart">
<figcaption><b>${title}</b> <span class="note">${note}</span></figcaption>
${svg && html`<div role="img" aria-label="${title} over ${epochs} epochs: ${spoken}">${trusted(svg)}</div>`}
<ul class="legend">
${legend.map(
  ({
    name,
    colour,
    dashed,
    text,
    where,
  }) => html`<li>${key(colour, dashed)}${name} <b>${text}</b>${shows !== "last" && html` <span class="note">${where}</span>`}</li>
`,
)}</ul>
</figure>`;
}

function drawLines(
  { lines, shows }: ChartPlan,
  { rows, bestEpoch }: RunStage,
  draw: DrawChart,
  options: ChartOptions,
): string {
  const curves = lines.map(({ column, colour, dashed = false }) => ({
    colour,
    dashed,
    points: rows.map((row) => [row.epoch, row[column]] as const),
    ...(shows === "best" ? { marked: bestEpoch } : {}),
  }));
  return draw(curves, options);
}

/** A curve's value for the legend, and its description. */
function legendText(
  { rows, bestEpoch }: RunStage,
  column: string,
  { shows, format }: ChartPlan,
): { text: string; where: string } {
  const known = rows.filter((row) => Number.isFinite(row[column]));
  if (shows === "highest") {
    return { text: format(Math.max(...known.map((row) => row[column]))), where: "max" };
  }
  const row = shows === "best" ? known.find(({ epoch }) => epoch === bestEpoch) : known.at(-1);
  return {
    text: format(row?.[column] ?? Number.NaN),
    where: shows === "best" ? `best, epoch ${bestEpoch}` : "last",
  };
}

/** A line sample for the legend. */
export const key = (colour: number, dashed = false): Html =>
  html`<svg class="key" viewBox="0 0 22 8" aria-hidden="true"><path d="M1 4H21" class="k${colour}"${dashed && html` stroke-dasharray="5 3"`}/></svg>`;
