// report.html: from a run folder to a page, what is on it for each kind of run, and that text of the user's stays text.
import { readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { InputError } from "../../src/errors.js";
import { createDetector, type Quantizer } from "../../src/models/index.js";
import { renderReport, writeRunReport } from "../../src/report/html.js";
import { drawChart } from "../../src/report/htmlChart.js";
import { readRun } from "../../src/report/htmlRun.js";
import { detectorCost } from "../../src/report/summary.js";
import { detectorConfig } from "../../src/train/networks.js";
import { parseRecipe } from "../../src/train/recipe.js";
import { createRunFolder } from "../../src/train/runFolder.js";
import type { Split } from "../../src/train/splits.js";
import { loadDetector, saveDetector } from "../../src/train/weights.js";
import { filesBelow } from "../cli/qmimic.js";
import { plainImage, put, temporaryFolder } from "../data/temporary.js";

const root = await temporaryFolder();
const EVIL = `<img src=x onerror="alert('1')">&`;
const none: Quantizer = { kind: "none" };
const uniform: Quantizer = { kind: "uniform", stride: 0.25 };

const HEADER = "epoch,lr,rpnClass,rpnBox,boxClass,boxBox,mimic,head,match,imagesPerSecond,val,valMatch";
const plain = (epochs: number) =>
  Array.from({ length: epochs }, (_, i) => `${i + 1},0.004,0.5,0.1,0.4,0.2,0,0,,80,0.${i + 1},`);
const mimicking = [
  "1,0.004,0.5,0.1,0.4,0.2,2.5,0.4,0.25,80,,",
  "2,0.001,0.3,0.1,0.4,0.2,1.5,0.3,0.5,80,0.6,0.45",
];

/** The files that `qmimic train` leaves, with weights that learned nothing. */
async function makeRun(name: string, stages: [string, string, Quantizer, string[]][], classes: string[]) {
  const recipe = parseRecipe(
    {
      data: `photos/${EVIL}`,
      runs: root,
      name,
      side: 96,
      epochs: 2,
      "anchor-sizes": [16, 32],
      "aspect-ratios": [1],
    },
    "test",
  );
  const split = { dataset: { samples: [], classes } } as unknown as Split;
  const folder = await createRunFolder(recipe, { train: split, val: split });
  for (const [stage, network, quantizer, lines] of stages) {
    const config = {
      ...detectorConfig(recipe, network, split),
      quantizer,
    };
    await put(join(folder, stage, "results.csv"), `${[HEADER, ...lines].join("\n")}\n`);
    await put(join(folder, stage, "weights", "best.safetensors"), "");
    saveDetector(join(folder, stage, "weights", "best.safetensors"), createDetector(config, createRandom(0)));
  }
  const metrics = stages.map(([stage, , quantizer, lines]) => ({
    stage,
    weights: "elsewhere",
    val: 0.6,
    bestEpoch: lines.length,
    quantizer,
    match: stage === "student" && quantizer.kind !== "none" ? 0.45 : null,
  }));
  await put(join(folder, "metrics.json"), JSON.stringify({ stages: metrics }));
  return folder;
}

const titles = (page: string): string[] =>
  [...page.matchAll(/<figcaption><b>(.*?)<\/b>/g)].map(([, title]) => title);

describe("writeRunReport", () => {
  it("of a run that is being trained shows the stages that were evaluated so far", async () => {
    const folder = await makeRun(
      "unfinished",
      [
        ["teacher", "vgg-1-32", none, plain(3)],
        ["student", "vgg-1-64", uniform, mimicking],
      ],
      ["stop"],
    );
    await rm(join(folder, "metrics.json"));
    const page = await readFile(await writeRunReport(folder), "utf8");
    expect(page).toContain("<dt>In training</dt><dd>Student, epoch 2: reload this page to update</dd>");
    expect(page).not.toContain("<dt>Finished</dt>");
    expect(page).toContain("<td>2 of 2</td>");
    expect(page).toMatch(/<td>45.0 %<\/td><\/tr>/);
    await rm(join(folder, "student", "weights", "best.safetensors"));
    expect(await readFile(await writeRunReport(folder), "utf8")).toContain("Teacher, epoch 3: reload");
    await rm(join(folder, "teacher", "weights", "best.safetensors"));
    await expect(writeRunReport(folder)).rejects.toThrow(/nothing in this run has been evaluated yet/);
  });

  it("puts all three stages on one page that loads nothing", async () => {
    const silent = [vi.spyOn(console, "warn"), vi.spyOn(console, "error"), vi.spyOn(console, "log")];
    const folder = await makeRun(
      "three",
      [
        ["teacher", "vgg-1-32", none, plain(3)],
        ["quantized-teacher", "vgg-1-32", uniform, plain(1)],
        ["student", "vgg-1-64", uniform, mimicking],
      ],
      ["stop", EVIL],
    );
    await put(join(folder, "pictures", "overview.png"), await plainImage(8, 8));
    const path = await writeRunReport(folder);
    for (const spy of silent) expect(spy).not.toHaveBeenCalled();
    expect(path).toBe(join(folder, "report.html"));
    expect(filesBelow(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);

    const page = await readFile(path, "utf8");
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).toContain(`<h1>${basename(folder)}</h1>`);
    const detection = ["Detection losses", "Accuracy"];
    expect(titles(page)).toEqual([
      ...[...detection, "Learning rate"],
      ...[...detection, "Learning rate"],
      ...[...detection, "Mimic losses", "Match ratio", "Learning rate"],
    ]);
    // One epoch is no curve.
    expect(page.match(/<div role="img"/g)).toHaveLength(3 + 0 + 5);
    expect(page).toContain("<td>3 of 3</td>");
    expect(page).toContain("uniform, stride 0.25");
    expect(page).toContain("<td>45.0 %</td>");
    expect(page).toContain(`npx qmimic train ${join(folder, "recipe.yaml")}`);
    expect(page).toContain('<img class="overview" src="pictures/overview.png"');
    // Names of XML vocabularies are no addresses that a browser would ask.
    expect(page.replaceAll(/ xmlns(:xlink)?="[^"]*"/g, "")).not.toMatch(
      /https?:|url\(["']?[^#"']|<script|<link/,
    );
  });

  it("escapes classes, paths and names", async () => {
    const folder = await makeRun("evil", [["student", "vgg-1-64", none, plain(2)]], [EVIL]);
    const run = await readRun(folder);
    const classes = [{ name: EVIL, ap: 0.5, ap50to95: null, objects: 3, bestF1: null, curve: [1, 0.5] }];
    const page = renderReport(
      {
        ...run,
        name: EVIL,
        folder: `it's ${EVIL}`,
        evaluation: {
          iou: 0.5,
          classes,
          confusion: {
            matrix: [
              [2, 1],
              [4, 0],
            ],
          },
        },
      },
      drawChart,
    );
    expect(page).not.toContain("<img");
    expect(page).not.toContain("alert('");
    const escaped = "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;";
    expect(page).toContain(`<title>${escaped} · qmimic</title>`);
    expect(page).toContain(`<li>${escaped}</li>`);
    expect(page).toContain(`<th scope="row">${escaped}</th><td>3</td>`);
    expect(page).toContain(`/photos/${escaped}</code>`);
    expect(page).toContain(`<th scope="col">${escaped}</th><th scope="col">background</th>`);
    expect(page).toContain(`Average precision: ${escaped} 50.0 %">`);
    expect(page).toContain("npx qmimic train &#39;it&#39;\\&#39;&#39;s ");
  });

  it("has curves in groups of four and a matrix, and neither for runs that stored none", async () => {
    const folder = await makeRun("curves", [["student", "vgg-1-64", none, plain(2)]], ["face"]);
    const run = await readRun(folder);
    const bestF1 = { precision: 0.8, recall: 0.555, threshold: 0.4 };
    const curve = Array.from({ length: 101 }, (_, k) => (k <= 60 ? 1 - k / 200 : 0));
    const one = (name: string) => ({ name, ap: 0.5, ap50to95: 0.2, objects: 10, bestF1, curve });
    const classes = ["a", "b", "c", "d", "e"].map(one);
    classes.push({ ...one("none"), curve: null as unknown as number[] });
    const matrix: number[][] = Array.from({ length: 7 }, (_, i) =>
      Array.from({ length: 7 }, (_, k) => (i === k && i < 6 ? 1234 : 0)),
    );
    matrix[0][1] = 617;
    const page = renderReport(
      { ...run, evaluation: { iou: 0.5, classes, confusion: { matrix } } },
      drawChart,
    );
    expect(page.match(/aria-label="Precision over recall/g)).toHaveLength(2);
    expect(page.match(/<h3>Confusion/g)).toHaveLength(1);
    expect(page).toContain(
      '<td class="right" style="--share: 0.400">1,234</td><td class="wrong" style="--share: 0.200">617',
    );
    expect(page).not.toMatch(/<script|NaN/);
    const old = classes.map((named) => ({ ...named, curve: null }));
    const without = renderReport({ ...run, evaluation: { iou: 0.5, classes: old } }, drawChart);
    expect(without).toContain("<h2>Classes</h2>");
    expect(without).not.toMatch(/Precision over recall|Confusion/);
  });

  it("a single stage has no chart of mimic, no picture and no class table", async () => {
    const folder = await makeRun("single", [["student", "vgg-1-64", none, plain(2)]], ["face"]);
    const page = await readFile(await writeRunReport(folder), "utf8");
    expect(titles(page)).toEqual(["Detection losses", "Accuracy", "Learning rate"]);
    expect(page).not.toContain("<img");
    expect(page).not.toContain("<h2>Classes</h2>");
  });

  it("shows changed settings first, marked", async () => {
    const folder = await makeRun("recipe", [["student", "vgg-1-64", none, plain(2)]], ["face"]);
    const page = await readFile(await writeRunReport(folder), "utf8");
    const rows = [...page.matchAll(/<tr( class="changed")?>\s*<th scope="row"><code>([\w-]+)</g)];
    const marks = rows.map(([, mark]) => mark !== undefined);
    expect(
      rows
        .slice(0, 9)
        .map(([, , name]) => name)
        .sort(),
    ).toEqual([
      "anchor-sizes",
      "aspect-ratios",
      "cache",
      "data",
      "epochs",
      "name",
      "runs",
      "side",
      "threads",
    ]);
    expect(marks).toEqual([...marks].sort((a, b) => Number(b) - Number(a)));
    expect(marks.filter(Boolean)).toHaveLength(9);
    expect(page).toContain(`9 of ${rows.length} settings differ`);
  });

  it("says when a student ends above its teacher", async () => {
    const folder = await makeRun("above", [["student", "vgg-1-64", none, plain(2)]], ["face"]);
    const path = join(folder, "metrics.json");
    const metrics = JSON.parse(await readFile(path, "utf8"));
    const page = async (teacherVal: number) => {
      metrics.stages[0].teacherVal = teacherVal;
      await put(path, JSON.stringify(metrics));
      return readFile(await writeRunReport(folder), "utf8");
    };
    expect(await page(0.5)).toContain("The student (AP50 60.0 on val) beats its teacher (50.0)");
    expect(await page(0.7)).not.toContain("beats its teacher");
  });

  it("takes what the metrics say of a stage, and reads no weights then", async () => {
    const folder = await makeRun("measured", [["student", "vgg-1-64", none, plain(2)]], ["face"]);
    const path = join(folder, "metrics.json");
    const before = await readFile(await writeRunReport(folder), "utf8");
    const metrics = JSON.parse(await readFile(path, "utf8"));
    const weights = join(folder, "student", "weights", "best.safetensors");
    const detector = loadDetector(weights);
    Object.assign(metrics.stages[0], { config: detector.config, cost: detectorCost(detector) });
    await put(path, JSON.stringify(metrics));
    await put(weights, "no weights");
    const after = await readFile(await writeRunReport(folder), "utf8");
    const lines = (page: string) =>
      page
        .replace(/<time[\s\S]*?<\/time>/, "")
        .replaceAll(/zr\d+/g, "zr")
        .split("\n");
    expect(lines(after)).toEqual(lines(before));
  });

  it("says what is missing where a run is not complete", async () => {
    const folder = await makeRun("cut", [["student", "vgg-1-64", none, plain(2)]], ["face"]);
    await put(join(folder, "metrics.json"), "{}");
    await expect(writeRunReport(folder)).rejects.toThrow(/metrics\.json: not the metrics of a run/);
    await rm(join(folder, "metrics.json"));
    await rm(join(folder, "student"), { recursive: true });
    await expect(writeRunReport(folder)).rejects.toThrow(InputError);
    await expect(writeRunReport(join(root, "nowhere"))).rejects.toThrow(/nowhere: not a run folder/);
    expect(filesBelow(folder)).not.toContain("report.html");
  });
});
