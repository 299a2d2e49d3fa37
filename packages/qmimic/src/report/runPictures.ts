// Pictures of ground truth and detections on a split, and a contact sheet of them.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { iou } from "@qmimic/runtime";
import sharp from "sharp";
import { mapConcurrent } from "../data/concurrent.js";
import { createRandom, shuffled } from "../data/random.js";
import type { Dataset, Sample } from "../data/types.js";
import { type SampleDetections, scoreDetections } from "../eval/detect.js";
import { jointBestF1 } from "../eval/evaluation.js";
import { makeFolders, shortName, writeFileAtomic } from "../files.js";
import { picturesFolder } from "../train/runFiles.js";
import { contactSheet, drawDetections } from "./pictures.js";

/** Number of pictures: half of them the images with the most mistakes, the others random. */
const PICTURES = 12;

const HIT_IOU = 0.5;

/**
 * Draws <folder>/pictures/<split>-<id>.png, and pictures/overview.png with all of them: detections from the score
 * with the best F1 on the split. The choice of images depends only on the data and the detections. Replaces earlier
 * pictures of the split.
 * @param found detections in every image, in sample order (detectSamples)
 * @returns the path of the overview
 */
export async function writeRunPictures(
  found: readonly SampleDetections[],
  dataset: Dataset,
  folder: string,
): Promise<string> {
  const { samples, classes, split } = dataset;
  const threshold = bestThreshold(dataset, found);
  const chosen = choosePictures(
    samples.map((sample, i) => mistakes(sample, found[i], threshold)),
    PICTURES,
  );

  const target = picturesFolder(folder);
  await makeFolders(target);
  const isOld = (name: string) => name.startsWith(`${split}-`) && name.endsWith(".png");
  for (const name of (await readdir(target)).filter(isOld)) await rm(join(target, name));
  const drawn = await mapConcurrent(chosen, 4, async (index) => {
    const sample = samples[index];
    const detections = above(found[index], threshold);
    const picture = await drawDetections(sample.imagePath, {
      groundTruth: { boxes: sample.boxes },
      detections,
      classes,
      format: "png",
    });
    await writeFileAtomic(
      join(target, `${shortName(`${split}-${sample.id.replaceAll("/", "_")}`)}.png`),
      picture,
    );
    return picture;
  });
  const overview = join(target, "overview.png");
  const sheet = await contactSheet(drawn, Math.max(1, Math.min(4, Math.ceil(Math.sqrt(drawn.length)))));
  await writeFileAtomic(overview, await sharp(sheet).png().toBuffer());
  return overview;
}

/** The score with the best F1; 0.5 if nothing is found. */
function bestThreshold(dataset: Dataset, found: readonly SampleDetections[]): number {
  return jointBestF1(scoreDetections(dataset, found).classes)?.threshold ?? 0.5;
}

/** Indices of the images to draw: half of them those with the most mistakes. */
export function choosePictures(mistakesOf: readonly number[], count: number): number[] {
  const all = [...mistakesOf.keys()];
  const wanted = Math.min(count, all.length);
  const hardest = [...all]
    .sort((a, b) => mistakesOf[b] - mistakesOf[a] || a - b)
    .filter((i) => mistakesOf[i] > 0)
    .slice(0, Math.floor(wanted / 2));
  const others = shuffled(all, createRandom("pictures")).filter((i) => !hardest.includes(i));
  return [...others.slice(0, wanted - hardest.length).sort((a, b) => a - b), ...hardest];
}

/** Number of missed objects and false detections; difficult objects count as neither. */
function mistakes(sample: Sample, detections: SampleDetections, threshold: number): number {
  const taken = new Uint8Array(sample.labels.length);
  const { boxes, labels } = above(detections, threshold);
  let wrong = 0;
  for (let d = 0; d < labels.length; d++) {
    let nearest = -1;
    let largest = HIT_IOU;
    for (let g = 0; g < taken.length; g++) {
      const overlap = sample.labels[g] === labels[d] && !taken[g] ? iou(boxes, d, sample.boxes, g) : 0;
      if (overlap >= largest) [largest, nearest] = [overlap, g];
    }
    if (nearest < 0) wrong++;
    else taken[nearest] = 1;
  }
  return wrong + taken.filter((found, g) => !found && !sample.difficult[g]).length;
}

/** The detections with at least this score (sorted best first). */
function above({ boxes, scores, labels }: SampleDetections, threshold: number) {
  const below = scores.findIndex((score) => score < threshold);
  const kept = below < 0 ? scores.length : below;
  return {
    boxes: boxes.subarray(0, 4 * kept),
    scores: scores.subarray(0, kept),
    labels: labels.subarray(0, kept),
  };
}
