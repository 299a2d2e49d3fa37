// A training step as the trainer runs it leaves no tensor behind: image files, batch, teacher's maps, update.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { liveTensors, setThreads } from "@qmimic/torch";
import { afterAll, expect, test } from "vitest";
import { createImageStore } from "../../src/data/imageStore.js";
import { createRandom } from "../../src/data/random.js";
import { readVoc } from "../../src/data/voc.js";
import { detectSamples, detectWith } from "../../src/eval/detect.js";
import { createDetector, DETECTORS, type Quantizer } from "../../src/models/index.js";
import { epochOrder, makeBatch } from "../../src/train/batches.js";
import { createMimicTask } from "../../src/train/mimicTask.js";
import { detectorConfig } from "../../src/train/networks.js";
import { parseRecipe } from "../../src/train/recipe.js";
import { batchSettings, createTrainee, trainingStep } from "../../src/train/step.js";
import { makeVoc } from "../data/temporary.js";

setThreads(1);
const root = mkdtempSync(join(tmpdir(), "qmimic-leaks-"));
afterAll(() => rmSync(root, { recursive: true }));

/** Two images of a cat, a student and a teacher of these kinds, and a step of training them. */
async function prepare(method: string, kinds: { student: string; teacher: string }) {
  const data = join(root, `${method}-${kinds.student}-${kinds.teacher}`);
  const object = { name: "cat", box: [10, 20, 50, 60] };
  await makeVoc(data, { a: [object], b: [object] }, { train: "a\nb\n", val: "b\n" });
  const settings = { method, side: 96, batch: 2, "output-stride": 8, scales: [1, 0.75] };
  const recipeOf = (detector: string) =>
    parseRecipe({ ...settings, detector, cache: join(root, "cache") }, "test");
  const recipe = recipeOf(kinds.student);
  const dataset = await readVoc(data, "train");
  const split = { dataset, store: createImageStore(dataset.samples, { maxSide: 96 }) };
  const of = (detector: string, backbone: string, quantizer: Quantizer) =>
    createDetector(
      { ...detectorConfig(recipeOf(detector), backbone, split), quantizer },
      createRandom(backbone),
    );
  const student = of(kinds.student, "vgg-1-64", { kind: "none" });
  const teacher = of(kinds.teacher, "vgg-1-32", { kind: "uniform", stride: 0.25 });
  const said: string[] = [];
  const report = { maps: () => {}, say: (text: string) => said.push(text) };
  const mimic =
    method === "scratch"
      ? undefined
      : await createMimicTask(recipe, { student, teacher }, { train: split, val: split }, report);
  const trainee = createTrainee(student, recipe, mimic);
  const batches = batchSettings(recipe, 8);
  const [indices] = epochOrder(dataset.samples, batches, 0);
  const step = async (index: number) => {
    const batch = await makeBatch(split, indices, batches, index);
    student.train();
    const losses = trainingStep(trainee, batch, recipe, {
      lr: 1e-3,
      random: createRandom(index),
      index: 50 * index,
    });
    batch.images.dispose();
    return losses;
  };
  return { student, dataset, split, mimic, said, step };
}

test.each(
  DETECTORS.flatMap((kind) => ["quantization-mimic", "mimic", "scratch"].map((method) => ({ kind, method }))),
)("a step of $kind, method $method, leaks nothing", async ({ kind, method }) => {
  const { student, dataset, split, mimic, said, step } = await prepare(method, {
    student: kind,
    teacher: kind,
  });
  const live: number[] = [];
  for (let index = 0; index < 4; index++) {
    const losses = await step(index);
    if (mimic) {
      expect(Math.min(losses.mimic, losses.head)).toBeGreaterThan(0);
      expect(losses.balance?.ratio).toBeGreaterThan(0);
    }
    await mimic?.valMatch();
    await detectSamples(detectWith(student), dataset.samples, split.store);
    live.push(liveTensors());
  }
  // The optimizer makes its moments in the first step.
  expect(live.slice(1)).toEqual(live.slice(1).fill(live[1]));
  expect(said.join()).not.toContain("not the heads");
});

test.each([
  ["fcos", "faster-rcnn"],
  ["faster-rcnn", "r-fcn"],
  ["r-fcn", "fcos"],
])("a %s learns the map of a %s, not its heads, and says so", async (student, teacher) => {
  const { said, step } = await prepare("quantization-mimic", { student, teacher });
  const { mimic, head } = await step(0);
  expect(mimic).toBeGreaterThan(0);
  expect(head).toBe(0);
  expect(said).toContain(
    `mimicking only the feature map, not the heads: the teacher is a ${teacher}, but the student is a ${student}`,
  );
});
