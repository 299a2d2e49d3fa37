// qmimic export: writes a trained detector as files that run without libtorch, and compares each with the
// detector.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Size } from "@qmimic/runtime";
import { type Command, InvalidArgumentError } from "commander";
import { GRID, toGrid } from "../data/drawing.js";
import { usualInput } from "../data/fixedInput.js";
import { createImageStore } from "../data/imageStore.js";
import type { Dataset } from "../data/types.js";
import { InputError } from "../errors.js";
import { type DetectImages, detectSamples, detectWith } from "../eval/detect.js";
import { checkInput } from "../export/c/cFiles.js";
import { withProgram } from "../export/c/program.js";
import { compareDetections, formatComparison } from "../export/comparison.js";
import { modelFile, type WeightFormat } from "../export/modelFile.js";
import { openDetector, openModel } from "../export/openDetector.js";
import { makeFolders, writeFileAtomic } from "../files.js";
import type { Detector } from "../models/index.js";
import { kilobytes, summarize } from "../report/summary.js";
import { quoted } from "../text.js";
import { useEngine } from "../train/engine.js";
import { runFolderOf } from "../train/runFiles.js";
import { loadDetector, readThresholds } from "../train/weights.js";
import { type EngineFlags, engineOptions } from "./engine.js";
import { createAdvice, fineTune } from "./exportFineTune.js";
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
  namesImages,
  trainingImages,
} from "./exportImages.js";
import { keepClasses } from "./keepClasses.js";
import { namesOf } from "./names.js";
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
/** Exported files are compared on the CPU; --device is for fine-tuning. */
const CPU = { device: "cpu", threads: "auto" } as const;

export function addExport(program: Command): void {
  const command = program
    .command("export <weights>")
    .description(
      "write a detector as files that run without libtorch; weights: a file, or a run folder's best student",
    )
    .option("--format <names>", `${FORMATS.join(", ")}; separate several with commas`, parseFormats, [
      "safetensors",
      "int8",
    ])
    .option("--out <folder>", "output folder; default: export, in the run folder or the current directory")
    .option(
      "--size <pixels>",
      "for C formats: fixed input size, such as 256x192; default: that of most training images",
      parseSize,
    )
    .option(
      "--calibration <count>",
      "for int8 formats: number of training images to calibrate the ranges of maps with; 0: int8 and html-int8 only round weights",
      wholeNumber(0, 1000),
      32,
    )
    .option(
      "--finetune <epochs>",
      "for a run folder and int8 formats: fine-tune with rounded weights (maps are not rounded) for this many epochs first",
      wholeNumber(1, 1000),
    )
    .option(
      "--data <folder>",
      "images on which to compare the files with the detector; default: the run's data",
    )
    .option("--split <name>", "split of that data; default: val, or the run's val-split")
    .option("--classes <names>", "use only these classes of that data")
    .option("--merge <class>", "map every class of that data to this one")
    .option("--teacher", "export the run folder's (quantized) teacher")
    .option("--no-compare", "skip the comparison");
  engineOptions(command).action(exportDetector);
}

function parseFormats(text: string): Format[] {
  const formats = namesOf(text);
  const unknown = formats.find((name) => !FORMATS.includes(name as Format));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`${quoted(unknown)} is not a format. Formats: ${FORMATS.join(", ")}.`);
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
    if (!flags.format.some(isC)) throw new InputError("--size only works with --format c or c-int8");
    checkInput(flags.size, GRID);
  }
  if (flags.calibration === 0 && flags.format.includes("c-int8"))
    throw new InputError("--calibration 0: c-int8 needs images for calibration");
  const reads = flags.compare || flags.format.some((format) => isC(format) || WEIGHTS[format] === "int8");
  if (namesImages(flags) && !reads)
    throw new InputError(
      "--data, --split, --classes, --merge: with --no-compare, these formats need no images",
    );
  const { path, stage } = findWeights(weights, flags);
  if (flags.finetune !== undefined) {
    if (!flags.format.some((format) => WEIGHTS[format] === "int8"))
      throw new InputError("--finetune only works with --format int8, html-int8 or c-int8");
    if (stage === null)
      throw new InputError(
        `--finetune: ${path} is a weights file; pass its run folder, whose recipe is needed for training`,
      );
  }
  const run = stage === null ? undefined : runFolderOf(path);
  // Traced and compared on the CPU; --device is for fine-tuning.
  const detector = loadDetector(path);
  const original: Source = { detector, thresholds: readThresholds(path) };
  const exported: Exported = { path, classes: detector.config.classes, run };
  const dataset = flags.compare ? await comparedImages(exported, flags) : undefined;
  const settings = await settingsOf(detector, exported, flags);
  const out = flags.out ?? (stage === null ? "export" : join(weights, "export"));
  await makeFolders(out);
  say(`${path}\n${summarize(detector)}\n`);

  const { finetune: epochs, device } = flags;
  const tuned =
    epochs === undefined ? undefined : await fineTune({ run: run ?? weights, path, epochs, device, out });
  const sources = { float32: original, int8: tuned ?? original };
  const models: Partial<Record<WeightFormat, Uint8Array>> = {};
  const model = (precision: WeightFormat): Uint8Array => {
    const { detector, thresholds } = sources[precision];
    models[precision] ??= modelFile(detector, thresholds, precision, settings.calibration);
    return models[precision];
  };
  const written: Partial<Record<Format, string>> = {};
  for (const format of flags.format) {
    const made = makeFormat(format, { sources, model, ...settings });
    for (const [name, content] of Object.entries(made.files)) await writeFileAtomic(join(out, name), content);
    say(describe(format, made, out));
    written[format] = join(out, Object.keys(made.files)[0]);
  }
  if (!dataset) return;
  // Only a run can be fine-tuned, and once is enough.
  const advise = createAdvice(run !== undefined && epochs === undefined, settings.calibration.length > 0);
  await compareFormats({ detector, model, dataset, out, written, input: settings.input, advise }, flags);
}

/** Input size of C, and calibration images. */
async function settingsOf(detector: Detector, exported: Exported, flags: ExportFlags) {
  const { side } = detector.config;
  const usual = { width: toGrid(side), height: toGrid((side * 3) / 4) };
  const integers = flags.calibration > 0 && flags.format.some((format) => WEIGHTS[format] === "int8");
  const needsSize = flags.size === undefined && flags.format.some(isC);
  if (!integers && !needsSize) return { input: flags.size ?? usual, calibration: [] };
  const images = await trainingImages(exported, flags).catch((error: unknown) => {
    if (!(error instanceof InputError)) throw error;
    if (flags.format.includes("c-int8"))
      throw new InputError(`c-int8: needs training images for calibration: ${error.message}`);
    if (needsSize && namesImages(flags)) throw error;
    if (integers) say(`int8: maps are not rounded, which needs training images: ${error.message}\n`);
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

/** Formats that @qmimic/runtime can run. */
const RUNTIME: readonly Format[] = ["safetensors", "int8", "html", "html-int8"];

interface Compared {
  detector: Detector;
  model(weights: WeightFormat): Uint8Array;
  dataset: Dataset;
  out: string;
  /** Each format's first file. */
  written: Partial<Record<Format, string>>;
  /** Of C. */
  input: Size;
  advise: ReturnType<typeof createAdvice>;
}

/** Compares each file's detections with the detector's. */
async function compareFormats(
  { detector, model, dataset, out, written, input, advise }: Compared,
  flags: ExportFlags,
): Promise<void> {
  const { samples } = dataset;
  const { side, classes } = detector.config;
  say(`\ncompared with the detector on ${samples.length} images of ${dataset.split}`);
  const store = createImageStore(samples, { maxSide: side, memoryBudgetBytes: 2 ** 31 });
  const find = async (detect: DetectImages) =>
    keepClasses(await detectSamples(detect, samples, store), classes, dataset.classes);
  const trained = await find(detectWith(detector));
  const compare = async (name: string, detect: DetectImages, against = trained, as = "trained") => {
    const result = compareDetections(dataset, against, await find(detect), LEAST_COMPARED);
    say(formatComparison(name, result, as));
    const advice = advise(name, result);
    if (advice !== undefined) say(`${" ".repeat(13)}${advice}`);
  };
  for (const weights of ["float32", "int8"] as const) {
    const format = flags.format.find((one) => RUNTIME.includes(one) && WEIGHTS[one] === weights);
    if (format === undefined) continue;
    const { detect } = await openModel(written[format]!, model(weights));
    await compare(weights, detect);
  }
  if (flags.format.includes("onnx")) {
    const opened = await openDetector(join(out, "detector.onnx"), CPU).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      say(`onnx         not compared: ${error.message}`);
    });
    if (opened) await compare("onnx", opened.detect);
  }
  const asC = flags.format.filter(isC);
  if (asC.length === 0) return;
  const same = await find(detectWith(detector, "cpu", input));
  for (const format of asC) {
    const name = C_NAMES[format];
    const files = { [`${name}.c`]: "", [`${name}.h`]: "" };
    for (const file of Object.keys(files)) files[file] = readFileSync(join(out, file), "utf8");
    const on = `libtorch on ${input.width} x ${input.height} px`;
    await withProgram({ files, name, classes, command: [COMPILER, "-std=c99", "-O2"] }, (detect) =>
      compare(format, detect, same, on),
    ).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      say(`${format.padEnd(12)} not compared: ${error.message}`);
    });
  }
}

/** Detections with lower scores are numerous, and rounding changes which ones appear. */
const LEAST_COMPARED = 0.1;
