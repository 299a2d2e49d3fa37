// qmimic export: a trained detector as files that run without libtorch, each compared with what was trained.
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Detector as ExportedDetector } from "@qmimic/runtime";
import { type Command, InvalidArgumentError } from "commander";
import { createImageStore } from "../data/imageStore.js";
import type { Dataset } from "../data/types.js";
import { InputError } from "../errors.js";
import { type DetectImages, detectWith } from "../eval/detect.js";
import { type Comparison, compareDetectors } from "../export/comparison.js";
import { modelFile, type WeightFormat } from "../export/modelFile.js";
import { onnxFile } from "../export/onnx/onnxFile.js";
import { detectExported, openDetector } from "../export/openDetector.js";
import { htmlPage } from "../export/page/htmlPage.js";
import { makeFolders, writeFileAtomic } from "../files.js";
import { kilobytes, summarize } from "../report/summary.js";
import { quoted } from "../text.js";
import { useEngine } from "../train/engine.js";
import { openRunFolder } from "../train/runFolder.js";
import { loadDetector, readThresholds } from "../train/weights.js";
import { readDatasetFor } from "./dataset.js";
import { type EngineFlags, engineOptions } from "./engine.js";
import { say } from "./output.js";
import { findWeights } from "./weights.js";

const FORMATS = ["safetensors", "int8", "onnx", "html", "html-int8"] as const;
type Format = (typeof FORMATS)[number];

const FILES: Record<Format, string> = {
  safetensors: "detector.safetensors",
  int8: "detector.int8.safetensors",
  onnx: "detector.onnx",
  html: "detector.html",
  "html-int8": "detector.int8.html",
};

interface ExportFlags extends EngineFlags {
  format: Format[];
  out?: string;
  data?: string;
  split: string;
  classes?: string;
  merge?: string;
  teacher?: boolean;
  compare: boolean;
}

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

async function exportDetector(weights: string, flags: ExportFlags): Promise<void> {
  useEngine(flags);
  const { path, stage } = findWeights(weights, flags);
  const detector = loadDetector(path, flags.device);
  const thresholds = readThresholds(path);
  const dataset = await datasetOf(weights, stage !== null, { path, classes: detector.config.classes }, flags);
  const out = flags.out ?? (stage === null ? "export" : join(weights, "export"));
  await makeFolders(out);
  say(`${path}\n${summarize(detector)}\n`);

  const models = new Map<WeightFormat, Uint8Array>();
  const model = (format: WeightFormat): Uint8Array => {
    const made = models.get(format) ?? modelFile(detector, thresholds, format);
    models.set(format, made);
    return made;
  };
  const page = (format: WeightFormat) =>
    Buffer.from(htmlPage(model(format), titleOf(detector.config.classes)));
  const made: Record<Format, () => Uint8Array> = {
    safetensors: () => model("float32"),
    int8: () => model("int8"),
    onnx: () => onnxFile(detector, thresholds),
    html: () => page("float32"),
    "html-int8": () => page("int8"),
  };
  for (const format of flags.format) {
    const file = join(out, FILES[format]);
    const bytes = made[format]();
    await writeFileAtomic(file, bytes);
    say(
      `${format.padEnd(12)} ${kilobytes(bytes.length).padStart(9)}, ${kilobytes(gzipSync(bytes).length)} gzipped  ${file}`,
    );
  }
  if (!dataset) return;
  say(`\ncompared with the detector on ${dataset.samples.length} images of ${dataset.split}`);
  const store = createImageStore(dataset.samples, {
    maxSide: detector.config.side,
    memoryBudgetBytes: 2 ** 31,
  });
  const compare = async (name: string, detect: DetectImages) => {
    const trained = detectWith(detector, flags.device);
    say(formatComparison(name, await compareDetectors(trained, detect, dataset, store, LEAST_COMPARED)));
  };
  for (const [format, bytes] of models)
    await compare(format, detectExported(await ExportedDetector.load(bytes)));
  if (!flags.format.includes("onnx")) return;
  const opened = await openDetector(join(out, FILES.onnx), flags).catch((error: Error) => {
    say(`onnx         not compared: ${error.message}`);
  });
  if (opened) await compare("onnx", opened.detect);
}

/** As in a recipe. */
const DEFAULT_VAL_SHARE = 0.15;

/** Detections of lower scores are many, and those of a rounded network are others. */
const LEAST_COMPARED = 0.1;

const formatComparison = (format: string, result: Comparison): string =>
  `${format.padEnd(12)} AP50 ${(100 * result.exportedAp).toFixed(2)} (trained ${(100 * result.trainedAp).toFixed(2)}); ` +
  `of ${result.detections} detections with scores from ${LEAST_COMPARED} ${result.matched} are in both, boxes at most ` +
  `${result.boxDifference.toPrecision(2)} px apart, scores ${result.scoreDifference.toPrecision(2)}`;

const titleOf = (classes: readonly string[]): string =>
  classes.length > 5 ? `Detector of ${classes.length} classes` : `Detector: ${classes.join(", ")}`;

/** Images to compare on; undefined where there are none to be had, or none are wanted. */
async function datasetOf(
  weights: string,
  isRun: boolean,
  detector: { path: string; classes: readonly string[] },
  flags: ExportFlags,
): Promise<Dataset | undefined> {
  if (!flags.compare) return undefined;
  const { data: named, split, classes: names, merge: into } = flags;
  if (named !== undefined)
    return readDatasetFor(detector, {
      ...{ data: named, split, format: "auto", valShare: DEFAULT_VAL_SHARE, seed: 0 },
      ...(names === undefined ? {} : { classes: names }),
      ...(into === undefined ? {} : { merge: into }),
    });
  if (!isRun) {
    say("not compared with the detector: --data names images\n");
    return undefined;
  }
  const recipe = await openRunFolder(weights);
  const { data, valSplit, classes, merge, format, valShare, seed, skipBad, ignore } = recipe;
  try {
    return await readDatasetFor(detector, {
      ...{ data, split: valSplit, format, valShare, seed, skipBad, ignore },
      ...(merge !== "" ? { merge } : classes.length > 0 ? { classes: classes.join(",") } : {}),
    });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    say(`not compared with the detector: ${error.message}\n`);
    return undefined;
  }
}
