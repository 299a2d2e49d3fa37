// report.html: a run on one page. It needs neither network nor scripts; pictures/overview.png is linked.
import { join } from "node:path";
import { writeFileAtomic } from "../files.js";
import { teacherAdvice } from "../train/advice.js";
import { type DrawChart, stageCharts } from "./htmlCurves.js";
import { evaluationSection } from "./htmlEvaluation.js";
import {
  formatBytes,
  formatCount,
  formatNumber,
  formatOperations,
  formatPercent,
  formatQuantizer,
  stageTitle,
} from "./htmlFormat.js";
import { recipeDetails, repeatCommand } from "./htmlRecipe.js";
import { type RunContent, type RunStage, readRun } from "./htmlRun.js";
import { STYLE } from "./htmlStyle.js";
import { type Html, html, trusted } from "./htmlTemplate.js";

/**
 * Writes <folder>/report.html for a finished or running training, from the files in the folder. Replaces an
 * earlier report.
 * @returns its path
 * @throws InputError if the folder is not a run, or nothing in it has been evaluated
 */
export async function writeRunReport(folder: string): Promise<string> {
  const run = await readRun(folder);
  // ECharts is slow to load: only import it when needed.
  const { drawChart } = await import("./htmlChart.js");
  const path = join(folder, "report.html");
  await writeFileAtomic(path, renderReport(run, drawChart));
  return path;
}

/** The whole page. All user text (names, paths, classes) is escaped, and scripts are blocked. */
export function renderReport(run: RunContent, draw: DrawChart): string {
  const { name, folder, stages, recipe, overview } = run;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'">
<title>${name} · qmimic</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
<main>
${header(run)}
<h2>Stages</h2>
${stageTable(stages)}
${evaluationSection(run, draw)}
${overview !== null && pictures(overview, recipe.valSplit)}
<h2>Training</h2>
${stages.map((stage) => stageSection(stage, draw))}
<h2>Recipe</h2>
<pre><code>${repeatCommand(folder)}</code></pre>
${recipeDetails(recipe)}
</main>
</body>
</html>
`.markup;
}

function header({ name, recipe, stages, finished }: RunContent): Html {
  const last = stages.at(-1);
  const classes = last?.config.classes ?? [];
  const when = finished?.toISOString();
  const advice = teacherAdvice(stages);
  return html`<header>
<h1>${name}</h1>
<dl class="facts">
<dt>Data</dt><dd><code>${recipe.data}</code>, trained on <code>${recipe.trainSplit}</code>, evaluated on <code>${recipe.valSplit}</code></dd>
<dt>Method</dt><dd>${recipe.method.replaceAll("-", " ")}${recipe.stage !== "all" && `, stage ${recipe.stage.replaceAll("-", " ")} only`}</dd>
<dt>Input</dt><dd>longest side ${recipe.side} px, output stride ${recipe.outputStride}</dd>
<dt>${classes.length === 1 ? "Class" : `${classes.length} classes`}</dt><dd><ul class="chips">${classes.map((name) => html`<li>${name}</li>`)}</ul></dd>
${
  when === undefined
    ? html`<dt>In training</dt><dd>${last && `${stageTitle(last)}, epoch ${last.rows.length}: reload this page to update`}</dd>`
    : html`<dt>Finished</dt><dd><time datetime="${when}">${when.slice(0, 16).replace("T", " ")} UTC</time></dd>`
}
</dl>
${last && tiles(last)}
${advice !== undefined && html`<p class="advice">${advice}</p>`}
</header>`;
}

function tiles(stage: RunStage): Html {
  const { val, match, matchActive, cost, config } = stage;
  const facts: [string, string][] = [
    [formatPercent(val), "AP50 on val"],
    [formatBytes(cost.bytesInt8), "as int8"],
    [formatBytes(cost.bytesGzip), "gzipped"],
    [formatCount(cost.parameters), "parameters"],
    [formatOperations(cost.multiplyAdds), "multiply-adds"],
  ];
  if (match !== null) facts.push([formatPercent(match), "match ratio on val"]);
  if (matchActive !== null) facts.push([formatPercent(matchActive), "match ratio, nonzero entries"]);
  return html`<ul class="tiles" aria-label="${stageTitle(stage)}, ${config.backbone}">${facts.map(
    ([value, label]) => html`<li><b>${value}</b><span>${label}</span></li>`,
  )}</ul>`;
}

function stageTable(stages: readonly RunStage[]): Html {
  return html`<div class="scroll"><table class="numbers">
<thead><tr><th scope="col">stage</th><th scope="col" class="text">network</th><th scope="col">val AP50</th><th scope="col">at epoch</th><th scope="col">parameters</th><th scope="col">fp32</th><th scope="col">int8</th><th scope="col">gzip</th><th scope="col">multiply-adds</th><th scope="col" class="text">quantizer</th><th scope="col">match ratio</th></tr></thead>
<tbody>
${stages.map(
  (stage) => html`<tr><th scope="row">${stageTitle(stage)}</th><td class="text">${stage.config.backbone}</td>
<td><b>${formatPercent(stage.val)}</b></td><td>${stage.bestEpoch} of ${stage.rows.length}</td>
<td>${formatCount(stage.cost.parameters)}</td><td>${formatBytes(stage.cost.bytesFp32)}</td><td>${formatBytes(stage.cost.bytesInt8)}</td><td>${formatBytes(stage.cost.bytesGzip)}</td>
<td>${formatOperations(stage.cost.multiplyAdds)}</td><td class="text">${formatQuantizer(stage.quantizer)}</td><td>${formatPercent(stage.match)}</td></tr>
`,
)}</tbody></table></div>
<p class="note">AP50: mean average precision at IoU 0.5 on the val split. gzip: the int8 weights compressed. Multiply-adds: one image at full input size, including all proposals.</p>`;
}

function pictures(overview: string, split: string): Html {
  return html`<h2>Pictures</h2>
<a href="${overview}"><img class="overview" src="${overview}" alt="Images from split ${split}: ground truth dashed, detections in the colour of their class"></a>
<p class="note">Split <code>${split}</code>: ground truth is dashed green and white, detections have the colour of their class. First some random images, then those with the most mistakes.</p>`;
}

function stageSection(stage: RunStage, draw: DrawChart): Html {
  const { rows, config, cost } = stage;
  const speeds = rows.map((row) => row.imagesPerSecond).filter(Number.isFinite);
  const speed = speeds.reduce((sum, speed) => sum + speed, 0) / speeds.length;
  const epochs = rows.length === 1 ? "1 epoch" : `${rows.length} epochs`;
  return html`<section>
<h3>${stageTitle(stage)} <span class="note">${config.backbone}, ${formatCount(cost.parameters)} parameters, ${epochs}, ${formatNumber(speed)} images per second</span></h3>
<div class="charts">
${stageCharts(stage, draw)}
</div>
</section>
`;
}
