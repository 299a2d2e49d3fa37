// Pseudo-labels: objects that a teacher detects in unlabelled images, for its student to learn (Lee, ICML
// Workshop on Challenges in Representation Learning, 2013).
import { existsSync } from "node:fs";
import { z } from "zod";
import { type ImageStore, joinStores } from "../data/imageStore.js";
import { counted } from "../data/problems.js";
import type { Sample } from "../data/types.js";
import { InputError, reasonOf } from "../errors.js";
import { detectSamples, detectWith, type SampleDetections } from "../eval/detect.js";
import { bestThresholds, evaluate } from "../eval/evaluation.js";
import { storedDetections } from "../eval/storedDetections.js";
import { readText, writeFileAtomic } from "../files.js";
import { quoted } from "../text.js";
import type { Recipe } from "./recipe.js";
import { forTeacher, type Split } from "./splits.js";
import { loadDetector } from "./weights.js";

/** The threshold of a class without objects in val. */
const NO_BEST = 0.5;

/** The pseudo-labels of one image, as stored in a file. */
const labelledImage = storedDetections.extend({
  /** 1 for uncertain objects, neither object nor background. */
  ignored: z.array(z.number()),
});
type LabelledImage = z.infer<typeof labelledImage>;

const pseudoLabels = z.object({
  /** The minimum score of an object, per class. */
  thresholds: z.array(z.number()),
  images: z.array(labelledImage),
});
type PseudoLabels = z.infer<typeof pseudoLabels>;

interface PseudoLabelTask {
  recipe: Recipe;
  train: Split;
  val: Split;
  unlabelled: Split;
  /** The teacher's weights file. */
  teacher: string;
  /** File for the pseudo-labels, so that a resumed run uses the same ones. */
  file: string;
  say(text: string): void;
}

/**
 * The training split followed by the unlabelled images, whose objects are the teacher's detections with scores
 * of at least `pseudo-score`. Those with at least `pseudo-ignore` times that are ignored in training, like
 * difficult objects.
 * @throws InputError if an existing file has other images
 */
export async function withPseudoLabels(task: PseudoLabelTask): Promise<Split> {
  const { train, unlabelled, file, say } = task;
  const { images, thresholds } = existsSync(file) ? await read(file) : await find(task);
  const byId = new Map(images.map((image) => [image.id, image]));
  const samples = unlabelled.dataset.samples.map((sample): Sample => {
    const found = byId.get(sample.id);
    if (found === undefined) throw new InputError(`${file}: has no image ${quoted(sample.id)}`);
    return {
      ...sample,
      boxes: Float32Array.from(found.boxes),
      labels: Int32Array.from(found.labels),
      difficult: Uint8Array.from(found.ignored),
    };
  });
  const ignored = images.flatMap((image) => image.ignored).filter((flag) => flag === 1).length;
  const objects = images.reduce((sum, { labels }) => sum + labels.length, 0) - ignored;
  const scores = thresholds.map((score, i) => `${train.dataset.classes[i]} ${score.toFixed(2)}`).join(", ");
  say(
    `unlabelled: the teacher found ${counted(objects, "object")} in ${counted(samples.length, "image")} (minimum scores: ${scores}); ignoring ${ignored} uncertain ones`,
  );
  const labelled = train.dataset.samples;
  const join = (first: ImageStore, second: ImageStore) => joinStores(first, labelled.length, second);
  return {
    dataset: { ...train.dataset, samples: [...labelled, ...samples] },
    store: join(train.store, unlabelled.store),
    ...(train.teacherStore && unlabelled.teacherStore
      ? { teacherStore: join(train.teacherStore, unlabelled.teacherStore) }
      : {}),
  };
}

async function read(file: string): Promise<PseudoLabels> {
  try {
    return pseudoLabels.parse(JSON.parse(await readText(file)));
  } catch (error) {
    throw new InputError(
      `${file}: cannot be read: ${reasonOf(error)}. Remove it, and it will be created again`,
    );
  }
}

async function find({ recipe, val, unlabelled, teacher, file }: PseudoLabelTask): Promise<PseudoLabels> {
  const { device, pseudoScore, pseudoIgnore } = recipe;
  const detector = loadDetector(teacher, device);
  const foundIn = (split: Split): Promise<SampleDetections[]> =>
    detectSamples(detectWith(detector, device), split.dataset.samples, forTeacher(split).store);
  const { classes } = val.dataset;
  const thresholds =
    pseudoScore === "auto"
      ? bestThresholds(evaluate(val.dataset, await foundIn(val))).map((best) => best ?? NO_BEST)
      : classes.map(() => pseudoScore);
  const found = await foundIn(unlabelled);
  detector.dispose();
  const images = found.map(({ id, boxes, labels, scores }): LabelledImage => {
    const kept = [...scores.keys()].filter((i) => scores[i] >= pseudoIgnore * thresholds[labels[i] - 1]);
    return {
      id,
      boxes: kept.flatMap((i) => [...boxes.subarray(4 * i, 4 * i + 4)]),
      labels: kept.map((i) => labels[i]),
      scores: kept.map((i) => scores[i]),
      ignored: kept.map((i) => Number(scores[i] < thresholds[labels[i] - 1])),
    };
  });
  const result: PseudoLabels = { thresholds, images };
  await writeFileAtomic(file, `${JSON.stringify(result)}\n`);
  return result;
}
