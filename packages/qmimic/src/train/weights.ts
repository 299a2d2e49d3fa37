// Detectors and training state as safetensors files. The metadata describes the detector.
import { MODEL_FORMAT } from "@qmimic/runtime";
import {
  copy,
  type Module,
  noGrad,
  readSafetensors,
  SafetensorsError,
  type SafetensorsFile,
  type SafetensorsTensor,
  scope,
  shapesOnly,
  type Tensor,
  tensor,
  writeSafetensors,
} from "@qmimic/torch";
import { z } from "zod";
import { GRID } from "../data/drawing.js";
import { createRandom } from "../data/random.js";
import { InputError, reasonOf } from "../errors.js";
import { requireFileSync } from "../files.js";
import { rememberFile, tensorFault } from "../finite.js";
import {
  createDetector,
  type Detector,
  type DetectorConfig,
  parseConfig,
  readChannels,
} from "../models/index.js";
import { quoted } from "../text.js";

const FORMAT = "qmimic-detector";
const VERSION = "1";
/** Side of the image for testing a pruned detector, in pixels. */
const CHECKED_SIDE = 4 * GRID;

/** Named tensors as arrays. @throws InputError if one is unusable: the existing file at `path` is better */
function toArrays(path: string, tensors: Iterable<[string, Tensor]>): Map<string, SafetensorsTensor> {
  const arrays = new Map<string, SafetensorsTensor>();
  for (const [name, values] of tensors) {
    const data = values.toFloat32();
    const fault = tensorFault(name, data);
    if (fault !== undefined) {
      throw new InputError(
        `${path}: not written: tensor ${quoted(name)} ${fault}. Training diverged; train again with a lower learning rate.`,
      );
    }
    arrays.set(name, { dtype: "F32", shape: values.shape, data });
  }
  return arrays;
}

/** All tensors of a module, trained or not, by name. */
export const moduleTensors = (module: Module, prefix = ""): [string, Tensor][] =>
  module.named(prefix).map(({ name, tensor }) => [name, tensor]);

/**
 * Checks that a file's tensors fit a network: names, shapes, numbers (see tensorFault). Only the shapes of `tensors`
 * are used.
 * @throws InputError naming the file and the tensor if one is missing, unexpected, of another shape, or unusable
 */
function checkTensors(
  tensors: Iterable<[string, Tensor]>,
  stored: ReadonlyMap<string, SafetensorsTensor>,
  file: string,
): void {
  const left = new Set(stored.keys());
  for (const [name, { shape }] of tensors) {
    left.delete(name);
    const found = stored.get(name);
    if (!found)
      throw new InputError(`${file}: tensor ${quoted(name)} is missing: weights of another network?`);
    const [has, wants] = [found.shape.join(" x "), shape.join(" x ")];
    if (has !== wants)
      throw new InputError(`${file}: tensor ${quoted(name)} is ${has}, the network needs ${wants}`);
    if (!(found.data instanceof Float32Array)) {
      throw new InputError(`${file}: tensor ${quoted(name)} is ${found.dtype}, expected F32`);
    }
    const fault = tensorFault(name, found.data);
    if (fault !== undefined) {
      throw new InputError(
        `${file}: tensor ${quoted(name)} ${fault}: its training diverged, or the file is damaged. Train again with a lower learning rate, or use other weights.`,
      );
    }
  }
  const [extra] = left;
  if (extra !== undefined)
    throw new InputError(`${file}: the network has no tensor ${quoted(extra)}: weights of another network?`);
}

/**
 * Overwrites tensors with those of a file: all of them, or none if one does not fit.
 * @throws InputError as checkTensors does
 */
export function fillTensors(
  tensors: readonly [string, Tensor][],
  stored: ReadonlyMap<string, SafetensorsTensor>,
  file: string,
): void {
  checkTensors(tensors, stored, file);
  copyTensors(tensors, stored);
}

function copyTensors(
  tensors: readonly [string, Tensor][],
  stored: ReadonlyMap<string, SafetensorsTensor>,
): void {
  noGrad(() =>
    scope(() => {
      for (const [name, target] of tensors) {
        const { data, shape } = stored.get(name)!;
        copy(target, tensor(data, shape).to(target.device));
      }
    }),
  );
}

/**
 * Writes the detector's tensors and its configuration.
 * @param notes further metadata, for instance metrics
 * @throws InputError if a tensor is unusable, see tensorFault
 */
export function saveDetector(path: string, detector: Detector, notes: Record<string, string> = {}): void {
  const metadata = { format: FORMAT, version: VERSION, config: JSON.stringify(detector.config), ...notes };
  writeSafetensors(path, toArrays(path, moduleTensors(detector)), metadata);
}

/**
 * Builds the detector that a weights file describes.
 * @param changes to the configuration that do not affect tensors: another quantizer, longest side or detection
 * limit
 * @throws InputError if the file is not from saveDetector, is truncated, or does not match its configuration
 */
export function loadDetector(
  path: string,
  device = "cpu",
  changes: Partial<Pick<DetectorConfig, "quantizer" | "side"> & { boxDetections: number }> = {},
): Detector {
  const { metadata, tensors } = readWeights(path);
  const config = configOf(path, metadata);
  // A small file may describe a huge network: check the shapes before building the network.
  const sketch = shapesOnly(() => createDetector(config, createRandom(0)));
  checkTensors(moduleTensors(sketch), tensors, path);
  sketch.dispose();
  const detector = createDetector({ ...config, ...changes }, createRandom(0));
  copyTensors(moduleTensors(detector), tensors);
  if (config.shapes !== undefined) checkLayers(detector, path);
  detector.to(device);
  rememberFile(detector, path);
  return detector.eval();
}

/** @throws InputError if the layers of a pruned detector do not fit together: their shapes come from the file */
function checkLayers(detector: Detector, path: string): void {
  try {
    readChannels(detector, CHECKED_SIDE);
  } catch (error) {
    throw new InputError(`${path}: invalid detector configuration: shapes: ${(error as Error).message}`);
  }
}

/** The configuration in a weights file, without building the detector. @throws InputError as loadDetector does */
export const readConfig = (path: string): DetectorConfig => configOf(path, readWeights(path).metadata);

/**
 * Adds score thresholds to a weights file, one per class in label order; null for a class without one. Tensors
 * and other metadata do not change; readers see the old file or the new one.
 */
export function storeThresholds(path: string, thresholds: readonly (number | null)[]): void {
  const { metadata, tensors } = readWeights(path);
  writeSafetensors(path, tensors, { ...metadata, thresholds: JSON.stringify(thresholds) });
}

/** The thresholds from storeThresholds, if any. @throws InputError if they do not fit the detector's classes */
export function readThresholds(path: string): (number | null)[] | undefined {
  const { metadata } = readWeights(path);
  if (metadata.thresholds === undefined) return undefined;
  const { classes } = configOf(path, metadata);
  const fraction = z.number().min(0).max(1).nullable();
  try {
    return z.array(fraction).length(classes.length).parse(JSON.parse(metadata.thresholds));
  } catch (error) {
    throw new InputError(
      `${path}: the thresholds of its ${classes.length} classes do not fit: ${reasonOf(error)}`,
    );
  }
}

function configOf(path: string, { format, config }: Record<string, string>): DetectorConfig {
  if (format === MODEL_FORMAT) {
    throw new InputError(
      `${path}: an exported model, which can be used but not trained or exported again; use the weights that it was exported from`,
    );
  }
  if (format !== FORMAT) {
    throw new InputError(
      `${path}: not a qmimic detector (format ${quoted(format ?? "")}, expected "${FORMAT}")`,
    );
  }
  try {
    return parseConfig(JSON.parse(config ?? ""));
  } catch (error) {
    throw new InputError(`${path}: invalid detector configuration: ${reasonOf(error)}`);
  }
}

/** Reads a safetensors file. @throws InputError with the file's name */
export function readWeights(path: string): SafetensorsFile {
  try {
    requireFileSync(path);
    return readSafetensors(path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    if (error instanceof SafetensorsError) throw new InputError(error.message);
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new InputError(`${path}: ${missing ? "no such file" : (error as Error).message}`);
  }
}

/** Writes training state: named tensors and metadata. @throws InputError if a tensor is unusable, see tensorFault */
export function saveState(
  path: string,
  tensors: Iterable<[string, Tensor]>,
  metadata: Record<string, string>,
): void {
  writeSafetensors(path, toArrays(path, tensors), metadata);
}
