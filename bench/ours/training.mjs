// Training steps of a student: from scratch, or with a teacher's stored maps.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countMultiplyAdds } from "@qmimic/torch";
import { createRandom } from "../../packages/qmimic/dist/data/random.js";
import { createDetector } from "../../packages/qmimic/dist/models/index.js";
import { epochOrder, makeBatch } from "../../packages/qmimic/dist/train/batches.js";
import { createMimicTask } from "../../packages/qmimic/dist/train/mimicTask.js";
import { detectorConfig } from "../../packages/qmimic/dist/train/networks.js";
import { decodeAll, openSplits } from "../../packages/qmimic/dist/train/splits.js";
import { batchSettings, createTrainee, trainingStep } from "../../packages/qmimic/dist/train/step.js";
import { measureSteps, peerRecipe } from "./settings.mjs";
/** All objects belong to the first of `classes` classes: speed depends on the number of classes. */
export async function benchmarkTraining(settings, method) {
  // Maps are always recomputed, to measure how long that takes.
  const cache = await mkdtemp(join(tmpdir(), "qmimic-benchmark-"));
  try {
    // The teacher has random weights. The mimic loss and its gradients are fully computed, but hardly affect the
    // student: otherwise it would produce different proposals, and more of them to suppress, than the student trained
    // from scratch that it is compared with. The peer does not mimic heads.
    return await measureTraining(
      settings,
      peerRecipe(settings, { method, cache, lambda: 1e-12, "lambda-head": 0 }),
    );
  } finally {
    await rm(cache, { recursive: true });
  }
}
async function measureTraining(settings, recipe) {
  const { train } = await openSplits(recipe);
  const { samples } = train.dataset;
  const classes = Array.from({ length: settings.classes }, (_, i) => `class ${i}`);
  const config = { ...detectorConfig(recipe, recipe.student, train), classes };
  const detector = createDetector(config, createRandom("student"));
  const batches = batchSettings(recipe, recipe.outputStride);
  const order = epochOrder(samples, batches, 0);
  // Images are decoded before the clock starts, as in later epochs, when they are in memory.
  await decodeAll([train], () => {});
  const started = performance.now();
  const mimic = recipe.method === "scratch" ? undefined : await mimicTask(recipe, detector, train);
  const seconds = (performance.now() - started) / 1000;
  detector.train();
  const trainee = createTrainee(detector, recipe, mimic);
  let forward = 0;
  const measured = await measureSteps(settings, async (i) => {
    const indices = order[i % order.length];
    const batch = await makeBatch(train, indices, batches, i);
    const step = () =>
      trainingStep(trainee, batch, recipe, { lr: recipe.lr, random: createRandom(i), index: i });
    forward = countMultiplyAdds(step) / indices.length;
    batch.images.dispose();
    return indices.length;
  });
  const maps = mimic && { seconds, bytes: mimic.maps.bytes, images: samples.length };
  mimic?.close();
  // The backward pass computes two products for each one in the forward pass: the gradients of the weights and of the
  // input.
  return { ...measured, multiplyAdds: 3 * forward, ...(maps ? { maps } : {}) };
}
/** A teacher with random weights: speed does not depend on them. */
function mimicTask(recipe, student, train) {
  const config = detectorConfig(recipe, recipe.teacher, train);
  const teacher = createDetector(
    { ...config, quantizer: { kind: "uniform", stride: 1 } },
    createRandom("teacher"),
  );
  const nothing = { dataset: { ...train.dataset, samples: [] }, store: train.store };
  const silent = { maps: () => {}, say: () => {} };
  return createMimicTask(recipe, { student, teacher }, { train, val: nothing }, silent);
}
