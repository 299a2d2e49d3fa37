// qmimic reproduce: tables by name, on runs that are cut off, shared, or not those of the table.
import type { ChildProcess } from "node:child_process";
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readSafetensors, writeSafetensors } from "@qmimic/torch";
import { beforeAll, describe, expect, it } from "vitest";
import { generateDemo } from "../../src/data/demo.js";
import type { Settings } from "../../src/reproduce/arms.js";
import { planRuns, recipeOf } from "../../src/reproduce/plan.js";
import type { RunResult } from "../../src/reproduce/runResult.js";
import { TABLES } from "../../src/reproduce/tables.js";
import { parseRecipe } from "../../src/train/recipe.js";
import { qmimic, type RunOptions } from "../cli/qmimic.js";
import { put, temporaryFolder } from "../data/temporary.js";

const root = await temporaryFolder();
const data = join(root, "data");
const recipe = join(root, "recipe.yaml");

beforeAll(async () => {
  await generateDemo(data, { train: 8, val: 3, test: 3, side: 96 });
  const settings = ["side: 96", "output-stride: 8", "batch: 4", "teacher: vgg-1-32", "student: vgg-1-64"];
  const short = ["scales: [1]", "teacher-epochs: 1", "quantized-epochs: 1", "epochs: 2", "eval-every: 1"];
  await put(recipe, [...settings, ...short, `cache: ${join(root, "cache")}`].join("\n"));
}, 60_000);

const reproduce = (runs: string, more: string[] = [], options: RunOptions = {}) =>
  qmimic(
    [
      "reproduce",
      "main",
      "--data",
      data,
      "--recipe",
      recipe,
      "--runs",
      join(root, runs),
      "--seeds",
      "2",
    ].concat(more),
    options,
  );
const ARMS = ["--arms", "scratch,quantization-mimic"];
const weightsOf = (runs: string, name: string) =>
  readFileSync(join(root, runs, name, "student", "weights", "last.safetensors"));

describe("the tables", () => {
  it.each(TABLES)("$name: each arm's needs come before it, the base is there, names are its own", (table) => {
    const base = parseRecipe({}, "test");
    const runs = planRuns(table, base, { runs: "runs", seeds: 2 });
    const names = runs.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    runs.forEach(({ needs }, i) => {
      for (const need of needs) expect(names.slice(0, i)).toContain(need);
    });
    expect(runs.some(({ arm }) => arm.name === table.base)).toBe(true);
  });

  it("weights that a teacher starts from are only the teacher's map", () => {
    const base = parseRecipe({ "teacher-init": "vgg.safetensors", teacher: "vgg-1-1" }, "test");
    const table = TABLES.find(({ name }) => name === "main")!;
    const runs = planRuns(table, base, { runs: "runs", seeds: 1, arms: ["teacher", "scratch"] });
    const initial = runs.map((run) => recipeOf(run, base, "runs").teacherInit);
    expect(initial).toEqual([resolve("vgg.safetensors"), ""]);
  });

  it("all arms have the same images: unlabelled ones are for their own table", () => {
    const recipe = parseRecipe({ unlabelled: "more" }, "test");
    for (const table of TABLES) {
      const plan = () => planRuns(table, recipe, { runs: "runs", seeds: 1 });
      if (table.name === "unlabelled") expect(plan().length).toBeGreaterThan(0);
      else expect(plan, table.name).toThrow(/unlabelled is more, but .*fewer steps/);
    }
  });

  it("equal steps need a run that says how many images it was trained on", () => {
    const table = TABLES.find(({ name }) => name === "unlabelled")!;
    const settingsWith = (recipe: Settings) => {
      const arms = table.arms(parseRecipe({ data: "faces", ...recipe }, "test"));
      const arm = arms.find(({ name }) => name === "scratch-few")!;
      return arm.settings as (finished: (arm: string) => RunResult) => Settings;
    };
    const settings = settingsWith({});
    const finished = (images: number | null) => () => ({ images, weights: "best.safetensors" }) as RunResult;
    expect(settings(finished(591))).toMatchObject({ "train-images": 150, "epoch-images": 591 });
    // All labelled have the recipe's.
    expect(settingsWith({ "epoch-images": 300 })(finished(591))).toMatchObject({ "epoch-images": 300 });
    expect(() => settings(finished(null))).toThrow(/did not record its number of images/);
  });

  it("with epoch-images set, few labels do not wait for all", () => {
    const table = TABLES.find(({ name }) => name === "unlabelled")!;
    const names = (recipe: Settings) =>
      planRuns(table, parseRecipe({ data: "faces", ...recipe }, "test"), {
        ...{ runs: "runs", seeds: 1, arms: ["scratch-few"] },
      }).map(({ name }) => name);
    expect(names({})).toEqual(["scratch-0", "scratch-few-0"]);
    expect(names({ "epoch-images": 591 })).toEqual(["scratch-few-0"]);
  });

  it.each([
    ["mimic-loss", { "mimic-loss": "correlation" }],
    ["map-or-heads", { "cross-head": true }],
    ["map-or-heads", { "lambda-head": 0 }],
    ["map-or-heads", { lambda: 0 }],
    ["map-or-heads", { lambda: 4, "lambda-head": 2, "quantize-student": false }],
    ["background", { "mimic-background": 1 }],
    ["quantize-both", { "quantize-student": false }],
    ["quantize-both", { "quantize-student": false, "quantize-prediction": false }],
    ["regions", { regions: "jittered" }],
  ])("%s: no two arms are the same, whatever the recipe's own settings: %j", (name, settings) => {
    const table = TABLES.find((one) => one.name === name)!;
    const recipe = parseRecipe(settings as Record<string, unknown>, "test");
    const arms = planRuns(table, recipe, { runs: "runs", seeds: 1 }).map(({ arm }) => arm);
    const trained = arms.map(({ name: _, label: __, ...rest }) =>
      JSON.stringify({ ...rest, settings: { ...recipe, ...(rest.settings as Settings) } }),
    );
    expect(new Set(trained).size).toBe(arms.length);
  });

  it("map-or-heads: every arm mimics what its label says, also with a recipe for the map only", () => {
    const table = TABLES.find(({ name }) => name === "map-or-heads")!;
    const arms = table.arms(parseRecipe({ lambda: 4, "lambda-head": 0 }, "test"));
    const weights = (label: string) => {
      const { settings } = arms.find((arm) => arm.label === label)!;
      const { lambda, "lambda-head": head, "cross-head": cross } = settings as Settings;
      return [lambda, head, cross];
    };
    expect(weights("map only, quantized")).toEqual([4, 0, false]);
    expect(weights("heads only")).toEqual([0, 1, false]);
    expect(weights("map and heads")).toEqual([4, 1, false]);
    expect(weights("map, and the teacher's head on it")).toEqual([4, 1, true]);
  });

  it.each([
    ["stride-of-q", { quantizer: "power-of-two" }, /quantizer is power-of-two/],
    ["student-only", { quantizer: "power-of-two" }, /quantizer is power-of-two/],
    ["restarts", { restarts: 2 }, /restarts is 2, but the table varies it/],
    [
      "teacher-size",
      { teacher: "vgg-1-1", "teacher-init": "vgg.safetensors" },
      /teacher-init is for one size/,
    ],
    ["rivals", { "teacher-scale": 2 }, /teacher-scale is 2, but a pruned teacher has the student's input/],
    [
      "background",
      { "region-form": "rois" },
      /arm quantization-mimic-background-0.25: mimic-background only/,
    ],
    ["mimic-loss", { "region-form": "rois" }, /mimic-loss correlation only works with region-form cells/],
    ["teacher-input", { "live-teacher": true }, /arm teacher-large-input: live-teacher and teacher-scale 2/],
    ["restarts", { epochs: 3 }, /arm scratch-restarts-3: restarts is 3, but .* only 3 epochs/],
  ])("%s refuses a recipe that does not suit it", (name, settings, message) => {
    const table = TABLES.find((one) => one.name === name)!;
    const recipe = parseRecipe(settings as Record<string, unknown>, "test");
    expect(() => planRuns(table, recipe, { runs: "runs", seeds: 1 })).toThrow(message);
  });

  it("an arm that has the recipe's own settings is the recipe's run", () => {
    const table = TABLES.find(({ name }) => name === "lambda")!;
    const names = (lambda: number) => table.arms(parseRecipe({ lambda }, "test")).map(({ name }) => name);
    expect(names(1)).toContain("quantization-mimic");
    expect(names(1)).not.toContain("quantization-mimic-lambda-1");
    expect(names(4)).toContain("quantization-mimic-lambda-1");
  });
});

describe("arms", () => {
  const armOf = (table: string, name: string, settings: object = {}) =>
    TABLES.find((one) => one.name === table)!
      .arms(parseRecipe(settings as Record<string, unknown>, "test"))
      .find((arm) => arm.name === name)!;

  it("scratch-long has the time of teacher, quantized teacher and mimicking student", () => {
    const { settings, after } = armOf("main", "scratch-long");
    const seconds: Record<string, number> = {
      teacher: 30,
      "quantized-teacher": 5,
      "quantization-mimic": 15,
      scratch: 10,
    };
    const of = (machines: Record<string, string>) => (arm: string) =>
      ({ secondsPerImage: seconds[arm], epochs: 20, machine: machines[arm] ?? "1 thread" }) as RunResult;
    const epochs = settings as (finished: (arm: string) => RunResult) => Settings;
    expect(epochs(of({})).epochs).toBe(100);
    expect(() => epochs(of({ teacher: "a GPU" }))).toThrow(
      /trained with a GPU, .* with 1 thread: their times/,
    );
    expect(after).toContain("quantization-mimic");
  });

  it("the epochs of scratch-long are measured once: later times do not make finished runs others", async () => {
    const base = parseRecipe({}, "test");
    const table = TABLES.find(({ name }) => name === "main")!;
    const runs = join(root, "timed");
    const planned = planRuns(table, base, { runs, seeds: 2, arms: ["scratch-long"] });
    const long = planned.filter(({ arm }) => arm.name === "scratch-long");
    const arm = { ...long[0].arm, settings: () => ({ method: "scratch", stage: "student", epochs: 205 }) };
    const epochs = () => long.map((run) => recipeOf({ ...run, arm }, base, runs).epochs);
    expect(epochs()).toEqual([205, 205]);
    await put(join(runs, "scratch-long-0", "recipe.yaml"), "epochs: 207\n");
    expect(epochs()).toEqual([207, 207]);
  });

  it("stride-of-q: students have their teachers' dictionaries, also if the recipe sets s", () => {
    const { settings } = armOf("stride-of-q", "quantization-mimic-s-2", { "quantizer-stride": 2 });
    expect(settings).toMatchObject({ method: "quantization-mimic", "quantizer-stride": "auto" });
  });

  it("uniform-vs-power has both dictionaries, whichever is the recipe's", () => {
    const names = (quantizer: string) =>
      TABLES.find(({ name }) => name === "uniform-vs-power")!
        .arms(parseRecipe({ quantizer }, "test"))
        .map(({ name }) => name);
    expect(names("uniform").slice(2)).toEqual([
      "quantization-mimic",
      "power-of-two-teacher",
      "quantization-mimic-power-of-two",
    ]);
    expect(names("power-of-two").slice(2)).toEqual([
      "uniform-teacher",
      "quantization-mimic-uniform",
      "quantization-mimic",
    ]);
  });

  it("teacher-size shares the runs of the recipe's teacher, under its own labels", () => {
    expect(armOf("teacher-size", "teacher", { teacher: "vgg-1-8" }).label).toBe("vgg-1-8");
    expect(armOf("teacher-size", "quantization-mimic", { teacher: "vgg-1-8" }).label).toBe(
      "taught by vgg-1-8",
    );
    expect(armOf("teacher-size", "teacher-vgg-1-4", { teacher: "vgg-1-8" }).label).toBe("vgg-1-4");
  });
});

describe("qmimic reproduce", () => {
  it("trains, scores once and writes numbers, page and picture; then has nothing to do", async () => {
    const { code, stdout, stderr } = await reproduce("whole", [...ARMS, "--parallel", "2"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/\| student from scratch \| [\d,]+ \| [\d.]+ kB \| \d+ \| 2 \|/);
    const out = join(root, "whole", "main");
    const results = JSON.parse(readFileSync(`${out}.json`, "utf8"));
    expect(results.arms.map((arm: { name: string }) => arm.name)).toEqual([
      "teacher",
      "quantized-teacher",
      "scratch",
      "quantization-mimic",
    ]);
    expect(results.arms[3]).toMatchObject({
      seeds: [0, 1],
      epochs: 2,
      difference: { ap50: { decided: false } },
    });
    expect(results.pairs).toEqual([]);
    expect(readFileSync(`${out}.md`, "utf8")).toMatch(
      /npx qmimic reproduce main --data DIR .*--seeds 2 --arms .* --runs \S*whole/,
    );
    expect(readFileSync(`${out}.svg`, "utf8")).toMatch(/^<svg/);
    const score = join(root, "whole", "scratch-1", "score-test.json");
    const times = [score, join(root, "whole", "scratch-1", "metrics.json")].map(
      (path) => statSync(path).mtimeMs,
    );
    const again = await reproduce("whole", ARMS);
    expect(again.stdout).not.toContain("; training");
    expect(JSON.parse(readFileSync(`${out}.json`, "utf8"))).toEqual(results);
    expect(
      [score, join(root, "whole", "scratch-1", "metrics.json")].map((path) => statSync(path).mtimeMs),
    ).toEqual(times);
  });

  it("killed with its runs, and by itself, it loses nothing", async () => {
    let child: ChildProcess | undefined;
    const options = { started: (one: ChildProcess) => (child = one) };
    const cut = reproduce("cut", [...ARMS], options);
    while (!existsSync(join(root, "cut", "scratch-0"))) await sleep(20);
    // The scheduler alone dies: the run that it has started goes on, and is waited for.
    child!.kill("SIGKILL");
    await cut;
    const { code, stdout } = await reproduce("cut", [...ARMS, "--parallel", "2"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/training scratch-1/);
    for (const name of ["scratch-0", "scratch-1", "quantization-mimic-0", "quantization-mimic-1"])
      expect(weightsOf("cut", name).equals(weightsOf("whole", name))).toBe(true);
  });

  it("killed while its run still reads the data, it does not train that run twice", async () => {
    let child: ChildProcess | undefined;
    const options = { started: (one: ChildProcess) => (child = one) };
    const first = reproduce("early", ["--arms", "scratch", "--seeds", "1"], options);
    while (!existsSync(join(root, "early", "logs", "scratch-0.log"))) await sleep(5);
    // The log is opened just before the run is started.
    await sleep(50);
    child!.kill("SIGKILL");
    await first;
    expect(existsSync(join(root, "early", "scratch-0"))).toBe(false);
    const { code, stdout } = await reproduce("early", ["--arms", "scratch", "--seeds", "1"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/waiting for other processes that are training scratch-0/);
    expect(readdirSync(join(root, "early")).filter((name) => name.startsWith("scratch"))).toEqual([
      "scratch-0",
    ]);
  });

  it("data that have moved are found with --data when a run is resumed", async () => {
    const moved = join(root, "moved");
    cpSync(data, moved, { recursive: true });
    cpSync(join(root, "early"), join(root, "resumed"), { recursive: true });
    const run = join(root, "resumed", "scratch-0");
    for (const file of ["metrics.json", "score-test.json"]) rmSync(join(run, file));
    const path = join(run, "recipe.yaml");
    writeFileSync(path, readFileSync(path, "utf8").replace(/^data: .*$/m, 'data: "/nowhere"'));
    const args = ["--arms", "scratch", "--seeds", "1", "--data", moved];
    expect(await reproduce("resumed", args)).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(path, "utf8")).toContain(`data: "${moved}"`);
  });

  it("test images that have changed are not scored with older detections; val has files of its own", async () => {
    const other = join(root, "other-test");
    cpSync(data, other, { recursive: true });
    const images = join(other, "JPEGImages");
    const [first] = readdirSync(images).filter((name) => name.startsWith("test"));
    appendFileSync(join(images, first), "\0");
    const only = ["--arms", "scratch", "--seeds", "1"];
    expect(await reproduce("early", [...only, "--data", other])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /score-test\.json: this score is from other images than the split has now/,
      ),
    });
    const main = readFileSync(join(root, "early", "main.json"), "utf8");
    // 96 px is the trained side: the same score.
    expect(await reproduce("early", [...only, "--split", "val", "--side", "96"])).toMatchObject({ code: 0 });
    expect(
      readdirSync(join(root, "early"))
        .filter((name) => name.endsWith(".md"))
        .sort(),
    ).toEqual(["main-val.md", "main.md"]);
    expect(readFileSync(join(root, "early", "main.json"), "utf8")).toBe(main);
    const score = join(root, "early", "scratch-0", "score-test.json");
    const stored = JSON.parse(readFileSync(score, "utf8"));
    const refused = async (content: object, message: RegExp) => {
      writeFileSync(score, JSON.stringify(content));
      expect(await reproduce("early", only)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(message),
      });
    };
    await refused(
      { ...stored, classes: [...stored.classes].reverse() },
      /this score is from the classes .*, but the data have/,
    );
    await refused({}, /score-test\.json: not a stored score: split: /);
    // An older score, without what is compared above.
    const { classes: _, imagesHash: __, ...older } = stored;
    writeFileSync(score, JSON.stringify(older));
    expect(await reproduce("early", only)).toMatchObject({ code: 0, stderr: "" });
  });

  it("two at once share the runs, and none is trained twice", async () => {
    const both = await Promise.all([0, 1].map(() => reproduce("shared", ["--arms", "scratch"])));
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const begun = both.flatMap(({ stdout }) =>
      [...stdout.matchAll(/training (\S+)\n/g)].map(([, name]) => name),
    );
    expect(begun.filter((name) => !name.includes(",")).sort()).toEqual(["scratch-0", "scratch-1"]);
    expect(readdirSync(join(root, "shared")).filter((name) => name.startsWith("scratch"))).toHaveLength(2);
    expect(weightsOf("shared", "scratch-1").equals(weightsOf("whole", "scratch-1"))).toBe(true);
  });

  it("takes runs whose settings differ only where it makes no difference", async () => {
    const change = (name: string, before: RegExp, after: string) => {
      const path = join(root, "whole", name, "recipe.yaml");
      const text = readFileSync(path, "utf8");
      expect(text).toMatch(before);
      writeFileSync(path, text.replace(before, after));
    };
    change("scratch-0", /^stage: "student"$/m, 'stage: "all"');
    change("scratch-1", /^device: "cpu"$/m, 'device: "cuda"');
    change("quantized-teacher-0", /^eval-every: \d+$/m, "eval-every: 7");
    expect(await reproduce("whole", ARMS)).toMatchObject({ code: 0, stderr: "" });
  });

  it("refuses runs with other settings, and scores of other weights", async () => {
    const other = ["--recipe", await edited("\nepochs: 2", "\nepochs: 3")];
    const settings = /scratch-\d: has a run with different settings \(epochs 2, now 3\)/;
    const refusal = (stderr: RegExp) => ({ code: 1, stderr: expect.stringMatching(stderr) });
    expect(await reproduce("whole", [...ARMS, ...other])).toMatchObject(refusal(settings));
    for (const seed of [0, 1]) rmSync(join(root, "shared", `scratch-${seed}`, "metrics.json"));
    expect(await reproduce("shared", ["--arms", "scratch", ...other])).toMatchObject(refusal(settings));
    const weights = (name: string) => join(root, "whole", name, "student", "weights", "best.safetensors");
    copyFileSync(weights("scratch-1"), weights("scratch-0"));
    expect(await reproduce("whole", ARMS)).toMatchObject(
      refusal(/score-test\.json: this score is from other weights/),
    );
  });

  it("refuses students of another teacher, and of other data", async () => {
    const folder = join(root, "replaced");
    cpSync(join(root, "whole"), folder, { recursive: true });
    for (const seed of [0, 1]) rmSync(join(folder, `scratch-${seed}`), { recursive: true });
    const refusal = (stderr: RegExp) => ({ code: 1, stderr: expect.stringMatching(stderr) });
    const only = ["--arms", "quantization-mimic"];
    const teacher = (run: string) => join(folder, run, run.slice(0, -2), "weights", "best.safetensors");
    // As if trained again: other weights under the same name.
    storeConstant(teacher("quantized-teacher-0"));
    expect(await reproduce("replaced", only)).toMatchObject(
      refusal(
        /quantization-mimic-0: .*quantized-teacher-0.* \(teacher\) has other weights than when this run/,
      ),
    );
    // A quantized teacher of a teacher that is trained again is refused as soon as that is known, before its students.
    rmSync(join(folder, "teacher-0", "metrics.json"));
    storeConstant(teacher("teacher-0"));
    rmSync(join(folder, "quantization-mimic-1"), { recursive: true });
    const { code, stderr } = await reproduce("replaced", only);
    expect({ code, stderr }).toEqual(
      refusal(/quantized-teacher-0: .*teacher-0.* \(teacher\) has other weights than when this run/),
    );
    expect(existsSync(join(folder, "quantization-mimic-1"))).toBe(false);
    const other = join(root, "other");
    cpSync(data, other, { recursive: true });
    const label = join(
      other,
      "Annotations",
      readdirSync(join(other, "Annotations")).find((name) => name.startsWith("train"))!,
    );
    writeFileSync(
      label,
      readFileSync(label, "utf8").replace(/<xmax>(\d+)/, (_, x) => `<xmax>${x - 1}`),
    );
    expect(await reproduce("whole", ["--arms", "scratch", "--data", other])).toMatchObject(
      refusal(/scratch-0: the data has changed since this run was started:\n.*split "train"/),
    );
  });

  it("two processes that score a run detect once", async () => {
    const score = join(root, "shared", "scratch-1", "score-test.json");
    rmSync(score);
    const outs = [0, 1].map((i) => join(root, `scored-${i}`));
    const both = await Promise.all(
      outs.map((out) => reproduce("shared", ["--arms", "scratch", "--out", out])),
    );
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const scored = JSON.parse(readFileSync(score, "utf8")).scored;
    for (const out of outs) {
      const { runs } = JSON.parse(readFileSync(`${out}.json`, "utf8"));
      expect(runs.find(({ name }: { name: string }) => name === "scratch-1").scored).toBe(scored);
    }
  });

  it("rivals: students of other layers and pruned teachers cost what the student costs, and are resumed by name", async () => {
    const folder = join(root, "rivals");
    // Teacher and student are those of the main table.
    cpSync(join(root, "cut"), folder, { recursive: true });
    const args = [
      "reproduce",
      "rivals",
      "--data",
      data,
      "--recipe",
      recipe,
      "--runs",
      folder,
      "--seeds",
      "1",
    ];
    const arms = ["separable", "grouped", "pruned-lasso", "pruned-taylor"];
    expect(await qmimic([...args, "--arms", arms.join(",")])).toMatchObject({ code: 0 });
    const costOf = (name: string): number =>
      JSON.parse(readFileSync(join(folder, `${name}-0`, "metrics.json"), "utf8")).cost.multiplyAdds;
    for (const arm of arms) expect(Math.abs(costOf(arm) / costOf("scratch") - 1), arm).toBeLessThan(0.1);
    expect(costOf("teacher")).toBeGreaterThan(1.5 * costOf("scratch"));
    const settings = (name: string) => readFileSync(join(folder, `${name}-0`, "recipe.yaml"), "utf8");
    expect(settings("grouped")).toMatch(/^convolution: "grouped"$/m);
    expect(settings("pruned-lasso")).toMatch(/^from: ".*pruned-lasso-0-[0-9a-f]{12}\.safetensors"$/m);
    // Nothing is done twice.
    const weights = () => statSync(join(folder, "pruned-taylor-0", "metrics.json")).mtimeMs;
    const before = weights();
    expect(await qmimic([...args, "--arms", arms.join(",")])).toMatchObject({ code: 0 });
    expect(weights()).toBe(before);
  });

  it("unlabelled: few labels, and the others' photographs, in equal steps", async () => {
    const settings = ["--set", "train-images=4", "--set", "quantizer-max-cost=100", "--seeds", "1"];
    const args = ["reproduce", "unlabelled", "--data", data, "--recipe", recipe, ...settings];
    const { code, stderr } = await qmimic([...args, "--runs", join(root, "few"), "--parallel", "2"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const images = (name: string) =>
      JSON.parse(readFileSync(join(root, "few", `${name}-0`, "metrics.json"), "utf8")).images;
    expect(["scratch", "scratch-few", "teacher-few"].map(images)).toEqual([
      { train: 8, unlabelled: 0 },
      { train: 4, unlabelled: 0 },
      { train: 4, unlabelled: 0 },
    ]);
    // The photographs of val and test are not among the others.
    for (const name of ["scratch-unlabelled", "quantization-mimic-unlabelled"])
      expect(images(name)).toEqual({ train: 4, unlabelled: 4 });
  });

  it("a run that fails is named with its log; the others are trained", async () => {
    const { code, stderr } = await reproduce("failing", [
      ...[
        "--arms",
        "scratch",
        "--recipe",
        await edited("student: vgg-1-64", "student: vgg-1-64\nlr: 1.0e+6"),
      ],
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/these runs failed.*\n.*failing\/logs\/scratch-0\.log\n.*scratch-1\.log/);
  });

  it("--plan trains nothing; unknown tables, arms and splits are refused", async () => {
    const { stdout } = await reproduce("plan", ["--plan"]);
    expect(stdout).toMatch(/^teacher-0 +to train\nquantized-teacher-0 +to train\nscratch-0/);
    expect(existsSync(join(root, "plan"))).toBe(false);
    const set = ["--plan", "--set", "lambda=4", "--set", "side=128"];
    expect(await reproduce("plan", set)).toMatchObject({ code: 0 });
    const refusals: [string[], RegExp][] = [
      [["reproduce", "mian"], /unknown table "mian".*Did you mean "main"/],
      [["reproduce", "main", "--data", data, "--arms", "scrtch"], /has no arm scrtch\. Arms: teacher/],
      [["reproduce", "main", "--data", data, "--split", "tset"], /no split "tset"/],
      [["reproduce", "main"], /no data folder given; pass --data DIR/],
      [
        ["reproduce", "main", "--data", data, "--set", "teacher=t.safetensors"],
        /teacher: .*t\.safetensors: a table trains its own teachers/,
      ],
    ];
    const wrong = ["reproduce", "main", "--data", data, "--set"];
    for (const text of ["lambda", "lamda=1", "seed=1", "=1"])
      refusals.push([[...wrong, text], /Expected NAME=VALUE/]);
    refusals.push([[...wrong, "lambda=x"], /lambda: "x" is invalid/]);
    for (const [args, message] of refusals)
      expect(await qmimic(args)).toMatchObject({ code: 1, stderr: expect.stringMatching(message) });
  });
});

async function edited(from: string, to: string): Promise<string> {
  const path = join(root, "edited.yaml");
  await put(path, readFileSync(recipe, "utf8").replace(from, to));
  return path;
}

/** Changes a tensor of a weights file. */
function storeConstant(path: string): void {
  const { metadata, tensors } = readSafetensors(path);
  const [[name, { shape, data }]] = tensors;
  tensors.set(name, { dtype: "F32", shape, data: new Float32Array(data.length) });
  writeSafetensors(path, tensors, metadata);
}
