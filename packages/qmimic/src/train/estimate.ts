// Estimates how long the stages of a run will take.
import { createRandom } from "../data/random.js";
import { detectWith } from "../eval/detect.js";
import { createDetector, type DetectorConfig } from "../models/index.js";
import { epochOrder, makeBatch } from "./batches.js";
import { studentConfig, teacherConfig } from "./networks.js";
import { type PlannedStage, plannedStages, type StageName } from "./plan.js";
import { fineTuning, needsTeacher, type Recipe, teacherRecipe } from "./recipe.js";
import { type Splits, splitsForTeacher } from "./splits.js";
import { batchSettings, createTrainee, trainingStep } from "./step.js";

export interface StageTime extends PlannedStage {
  seconds: number;
}

/** Measured steps: the first is slower and does not count. */
const STEPS = 3;

/**
 * Times a few steps of each network, with fresh weights, and extrapolates: training, evaluation on val, and the
 * teacher's maps. Accurate to about 25 % on an idle machine.
 * @param done completed epochs of a stage in a resumed run
 */
export async function estimateTimes(
  recipe: Recipe,
  splits: Splits,
  done: (stage: StageName) => number = () => 0,
): Promise<StageTime[]> {
  const speeds = new Map<string, Speed>();
  const speedOf = async (network: "teacher" | "student"): Promise<Speed> => {
    const [own, config, seen] =
      network === "teacher"
        ? [teacherRecipe(recipe), teacherConfig(recipe, splits.train), splitsForTeacher(splits)]
        : [recipe, studentConfig(recipe, splits.train), splits];
    const key = JSON.stringify(config);
    const speed = speeds.get(key) ?? (await measure(own, config, seen));
    speeds.set(key, speed);
    return speed;
  };
  const [train, val] = [splits.train, splits.val].map(({ dataset }) => dataset.samples.length);
  const times: StageTime[] = [];
  for (const planned of plannedStages(recipe)) {
    const { stage } = planned;
    const epochs = Math.max(0, planned.epochs - done(stage));
    if (epochs === 0) {
      times.push({ ...planned, seconds: 0 });
      continue;
    }
    const { step, detect } = await speedOf(stage === "student" ? "student" : "teacher");
    const more = stage === "student" ? (splits.unlabelled?.dataset.samples.length ?? 0) : 0;
    const images = recipe.epochImages || train + more;
    const { evalEvery } = stage === "quantized-teacher" ? fineTuning(recipe) : recipe;
    let seconds = epochs * images * step + Math.ceil(epochs / evalEvery) * val * detect;
    if (stage === "student" && needsTeacher(recipe)) {
      // Maps are stored for each scale, flipped and not.
      const views = recipe.method === "scratch" || recipe.liveTeacher ? 0 : 2 * recipe.scales.length;
      seconds += (views * (train + more) + more) * (await speedOf("teacher")).detect;
    }
    times.push({ ...planned, seconds });
  }
  return times;
}

/** Seconds per image. */
interface Speed {
  step: number;
  detect: number;
}

async function measure(recipe: Recipe, config: DetectorConfig, { train, val }: Splits): Promise<Speed> {
  const random = createRandom("estimate");
  const detector = createDetector(config, random).to(recipe.device);
  const trainee = createTrainee(detector, recipe, undefined);
  const settings = batchSettings(recipe, detector.config.outputStride);
  const { samples } = train.dataset;
  const order = epochOrder(samples, settings, 0);
  detector.train();
  let seconds = 0;
  let images = 0;
  for (let step = 0; step < STEPS; step++) {
    const batch = await makeBatch(train, order[step % order.length], settings, step);
    const started = performance.now();
    trainingStep(trainee, batch, recipe, { lr: 0, random, index: 1 });
    batch.images.dispose();
    if (step === 0) continue;
    seconds += (performance.now() - started) / 1000;
    images += batch.indices.length;
  }
  for (const moment of trainee.optimizer.state().values()) moment.dispose();
  const detect = detectWith(detector, recipe.device);
  const image = await val.store.get(0);
  await detect([image]);
  const started = performance.now();
  await detect([image]);
  const evaluated = (performance.now() - started) / 1000;
  detector.dispose();
  return { step: seconds / images, detect: evaluated };
}
