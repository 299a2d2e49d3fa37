// qmimic predict: writes detections as JSON, and images with the boxes drawn.
import { readdir, stat } from "node:fs/promises";
import { basename, extname, join, sep } from "node:path";
import type { Detections } from "@qmimic/runtime";
import type { Command } from "commander";
import { mapConcurrent } from "../data/concurrent.js";
import { IMAGE_ENDINGS, isImage, isLeftover, isUnreadImage } from "../data/endings.js";
import { decodeImage, readImageSize, unusableSize } from "../data/images.js";
import { counted, someOf } from "../data/problems.js";
import { InputError } from "../errors.js";
import { type OpenedDetector, openDetector, refuseUnused } from "../export/openDetector.js";
import { shortName, writeFileAtomic, writeFolderAtomic } from "../files.js";
import { drawDetections } from "../report/pictures.js";
import { createCounter } from "./counter.js";
import { describeDetector } from "./describe.js";
import { type EngineFlags, engineOptions } from "./engine.js";
import { whenInterrupted } from "./interrupt.js";
import { fraction } from "./numbers.js";
import { complain, say } from "./output.js";
import { type LimitFlag, limitOption, type SideFlag, sideOption } from "./overrides.js";
import { chooseThresholds, describeThresholds, type Thresholds } from "./thresholds.js";
import { findWeights } from "./weights.js";

interface PredictFlags extends EngineFlags, SideFlag, LimitFlag {
  threshold?: number;
  out: string;
  recursive?: boolean;
  pictures: boolean;
  skipBad?: boolean;
}

/** Detections in one image, as written to JSON. Boxes are in image pixels (after EXIF orientation). */
interface Prediction {
  file: string;
  width: number;
  height: number;
  detections: {
    label: string;
    score: number;
    box: { xmin: number; ymin: number; xmax: number; ymax: number };
  }[];
}

interface Predicted extends Prediction {
  /** For the printed line. */
  summary: string;
}

export function addPredict(program: Command): void {
  const command = program
    .command("predict <weights> <images...>")
    .description(
      "detect objects in images and folders of images; weights: a file, a run folder's best student, or an exported model",
    )
    .option("--threshold <score>", "minimum score of a detection (default: per class, see below)", fraction)
    .option(
      "--out <folder>",
      "folder for predictions.json and pictures; a number is appended if it exists",
      "predictions",
    )
    .option("--recursive", "search folders recursively")
    .option("--no-pictures", "write JSON only")
    .option(
      "--skip-bad",
      "skip images that cannot be read, instead of writing nothing; still exits with code 1",
    );
  command.addHelpText(
    "after",
    "\nTraining stores the score with the best F1 on val in the weights, for each class. Without one: 0.5.\n",
  );
  engineOptions(limitOption(sideOption(command))).action(predict);
}

async function predict(weights: string, images: string[], flags: PredictFlags): Promise<void> {
  whenInterrupted(() => "nothing was written");
  const { path } = findWeights(weights);
  const detector = await openDetector(path, flags);
  refuseUnused([detector], flags);
  const files = await listImages(images, flags.recursive === true);
  const { classes } = detector;
  const thresholds = chooseThresholds(detector, flags.threshold);
  const bad: string[] = [];
  const predictions: Predicted[] = [];
  const folder = await writeFolderAtomic(flags.out, async (temporary) => {
    const pathOf = picturePaths(temporary);
    // Pictures are drawn while the next images are searched.
    await mapConcurrent(detectFiles(detector, files, thresholds, bad), DRAWING, async (found) => {
      predictions.push(found);
      if (flags.pictures) await drawPicture(found, pathOf(found.file), classes);
    });
    if (bad.length > 0 && (!flags.skipBad || predictions.length === 0)) {
      throw new InputError(
        `${bad.join("\n")}\nNothing was written: ${bad.length} of ${files.length} images cannot be read` +
          `${flags.skipBad ? "." : " (--skip-bad skips them)."}`,
      );
    }
    const written = predictions.map(({ summary: _, ...prediction }): Prediction => prediction);
    const result = { weights: path, ...thresholds, images: written };
    await writeFileAtomic(join(temporary, "predictions.json"), `${JSON.stringify(result, null, 2)}\n`);
  });

  whenInterrupted(() => "");
  say(`${describeDetector(detector)}\n${describeThresholds(thresholds)}`);
  for (const { file, summary } of predictions.slice(0, 20)) say(`${file}: ${summary}`);
  if (predictions.length > 20) say(`and ${predictions.length - 20} more images`);
  say(`\ndetections  ${join(folder, "predictions.json")}`);
  if (flags.pictures) say(`pictures    ${folder}`);
  for (const message of bad) complain(`skipped: ${message}`);
  if (bad.length > 0) process.exitCode = 1;
}

/**
 * "2 stop, 1 yield", or "nothing" and the best detection below its threshold; with a note if the detection limit was
 * reached.
 */
function summarize(
  detections: Prediction["detections"],
  found: Detections,
  { thresholds }: Thresholds,
  limit = Infinity,
): string {
  const counts = new Map<string, number>();
  for (const { label } of detections) counts.set(label, (counts.get(label) ?? 0) + 1);
  const full = detections.length >= limit ? ` (limit reached: --box-detections ${limit})` : "";
  if (counts.size > 0) return [...counts].map(([label, count]) => `${count} ${label}`).join(", ") + full;
  const best = found.scores.indexOf(Math.max(...found.scores));
  if (best < 0) return "nothing";
  const { label, threshold } = thresholds[found.labels[best] - 1];
  return `nothing (best: ${label} ${found.scores[best].toFixed(2)}, threshold ${threshold.toFixed(2)})`;
}

/** Files as given, and the images in folders, sorted by name. */
async function listImages(paths: readonly string[], recursive: boolean): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      throw new InputError(
        error.code === "ENOENT" ? `${path}: no such file or directory` : `${path}: ${error.message}`,
      );
    });
    if (!found.isDirectory()) {
      files.push(path);
      continue;
    }
    const inside = (await readdir(path, { recursive }))
      .filter((name) => !name.split(sep).some(isLeftover))
      .sort();
    const names = inside.filter((name) => isImage(name));
    if (names.length === 0) {
      throw new InputError(
        `${path}: this folder has no images (${IMAGE_ENDINGS.map((ending) => `.${ending}`).join(" ")})${recursive ? "" : "; --recursive also searches its subfolders"}`,
      );
    }
    const unread = inside.filter((name) => isUnreadImage(name));
    if (unread.length > 0) {
      complain(
        `${path}: ${counted(unread.length, "image")} in an unsupported format skipped (${someOf(unread)}); convert to PNG or JPEG if needed`,
      );
    }
    files.push(...names.map((name) => join(path, name)));
  }
  return [...new Set(files)];
}

/** @param problems receives a message for each image that cannot be read, when all are done */
async function* detectFiles(
  { detect, side, limit }: OpenedDetector,
  files: readonly string[],
  thresholds: Thresholds,
  problems: string[],
): AsyncGenerator<Predicted> {
  const bad = new Map<string, string>();
  const attempt = async <T>(file: string, read: Promise<T>): Promise<T | undefined> => {
    try {
      return await read;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      bad.set(file, error.message);
      return undefined;
    }
  };
  // Headers first: most unreadable files are found before time is spent on detection.
  await mapConcurrent(files, 8, (file) => attempt(file, checkHeader(file)));
  const counter = createCounter("images");
  for (const [i, file] of files.entries()) {
    counter.update(i, files.length);
    if (bad.has(file)) continue;
    const image = await attempt(file, decodeImage(file, { maxSide: side }));
    if (!image) continue;
    const [found] = await detect([image]);
    const detections = toObjects(found, thresholds.thresholds);
    const { originalWidth: width, originalHeight: height } = image;
    const summary = summarize(detections, found, thresholds, limit);
    yield { file, width, height, detections, summary };
  }
  counter.end();
  problems.push(...files.flatMap((file) => bad.get(file) ?? []));
}

async function checkHeader(file: string): Promise<void> {
  const problem = unusableSize(await readImageSize(file));
  if (problem !== undefined) throw new InputError(`${file}: ${problem}`);
}

function toObjects(
  { boxes, scores, labels }: Detections,
  thresholds: Thresholds["thresholds"],
): Prediction["detections"] {
  const round = (value: number) => Math.round(value * 100) / 100;
  return [...scores.keys()]
    .filter((i) => scores[i] >= thresholds[labels[i] - 1].threshold)
    .map((i) => {
      const [xmin, ymin, xmax, ymax] = Array.from(boxes.subarray(4 * i, 4 * i + 4), round);
      return {
        label: thresholds[labels[i] - 1].label,
        score: Math.round(scores[i] * 1e4) / 1e4,
        box: { xmin, ymin, xmax, ymax },
      };
    });
}

/** Pictures drawn at a time. */
const DRAWING = 4;

/** The path of each image's picture, named after it. */
function picturePaths(folder: string): (file: string) => string {
  const taken = new Set<string>();
  return (file) => {
    const base = shortName(basename(file, extname(file)));
    let name = base;
    for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${base}-${number}`;
    taken.add(name.toLowerCase());
    return join(folder, `${name}.jpg`);
  };
}

async function drawPicture(
  { file, detections }: Prediction,
  path: string,
  classes: readonly string[],
): Promise<void> {
  const drawn = {
    boxes: Float32Array.from(detections.flatMap(({ box }) => [box.xmin, box.ymin, box.xmax, box.ymax])),
    labels: Int32Array.from(detections, ({ label }) => classes.indexOf(label) + 1),
    scores: Float32Array.from(detections, ({ score }) => score),
  };
  await writeFileAtomic(path, await drawDetections(file, { detections: drawn, classes }));
}
