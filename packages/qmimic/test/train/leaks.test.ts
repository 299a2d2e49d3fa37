// A training step as the trainer runs it leaves no tensor behind: image files, batch, teacher's maps, update.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { liveTensors, setThreads } from "@qmimic/torch";
import { afterAll, expect, test } from "vitest";
import { createImageStore } from "../../src/data/imageStore.js";
import { createRandom } from "../../src/data/random.js";
import { readVoc } from "../../src/data/voc.js";
import { detectSamples } from "../../src/eval/detect.js";
import { createFasterRcnn } from "../../src/models/fasterRcnn.js";
import { epochOrder, makeBatch } from "../../src/train/batches.js";
import { createMimicTask } from "../../src/train/mimicTask.js";
import { parseRecipe } from "../../src/train/recipe.js";
import { batchSettings, createTrainee, trainingStep } from "../../src/train/step.js";
import { makeVoc } from "../data/temporary.js";
import { config } from "../models/torchvision.js";

setThreads(1);
const root = mkdtempSync(join(tmpdir(), "qmimic-leaks-"));
afterAll(() => rmSync(root, { recursive: true }));

test.each(["quantization-mimic", "mimic", "scratch"])("a step of method %s leaks nothing", async (method) => {
  const data = join(root, method);
  const object = { name: "cat", box: [10, 20, 50, 60] };
  await makeVoc(data, { a: [object], b: [object] }, { train: "a\nb\n", val: "b\n" });
  const recipe = parseRecipe(
    { method, side: 96, batch: 2, "output-stride": 8, scales: [1, 0.75], cache: join(root, "cache") },
    "test",
  );
  const dataset = await readVoc(data, "train");
  const split = { dataset, store: createImageStore(dataset.samples, { maxSide: 96 }) };
  const of = (backbone: string, quantizer: typeof config.quantizer) =>
    createFasterRcnn(
      { ...config, backbone, side: 96, classes: dataset.classes, outputStride: 8, quantizer },
      createRandom(backbone),
    );
  const student = of("vgg-1-64", { kind: "none" });
  const teacher = of("vgg-1-32", { kind: "uniform", stride: 0.25 });
  const silent = { maps: () => {}, say: () => {} };
  const mimic =
    method === "scratch"
      ? undefined
      : await createMimicTask(recipe, student, teacher, { train: split, val: split }, silent);
  const trainee = createTrainee(student, recipe, mimic);
  const settings = batchSettings(recipe, 8);
  const [indices] = epochOrder(dataset.samples, settings, 0);
  const live: number[] = [];
  for (let step = 0; step < 4; step++) {
    const batch = await makeBatch(dataset.samples, split.store, indices, settings, step);
    student.train();
    trainingStep(trainee, batch, recipe, { lr: 1e-3, random: createRandom(step), index: 50 * step });
    batch.images.dispose();
    await mimic?.valMatch();
    await detectSamples(student, dataset.samples, split.store);
    live.push(liveTensors());
  }
  // The optimizer makes its moments in the first step.
  expect(live.slice(1)).toEqual(live.slice(1).fill(live[1]));
});
