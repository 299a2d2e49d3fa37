// What a run reads: classes that are asked for, classes that are merged, and what is refused before a run folder exists.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { configuration, setThreads } from "@qmimic/torch";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { createImageStore } from "../../src/data/imageStore.js";
import { readVoc } from "../../src/data/voc.js";
import { threadsOf } from "../../src/train/engine.js";
import { plannedStages } from "../../src/train/plan.js";
import { prepareRun } from "../../src/train/prepare.js";
import { idleMimicry, parseRecipe, stageRecipe } from "../../src/train/recipe.js";
import { createRunFolder, openRunFolder } from "../../src/train/runFolder.js";
import { openSplits } from "../../src/train/splits.js";
import { saveDetector } from "../../src/train/weights.js";
import { makeVoc, temporaryFolder } from "../data/temporary.js";
import { untrainedDetector } from "../export/untrained.js";

const root = await temporaryFolder();
const data = join(root, "data");
const object = (name: string) => ({ name, box: [10, 20, 50, 60] });
const open = (settings: Record<string, unknown>) => openSplits(parseRecipe({ data, ...settings }, "test"));

beforeAll(async () => {
  const objects = {
    a: [object("person"), object("dog")],
    b: [object("dog")],
    c: [object("person"), object("bird")],
    empty: [],
    hard: [{ ...object("dog"), extra: "<difficult>1</difficult>" }],
  };
  await makeVoc(data, objects, { train: "a\nb\n", val: "c\n", none: "empty\n", hard: "hard\n" });
});

describe("classes", () => {
  it("are those asked for, others are left out, also where only val has them", async () => {
    const { train, val } = await open({ classes: ["person"] });
    expect(train.dataset.classes).toEqual(["person"]);
    expect([train, val].map(({ dataset }) => dataset.samples.map((one) => [...one.labels]))).toEqual([
      [[1], []],
      [[1]],
    ]);
  });

  it("that the data does not have are refused, with the nearest one", async () => {
    await expect(open({ classes: ["persn"] })).rejects.toThrow(
      /has no objects of class "persn"\. Found: bird, dog, person\. Did you mean "person"/,
    );
  });

  it("are all kept when merged, also one that train does not have", async () => {
    const { train, val } = await open({ merge: "thing" });
    expect(train.dataset.classes).toEqual(["thing"]);
    expect([...val.dataset.samples[0].labels]).toEqual([1, 1]);
  });

  it("and merge together are refused", () => {
    expect(() => parseRecipe({ merge: "thing", classes: ["dog"] }, "test")).toThrow(
      /merge \("thing"\) and classes \(dog\)/,
    );
  });
});

describe("refused", () => {
  it.each(["none", "hard"])("a val split without objects to score: %s", async (split) => {
    await expect(open({ "val-split": split, merge: "thing" })).rejects.toThrow(
      new RegExp(`split "${split}" has no objects of thing`),
    );
  });

  it.each([
    [{ "anchor-sizes": [] }, /anchor-sizes: \[\]/],
    [{ "aspect-ratios": [] }, /aspect-ratios: \[\]/],
    [{ scales: [] }, /scales: \[\]/],
    [{ "rpn-low": 0.6 }, /rpn-low is 0\.6, above rpn-high, 0\.5/],
    [{ quantizer: "power-of-two", "quantizer-stride": 1 }, /quantizer-stride/],
    [{ restarts: 60, epochs: 200 }, /restarts is 60, but a network is trained for only 60 epochs/],
  ])("%o", (settings, message) => {
    expect(() => parseRecipe(settings, "test")).toThrow(message);
  });

  it.each([
    [{ lambda: 0, "lambda-head": 0 }, /both 0, so nothing would be mimicked\. Use --method scratch/],
    [{ method: "mimic", lambda: 0, "lambda-head": 0, stage: "student" }, /both 0/],
    [{ lambda: 0, "mimic-background": 1 }, /mimic-background applies to the feature map/],
    [{ lambda: 0, "mimic-loss": "correlation" }, /mimic-loss correlation applies to the feature map/],
    [{ "lambda-head": 0, "cross-head": true }, /cross-head applies to the heads/],
  ])("mimicking that does nothing, before the data is read: %o", async (settings, message) => {
    await expect(prepareRun(parseRecipe({ data: "nowhere", ...settings }, "test"))).rejects.toThrow(message);
  });

  it.each([
    { method: "scratch", lambda: 0, "lambda-head": 0 },
    { stage: "teacher", lambda: 0, "lambda-head": 0 },
    { method: "scratch", restarts: 80, epochs: 200 },
    { stage: "teacher", restarts: 80, "teacher-epochs": 200 },
  ])("but not what the run does not use: %o", (settings) => {
    expect(idleMimicry(parseRecipe(settings, "test"))).toBeUndefined();
  });

  it("a dictionary other than that of a quantized teacher", async () => {
    const teacher = join(root, "quantized.safetensors");
    const quantizer = { kind: "uniform", stride: 0.5 };
    saveDetector(teacher, untrainedDetector("faster-rcnn", ["thing"], { quantizer }));
    const prepared = (settings: object) =>
      prepareRun(
        parseRecipe(
          {
            data,
            merge: "thing",
            teacher,
            side: 96,
            "output-stride": 8,
            cache: join(root, "cache"),
            ...settings,
          },
          "test",
        ),
      );
    for (const fits of [{}, { "quantizer-stride": 0.5 }, { method: "mimic", "quantizer-stride": 2 }])
      await expect(prepared(fits)).resolves.toBeDefined();
    for (const wanted of [{ "quantizer-stride": 2 }, { quantizer: "power-of-two" }])
      await expect(prepared(wanted)).rejects.toThrow(
        /the teacher's dictionary is uniform with stride 0\.5, but the student needs/,
      );
  });

  it("but not a teacher that a student from scratch does not use", async () => {
    const settings = { data, merge: "thing", method: "scratch", teacher: join(root, "nowhere.safetensors") };
    const recipe = parseRecipe(settings, "test");
    await expect(prepareRun(recipe)).resolves.toBeDefined();
    expect(plannedStages(recipe).map(({ stage }) => stage)).toEqual(["student"]);
  });

  it("stage teacher with a trained teacher, before the file is read", async () => {
    const recipe = parseRecipe({ data, stage: "teacher", teacher: "nowhere.safetensors" }, "test");
    await expect(prepareRun(recipe)).rejects.toThrow(/stage teacher trains a network/);
  });
});

it("the recipe's threads and device hold without the command line too", async () => {
  const before = configuration().threads;
  await prepareRun(parseRecipe({ data, merge: "thing", method: "scratch", threads: before + 1 }, "test"));
  expect(configuration().threads).toBe(before + 1);
  setThreads(before);
  const recipe = parseRecipe({ data, merge: "thing", device: "tpu" }, "test");
  await expect(prepareRun(recipe)).rejects.toThrow(/device "tpu": expected cpu, cuda or cuda:N/);
});

it("a stage of the teacher has the teacher's input", () => {
  const recipe = parseRecipe({ side: 240, "teacher-scale": 2 }, "test");
  expect(stageRecipe(recipe, "student").side).toBe(240);
  for (const stage of ["teacher", "quantized-teacher"])
    expect(stageRecipe(recipe, stage)).toMatchObject({ side: 480, teacherScale: 1 });
});

it("splits share one budget of memory", async () => {
  const { samples } = await readVoc(data, "train");
  const bytes = 100 * 80 * 3;
  const budget = { bytes: 3 * bytes };
  const stores = [createImageStore(samples, { budget }), createImageStore(samples, { budget })];
  for (const store of stores) for (const index of [0, 1]) await store.get(index);
  expect(stores.map((store) => store.bytes)).toEqual([2 * bytes, bytes]);
  expect(budget.bytes).toBe(0);
});

it.each([
  ["3", 3],
  ["2,1", 2],
  ["", availableParallelism()],
  ["0", availableParallelism()],
  ["all", availableParallelism()],
  ["99999", availableParallelism()],
])("threads auto: OMP_NUM_THREADS %j gives %i", (value, threads) => {
  vi.stubEnv("OMP_NUM_THREADS", value);
  const found = threadsOf("auto");
  vi.unstubAllEnvs();
  expect(found).toBe(threads);
});

it("recipe.yaml has folders and threads as they were, so that a run can be resumed from elsewhere", async () => {
  const here = (path: string) => relative(process.cwd(), path);
  const teacher = join(root, "t.safetensors");
  saveDetector(teacher, untrainedDetector("faster-rcnn"));
  const settings = { data: here(data), runs: here(join(root, "runs")), teacher: here(teacher) };
  const folder = await createRunFolder(parseRecipe(settings, "test"), await open({ classes: ["person"] }));
  expect(existsSync(join(root, "runs"))).toBe(true);
  const stored = parse(await readFile(join(folder, "recipe.yaml"), "utf8"));
  expect(stored).toMatchObject({
    data,
    runs: join(root, "runs"),
    teacher,
    threads: threadsOf("auto"),
  });
  expect((await openRunFolder(folder)).data).toBe(data);
});
