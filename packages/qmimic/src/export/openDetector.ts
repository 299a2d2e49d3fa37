// Opens any detector file: trained weights run on libtorch, a model file on @qmimic/runtime, an .onnx file on
// ONNX Runtime.
import { readFileSync, statSync } from "node:fs";
import { type Detections, Detector as ExportedDetector, MODEL_FORMAT } from "@qmimic/runtime";
import type { RawImage } from "../data/images.js";
import { InputError, inFile } from "../errors.js";
import { type DetectImages, detectWith } from "../eval/detect.js";
import type { Detector } from "../models/index.js";
import { type Engine, useEngine } from "../train/engine.js";
import { loadDetector, readThresholds, readWeights } from "../train/weights.js";
import { toDetections } from "./detections.js";
import { openOnnx } from "./onnx/openOnnx.js";

export interface OpenedDetector {
  path: string;
  classes: readonly string[];
  /** Longest side of an image in the network's input, in pixels. */
  side: number;
  /** Maximum detections per image; undefined if the file does not say. */
  limit: number | undefined;
  /** Per class, 0..1; null if a class has none, undefined if the file has none. */
  thresholds: readonly (number | null)[] | undefined;
  detect: DetectImages;
  /** Whether it is an exported model, which does not tell where its thresholds come from. */
  exported: boolean;
  /** Missing for exported models. */
  trained?: Detector;
  /** File size. */
  bytes: number;
}

/** `threads` and `device` apply to trained weights: model files run on one thread, .onnx files on ONNX Runtime's. */
export interface OpenOptions extends Pick<Engine, "threads" | "device"> {
  /** Overrides the file's value. */
  side?: number;
  /** Maximum detections per image, overrides the file's value. */
  boxDetections?: number;
}

const OTHER_EXPORTS = /\.(html|c|h)$/i;

/** @throws InputError if a flag is for trained weights, and none of the detectors are */
export function refuseUnused(
  detectors: readonly OpenedDetector[],
  { device, threads }: Pick<OpenOptions, "device" | "threads">,
): void {
  if (detectors.some(({ exported }) => !exported)) return;
  const [{ path }] = detectors;
  if (device !== "cpu")
    throw new InputError(`--device ${device}: ${path} is an exported model, which runs on the CPU`);
  const onnx = detectors.find((one) => one.path.endsWith(".onnx"));
  if (threads !== "auto" && threads !== 1 && onnx === undefined)
    throw new InputError(`--threads ${threads}: ${path} is an exported model, which runs on one thread`);
}

/**
 * libtorch is only needed, and set up with these options, for trained weights.
 * @throws InputError naming the file if it is none of these, or damaged
 */
export async function openDetector(path: string, options: OpenOptions): Promise<OpenedDetector> {
  const { threads, device, side, boxDetections } = options;
  if (OTHER_EXPORTS.test(path)) {
    throw new InputError(
      `${path}: an exported page or C code, which cannot be evaluated; use the weights that it was exported from, or the .safetensors or .onnx file of the same export`,
    );
  }
  const bytes = statSync(path).size;
  if (path.endsWith(".onnx")) {
    if (boxDetections !== undefined) {
      throw new InputError(
        `--box-detections: ${path} has a fixed limit, like all .onnx files. Set it in training, or use the weights that were exported.`,
      );
    }
    const opened = await openOnnx(readFileSync(path), path);
    const wanted = side ?? opened.side;
    const detect: DetectImages = async (images) => {
      const found: Detections[] = [];
      for (const image of images) found.push(await opened.detect(image, wanted));
      return found;
    };
    const { classes, thresholds } = opened;
    return { path, classes, side: wanted, limit: undefined, thresholds, detect, bytes, exported: true };
  }
  const { format } = readWeights(path).metadata;
  if (format === MODEL_FORMAT) {
    const { model, detect } = await openModel(path, readFileSync(path), options);
    const { classes, thresholds } = model;
    const limit = boxDetections ?? model.maxDetections;
    return { path, classes, side: model.side, limit, thresholds, detect, bytes, exported: true };
  }
  useEngine({ threads, device });
  const trained = loadDetector(path, device, {
    ...(side === undefined ? {} : { side }),
    ...(boxDetections === undefined ? {} : { boxDetections }),
  });
  const { classes } = trained.config;
  const thresholds = readThresholds(path);
  const detect = detectWith(trained, device);
  const limit = trained.decoder.keep.detections;
  return {
    path,
    classes,
    side: trained.config.side,
    limit,
    thresholds,
    detect,
    trained,
    bytes,
    exported: false,
  };
}

/**
 * Opens a model file for training and evaluation.
 * @param path for errors
 * @throws InputError, also in `detect`, if it is damaged, or too large for the runtime with this side
 */
export async function openModel(
  path: string,
  bytes: Uint8Array,
  { side, boxDetections }: Pick<OpenOptions, "side" | "boxDetections"> = {},
): Promise<{ model: ExportedDetector; detect: DetectImages }> {
  try {
    const model = await ExportedDetector.load(bytes, side === undefined ? {} : { side });
    const find = detectExported(model, boxDetections);
    const detect: DetectImages = (images) => {
      try {
        return find(images);
      } catch (error) {
        throw inFile(path, error);
      }
    };
    return { model, detect };
  } catch (error) {
    throw inFile(path, error);
  }
}

/** A model file's detections, for training and evaluation. */
export const detectExported =
  (detector: ExportedDetector, boxDetections?: number) =>
  (images: readonly RawImage[]): Detections[] => {
    const limit = boxDetections === undefined ? {} : { maxDetections: boxDetections };
    return images.map((image) =>
      toDetections(detector.detect(image, { threshold: 0, ...limit }), detector.classes, image),
    );
  };
