// Objects that a teacher finds in photographs without labels, for its student to learn (pseudo-labels: Lee, ICML Workshop on
// Challenges in Representation Learning, 2013).
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { joinStores } from "../data/imageStore.js";
import { counted } from "../data/problems.js";
import type { Sample } from "../data/types.js";
import { InputError } from "../errors.js";
import { detectSamples, detectWith, type SampleDetections } from "../eval/detect.js";
import { bestThresholds, evaluate } from "../eval/evaluation.js";
import { readText, writeFileAtomic } from "../files.js";
import { quoted } from "../text.js";
import type { Recipe } from "./recipe.js";
import type { Split } from "./splits.js";
import { loadDetector } from "./weights.js";

/** The threshold of a class that val has no object of. */
const NO_BEST = 0.5;

/** What is learned of one photograph, as it is kept in a file. */
interface LabelledPhotograph {
  id: string;
  /** xyxy in pixels of the image, four an object. */
  boxes: number[];
  labels: number[];
  scores: number[];
  /** 1 for what is neither an object nor background. */
  ignored: number[];
}

interface PseudoLabels {
  /** The lowest score of an object, one a class. */
  thresholds: number[];
  images: LabelledPhotograph[];
}

interface PseudoLabelTask {
  recipe: Recipe;
  train: Split;
  val: Split;
  unlabelled: Split;
  /** Weights of the teacher. */
  teacher: string;
  /** Keeps what was found: a run that is resumed learns the same. */
  file: string;
  say(text: string): void;
}

/**
 * The training split with the photographs without labels behind it, and what the teacher finds in them as their objects: from
 * the score `pseudo-score` on. What has at least `pseudo-ignore` times that is ignored in training, as difficult objects are.
 * @throws InputError when the file of an earlier start is not of these photographs
 */
export async function withPseudoLabels(task: PseudoLabelTask): Promise<Split> {
  const { train, unlabelled, file, say } = task;
  const { images, thresholds } = existsSync(file) ? await read(file) : await find(task);
  const byId = new Map(images.map((image) => [image.id, image]));
  const samples = unlabelled.dataset.samples.map((sample): Sample => {
    const found = byId.get(sample.id);
    if (found === undefined) throw new InputError(`${file}: there is no image ${quoted(sample.id)} in it`);
    return {
      ...sample,
      boxes: Float32Array.from(found.boxes),
      labels: Int32Array.from(found.labels),
      difficult: Uint8Array.from(found.ignored),
    };
  });
  const ignored = images.flatMap((image) => image.ignored).filter((one) => one === 1).length;
  const objects = images.reduce((sum, { labels }) => sum + labels.length, 0) - ignored;
  const scores = thresholds.map((score, i) => `${train.dataset.classes[i]} ${score.toFixed(2)}`).join(", ");
  say(
    `unlabelled: ${counted(objects, "object")} in ${counted(samples.length, "photograph")} by the teacher's score (${scores}); ${ignored} uncertain ones are ignored`,
  );
  const labelled = train.dataset.samples;
  return {
    dataset: { ...train.dataset, samples: [...labelled, ...samples] },
    store: joinStores(train.store, labelled.length, unlabelled.store),
  };
}

async function read(file: string): Promise<PseudoLabels> {
  try {
    return JSON.parse(await readText(file)) as PseudoLabels;
  } catch (error) {
    throw new InputError(`${file}: cannot be read: ${(error as Error).message}. Remove it: it is made again`);
  }
}

async function find({ recipe, val, unlabelled, teacher, file }: PseudoLabelTask): Promise<PseudoLabels> {
  const { device, pseudoScore, pseudoIgnore } = recipe;
  const detector = loadDetector(teacher, device);
  const foundIn = ({ dataset, store }: Split): Promise<SampleDetections[]> =>
    detectSamples(detectWith(detector, device), dataset.samples, store);
  const { classes } = val.dataset;
  const thresholds =
    pseudoScore === "auto"
      ? bestThresholds(evaluate(val.dataset, await foundIn(val))).map((best) => best ?? NO_BEST)
      : classes.map(() => pseudoScore);
  const found = await foundIn(unlabelled);
  detector.dispose();
  const images = found.map(({ id, boxes, labels, scores }): LabelledPhotograph => {
    const kept = [...scores.keys()].filter((i) => scores[i] >= pseudoIgnore * thresholds[labels[i] - 1]);
    return {
      id,
      boxes: kept.flatMap((i) => [...boxes.subarray(4 * i, 4 * i + 4)]),
      labels: kept.map((i) => labels[i]),
      scores: kept.map((i) => scores[i]),
      ignored: kept.map((i) => Number(scores[i] < thresholds[labels[i] - 1])),
    };
  });
  const made: PseudoLabels = { thresholds, images };
  await mkdir(dirname(file), { recursive: true });
  await writeFileAtomic(file, `${JSON.stringify(made)}\n`);
  return made;
}
