// What the teacher finds in photographs without labels, and what the student makes of it.
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { createDetector } from "../../src/models/index.js";
import { detectorConfig } from "../../src/train/networks.js";
import { withPseudoLabels } from "../../src/train/pseudoLabels.js";
import { parseRecipe, type Recipe } from "../../src/train/recipe.js";
import { openSplits } from "../../src/train/splits.js";
import { saveDetector } from "../../src/train/weights.js";
import { qmimic } from "../cli/qmimic.js";
import { makeVoc, plainImage, put, temporaryFolder } from "../data/temporary.js";

const root = await temporaryFolder();
const [data, photographs] = [join(root, "data"), join(root, "photographs")];
const teacher = join(root, "teacher.safetensors");
const settings = { data, unlabelled: photographs, side: 96, "output-stride": 8, scales: [1], batch: 2 };
const recipeOf = (more: object): Recipe => parseRecipe({ ...settings, ...more }, "test");

beforeAll(async () => {
  const cat = [{ name: "cat", box: [20, 20, 70, 60] }];
  const dog = [{ name: "dog", box: [10, 10, 50, 70] }];
  await makeVoc(data, { a: cat, b: dog, c: cat, d: cat }, { train: "a\nb\nc\n", val: "d\n" });
  for (const i of [1, 2, 3])
    await put(join(photographs, `${i}.png`), await plainImage(100, 80, "png", `#${i}0f0${i}0`));
  const recipe = recipeOf({});
  const { train } = await openSplits(recipe);
  const detector = createDetector(detectorConfig(recipe, "vgg-1-64", train), createRandom(1));
  saveDetector(teacher, detector, {});
  detector.dispose();
});

async function label(more: object, file: string) {
  const said: string[] = [];
  const recipe = recipeOf(more);
  const splits = await openSplits(recipe);
  const { train, val, unlabelled } = splits;
  const task = {
    recipe,
    train,
    val,
    unlabelled: unlabelled!,
    teacher,
    say: (text: string) => said.push(text),
  };
  const labelled = await withPseudoLabels({ ...task, file });
  return { ...labelled, said: said.join("\n"), before: train };
}

it("what has the score is an object, what has nearly is ignored, the rest is background; the file is used again", async () => {
  const file = join(root, "labels", "unlabelled.json");
  const all = await label({ "pseudo-score": 0, "pseudo-ignore": 0 }, file);
  const found = all.dataset.samples.slice(3);
  expect(found.map(({ id }) => id)).toEqual([1, 2, 3].map((i) => `unlabelled/${i}.png`));
  const { images } = JSON.parse(readFileSync(file, "utf8"));
  const scores: number[] = images[0].scores;
  expect(scores.length).toBeGreaterThan(3);
  expect([...found[0].difficult]).toEqual(scores.map(() => 0));
  expect([...found[0].boxes]).toEqual(images[0].boxes);

  // Between the scores of the first photograph: above the upper one objects, below the lower one nothing.
  const [upper, lower] = [scores[1], scores.at(-2)!];
  const some = await label(
    { "pseudo-score": upper, "pseudo-ignore": lower / upper },
    join(root, "labels", "some.json"),
  );
  const sample = some.dataset.samples[3];
  const expected = scores.filter((score) => score >= (lower / upper) * upper);
  expect([...sample.difficult]).toEqual(expected.map((score) => Number(score < upper)));
  expect(some.said).toMatch(
    /unlabelled: the teacher found \d+ objects in 3 images \(minimum scores: cat 0\.\d\d, dog/,
  );

  const again = await label({ "pseudo-score": 1 }, file);
  expect(again.dataset.samples).toEqual(all.dataset.samples);
});

it("images come from both stores; the labelled ones are as they were", async () => {
  const { dataset, store, before } = await label({ "pseudo-score": 1 }, join(root, "labels", "none.json"));
  expect(dataset.samples.slice(0, 3)).toEqual(before.dataset.samples);
  store.prefetch(dataset.samples.keys());
  const images = await Promise.all([...dataset.samples.keys()].map((i) => store.get(i)));
  expect(images.slice(3).map(({ data }) => [...data.subarray(0, 3)])).toEqual(
    [1, 2, 3].map((i) => [16 * i, 0xf0, 16 * i]),
  );
});

it("labels of other photographs are refused", async () => {
  const file = join(root, "labels", "unlabelled.json");
  await put(join(photographs, "4.png"), await plainImage(100, 80, "png", "#40f040"));
  await expect(label({}, file)).rejects.toThrow(/unlabelled\.json: has no image "unlabelled\/4\.png"/);
  rmSync(join(photographs, "4.png"));
});

const train = (name: string, ...more: string[]) =>
  qmimic([
    ...["train", "--data", data, "--unlabelled", photographs, "--runs", root, "--name", name],
    ...["--side", "96", "--output-stride", "8", "--scales", "1", "--batch", "2", "--threads", "1"],
    ...["--student", "vgg-1-64", "--teacher", "vgg-1-64", "--epochs", "2", "--teacher-epochs", "1"],
    ...["--quantized-epochs", "1", "--quantizer-max-cost", "100", "--cache", join(root, "cache"), ...more],
  ]);

it("a run from scratch has a teacher for it; it is resumed bit for bit, on the same photographs alone", async () => {
  const { code, stdout } = await train("scratch", "--method", "scratch");
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/\nteacher +about/) });
  expect(stdout).not.toMatch(/quantized-teacher/);
  const run = join(root, "scratch");
  const weights = join(run, "student", "weights", "last.safetensors");
  const before = readFileSync(weights);
  expect(JSON.parse(readFileSync(join(run, "metrics.json"), "utf8")).images).toEqual({
    train: 3,
    unlabelled: 3,
  });

  // The student from its start, on what the teacher found then.
  rmSync(join(run, "student", "weights"), { recursive: true });
  const moved = join(root, "moved");
  renameSync(photographs, moved);
  expect(await qmimic(["train", "--resume", run])).toMatchObject({ code: 1 });
  expect(await qmimic(["train", "--resume", run, "--unlabelled", moved])).toMatchObject({
    code: 0,
    stderr: "",
  });
  expect(readFileSync(weights).equals(before)).toBe(true);

  renameSync(join(moved, "1.png"), join(moved, "x.png"));
  expect(await qmimic(["train", "--resume", run])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/split "unlabelled": 1 image added since \(unlabelled\/x\.png\)/),
  });
  renameSync(join(moved, "x.png"), join(moved, "1.png"));
  renameSync(moved, photographs);
}, 120_000);

it("Quantization Mimic has the teacher's maps of all of them", async () => {
  expect(await train("mimic", "--train-images", "2", "--epoch-images", "4")).toMatchObject({ code: 0 });
  const run = join(root, "mimic");
  expect(existsSync(join(run, "student", "unlabelled.json"))).toBe(true);
  // The image of train that was not chosen has the bytes of one that was.
  expect(JSON.parse(readFileSync(join(run, "metrics.json"), "utf8")).images).toEqual({
    train: 2,
    unlabelled: 3,
  });
}, 120_000);

it("what does not go together is said before anything is written", async () => {
  expect(await train("none", "--train-images", "9")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/train-images is 9, but split "train" of .*data has only 3/),
  });
  expect(await train("none", "--method", "scratch", "--stage", "student")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/stage student with unlabelled images needs --teacher FILE\.safetensors/),
  });
  expect(existsSync(join(root, "none"))).toBe(false);
}, 60_000);
