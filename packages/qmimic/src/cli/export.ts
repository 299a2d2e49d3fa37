// qmimic export: a trained detector as files that run without libtorch, each compared with what was trained.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Detector as ExportedDetector, type Size } from "@qmimic/runtime";
import { type Command, InvalidArgumentError } from "commander";
import { GRID, toGrid } from "../data/drawing.js";
import { usualInput } from "../data/fixedInput.js";
import { createImageStore } from "../data/imageStore.js";
import type { Dataset } from "../data/types.js";
import { InputError } from "../errors.js";
import { type DetectImages, detectSamples, detectWith } from "../eval/detect.js";
import { checkInput } from "../export/c/cFiles.js";
import { withProgram } from "../export/c/program.js";
import { type Comparison, compareDetections } from "../export/comparison.js";
import { modelFile, type WeightFormat } from "../export/modelFile.js";
import { detectExported, openDetector } from "../export/openDetector.js";
import { makeFolders, writeFileAtomic } from "../files.js";
import type { Detector } from "../models/index.js";
import { kilobytes, summarize } from "../report/summary.js";
import { quoted } from "../text.js";
import { useEngine } from "../train/engine.js";
import { loadDetector, readThresholds } from "../train/weights.js";
import { type EngineFlags, engineOptions } from "./engine.js";
import { fineTune } from "./exportFineTune.js";
import {
  C_NAMES,
  FORMATS,
  type Format,
  isC,
  type Made,
  makeFormat,
  type Source,
  WEIGHTS,
} from "./exportFormats.js";
import {
  calibrationPictures,
  comparedImages,
  type Exported,
  type ImageFlags,
  trainingImages,
} from "./exportImages.js";
import { wholeNumber } from "./numbers.js";
import { say } from "./output.js";
import { findWeights } from "./weights.js";

interface ExportFlags extends EngineFlags, ImageFlags {
  format: Format[];
  out?: string;
  teacher?: boolean;
  compare: boolean;
  size?: Size;
  calibration: number;
  finetune?: number;
}

const COMPILER = "cc";

export function addExport(program: Command): void {
  const command = program
    .command("export <weights>")
    .description(
      "write a detector as files that run without libtorch; weights: a file, or a run folder's best student",
    )
    .option("--format <names>", `${FORMATS.join(", ")}; several with commas`, parseFormats, [
      "safetensors",
      "int8",
    ])
    .option("--out <folder>", "default: the folder export in the run, or here")
    .option(
      "--size <pixels>",
      "of C: the input it is written for, such as 256x192; default: as most images of training",
      parseSize,
    )
    .option(
      "--calibration <count>",
      "of c-int8: how many images of training say which numbers occur",
      wholeNumber(1, 1000),
      32,
    )
    .option(
      "--finetune <epochs>",
      "of a run folder, for formats of eight bits: train so many epochs with rounded weights first",
      wholeNumber(1, 1000),
    )
    .option("--data <folder>", "images to compare the files with the detector on; default: the run's own")
    .option("--split <name>", "of that data", "val")
    .option("--classes <names>", "of that data, leave other classes out")
    .option("--merge <class>", "count every class of that data as this one")
    .option("--teacher", "of a run folder, export the (quantized) teacher")
    .option("--no-compare", "only write the files");
  engineOptions(command).action(exportDetector);
}

function parseFormats(text: string): Format[] {
  const formats = text.split(",").map((name) => name.trim());
  const unknown = formats.find((name) => !FORMATS.includes(name as Format));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`${quoted(unknown)} is not a format. There are ${FORMATS.join(", ")}.`);
  return [...new Set(formats)] as Format[];
}

function parseSize(text: string): Size {
  const [, width, height] = /^(\d{1,9})x(\d{1,9})$/.exec(text) ?? [];
  if (width === undefined)
    throw new InvalidArgumentError("Expected width x height in pixels, such as 256x192.");
  return { width: Number(width), height: Number(height) };
}

async function exportDetector(weights: string, flags: ExportFlags): Promise<void> {
  useEngine(flags);
  if (flags.size) {
    if (!flags.format.some(isC)) throw new InputError("--size goes with --format c or c-int8");
    checkInput(flags.size, GRID);
  }
  const { path, stage } = findWeights(weights, flags);
  if (flags.finetune !== undefined) {
    if (!flags.format.some((format) => WEIGHTS[format] === "int8"))
      throw new InputError("--finetune goes with --format int8, html-int8 or c-int8");
    if (stage === null)
      throw new InputError(
        `--finetune: ${path} is a weights file; name its run folder, whose recipe says how to train`,
      );
  }
  const detector = loadDetector(path, flags.device);
  const own: Source = { detector, thresholds: readThresholds(path) };
  const exported: Exported = {
    ...{ path, classes: detector.config.classes },
    run: stage === null ? undefined : weights,
  };
  const dataset = flags.compare ? await comparedImages(exported, flags) : undefined;
  const c = await settingsOfC(detector, exported, flags);
  const out = flags.out ?? (stage === null ? "export" : join(weights, "export"));
  await makeFolders(out);
  say(`${path}\n${summarize(detector)}\n`);

  const { finetune: epochs, device } = flags;
  const tuned =
    epochs === undefined ? undefined : await fineTune({ run: weights, path, epochs, device, out });
  const sources = { float32: own, int8: tuned ?? own };
  for (const format of flags.format) {
    const made = makeFormat(format, { sources, ...c });
    for (const [name, content] of Object.entries(made.files)) await writeFileAtomic(join(out, name), content);
    say(describe(format, made, out));
  }
  if (dataset) await compareFormats({ detector, sources, dataset, out, input: c.input }, flags);
}

/** What C is written for, where it is asked for. */
async function settingsOfC(detector: Detector, exported: Exported, flags: ExportFlags) {
  const { side } = detector.config;
  const usual = { width: toGrid(side), height: toGrid((side * 3) / 4) };
  const integers = flags.format.includes("c-int8");
  if (!flags.format.some(isC)) return { input: usual, calibration: [] };
  if (flags.size && !integers) return { input: flags.size, calibration: [] };
  const images = await trainingImages(exported, flags).catch((error: unknown) => {
    if (!(error instanceof InputError)) throw error;
    if (integers)
      throw new InputError(`c-int8: images of training say which numbers occur: ${error.message}`);
  });
  return {
    input: flags.size ?? (images ? usualInput(images.samples, side) : usual),
    calibration: images && integers ? await calibrationPictures(images, flags.calibration, side) : [],
  };
}

function describe(format: Format, { files, note }: Made, out: string): string {
  const bytes = Buffer.concat(Object.values(files).map((content) => Buffer.from(content)));
  const [first, ...others] = Object.keys(files);
  const names = [join(out, first), ...others].join(", ");
  const sizes = `${kilobytes(bytes.length).padStart(9)}, ${kilobytes(gzipSync(bytes).length)} gzipped`;
  return `${format.padEnd(12)} ${sizes}  ${names}${note === undefined ? "" : `\n${" ".repeat(13)}${note}`}`;
}

/** Formats that @qmimic/runtime runs. */
const RUNTIME: readonly Format[] = ["safetensors", "int8", "html", "html-int8"];

interface Compared {
  detector: Detector;
  sources: Record<WeightFormat, Source>;
  dataset: Dataset;
  out: string;
  /** Of C. */
  input: Size;
}

/** What each file finds in the images, against what the detector finds there. */
async function compareFormats(
  { detector, sources, dataset, out, input }: Compared,
  flags: ExportFlags,
): Promise<void> {
  const { samples } = dataset;
  const { side, classes } = detector.config;
  say(`\ncompared with the detector on ${samples.length} images of ${dataset.split}`);
  const store = createImageStore(samples, { maxSide: side, memoryBudgetBytes: 2 ** 31 });
  const find = (detect: DetectImages) => detectSamples(detect, samples, store);
  const trained = await find(detectWith(detector, flags.device));
  const compare = async (name: string, detect: DetectImages, against = trained, as = "trained") => {
    const result = compareDetections(dataset, against, await find(detect), LEAST_COMPARED);
    say(formatComparison(name, result, as));
    return result;
  };
  for (const weights of ["float32", "int8"] as const) {
    if (!flags.format.some((format) => RUNTIME.includes(format) && WEIGHTS[format] === weights)) continue;
    const { detector, thresholds } = sources[weights];
    const model = await ExportedDetector.load(modelFile(detector, thresholds, weights));
    const { trainedAp, exportedAp } = await compare(weights, detectExported(model));
    if (weights === "int8" && sources.int8 === sources.float32 && trainedAp - exportedAp > WORTH_TUNING)
      say(`${" ".repeat(13)}--finetune 2 trains two epochs with rounded weights, which may win that back`);
  }
  if (flags.format.includes("onnx")) {
    const opened = await openDetector(join(out, "detector.onnx"), flags).catch((error: Error) => {
      say(`onnx         not compared: ${error.message}`);
    });
    if (opened) await compare("onnx", opened.detect);
  }
  const asC = flags.format.filter(isC);
  if (asC.length === 0) return;
  const same = await find(detectWith(detector, flags.device, input));
  for (const format of asC) {
    const name = C_NAMES[format];
    const files = { [`${name}.c`]: "", [`${name}.h`]: "" };
    for (const file of Object.keys(files)) files[file] = readFileSync(join(out, file), "utf8");
    await withProgram({ files, name, classes, command: [COMPILER, "-std=c99", "-O2"] }, (detect) =>
      compare(format, detect, same, `libtorch on ${input.width} x ${input.height} px`),
    ).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      say(`${format.padEnd(12)} not compared: ${error.message}`);
    });
  }
}

/** AP that rounding may cost without a word. */
const WORTH_TUNING = 0.005;

/** Detections of lower scores are many, and those of a rounded network are others. */
const LEAST_COMPARED = 0.1;

const formatComparison = (format: string, result: Comparison, as: string): string =>
  `${format.padEnd(12)} AP50 ${(100 * result.exportedAp).toFixed(2)} (${as} ${(100 * result.trainedAp).toFixed(2)}); ` +
  `of ${result.detections} detections with scores from ${LEAST_COMPARED} ${result.matched} are in both, boxes at most ` +
  `${result.boxDifference.toPrecision(2)} px apart, scores ${result.scoreDifference.toPrecision(2)}`;
