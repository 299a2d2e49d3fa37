// Variants of mimicking and of the schedule train all stages, and end with the same weights when they are interrupted.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors, setThreads, writeSafetensors } from "@qmimic/torch";
import { beforeAll, expect, test } from "vitest";
import { DETECTORS } from "../../src/models/index.js";
import { parseRecipe } from "../../src/train/recipe.js";
import { weightFiles } from "../../src/train/runFiles.js";
import { openSplits } from "../../src/train/splits.js";
import { runStages, type StageReport } from "../../src/train/stages.js";
import { readConfig } from "../../src/train/weights.js";
import { makeShapes } from "../data/shapes.js";
import { temporaryFolder } from "../data/temporary.js";

setThreads(1);
const root = await temporaryFolder();
const data = join(root, "shapes");
beforeAll(() => makeShapes(data, { train: 8, val: 4 }));

const SIDE = 64;
const settings = {
  ...{ data, side: SIDE, "output-stride": 8, batch: 4, threads: 1, cache: join(root, "cache") },
  ...{ teacher: "vgg-1-48", student: "vgg-1-64", "teacher-epochs": 4, "quantized-epochs": 1, epochs: 4 },
  ...{ "eval-every": 2, "quantizer-max-cost": 100 },
};

const VARIANTS = [
  { restarts: 1 },
  { "teacher-scale": 2 },
  { "teacher-scale": 2, method: "mimic" },
  { "cross-head": true },
  { "cross-head": true, quantizer: "power-of-two" },
];

test.each(DETECTORS.flatMap((detector) => VARIANTS.map((variant) => ({ detector, ...variant }))))(
  "%j",
  async (variant) => {
    const recipe = parseRecipe({ ...settings, ...variant }, "test");
    const said: string[] = [];
    const run = async (folder: string, stopAfter = Number.POSITIVE_INFINITY) => {
      let stage = "";
      const report: StageReport = {
        stage: (name) => {
          stage = name;
        },
        say: (text) => said.push(text),
        maps: () => {},
        step: () => {},
        epoch: ({ epoch }) => {
          if (stage === "student" && epoch >= stopAfter) throw new Error("interrupted");
        },
      };
      return runStages(recipe, folder, report, await openSplits(recipe));
    };
    const name = JSON.stringify(variant).replace(/\W+/g, "-");
    const [whole, parts] = [join(root, name), join(root, `${name}-parts`)];
    const results = await run(whole);
    await expect(run(parts, 1)).rejects.toThrow("interrupted");
    await run(parts);
    for (const { stage } of results) {
      const [a, b] = [whole, parts].map((folder) => readFileSync(weightFiles(join(folder, stage)).last));
      expect(a.equals(b), stage).toBe(true);
      const scale = stage === "student" ? 1 : recipe.teacherScale;
      expect(readConfig(weightFiles(join(whole, stage)).last).side, stage).toBe(scale * SIDE);
    }
    const csv = readFileSync(join(whole, "student", "results.csv"), "utf8")
      .trim()
      .split("\n");
    const head = Number(csv.at(-1)!.split(",")[csv[0].split(",").indexOf("head")]);
    const hasHeads = !(recipe.teacherScale > 1 && variant.detector === "fcos");
    expect(head > 0).toBe(hasHeads);
    expect(said.some((text) => text.includes("with teacher-scale 2, the teacher's head"))).toBe(!hasHeads);
  },
);

test("a resumed run keeps its anchors, also if this version would choose others for the same data", async () => {
  const recipe = parseRecipe({ ...settings, method: "scratch", epochs: 2, "anchor-sizes": "auto" }, "test");
  const folder = join(root, "anchors");
  const run = async (stopAfter: number) => {
    const report: StageReport = {
      ...{ stage: () => {}, say: () => {}, maps: () => {}, step: () => {} },
      epoch: ({ epoch }) => {
        if (epoch >= stopAfter) throw new Error("interrupted");
      },
    };
    return runStages(recipe, folder, report, await openSplits(recipe));
  };
  await expect(run(1)).rejects.toThrow("interrupted");
  const { best, last } = weightFiles(join(folder, "student"));
  const { tensors, metadata } = readSafetensors(last);
  const config = JSON.parse(metadata.config);
  const others = config.anchorSizes.map((size: number) => size + 3);
  const changed = JSON.stringify({ ...config, anchorSizes: others });
  writeSafetensors(last, tensors, { ...metadata, config: changed });
  await run(Number.POSITIVE_INFINITY);
  for (const path of [last, best]) expect(readConfig(path)).toMatchObject({ anchorSizes: others });
});
