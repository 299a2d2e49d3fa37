// Detectors and training state as safetensors files. The metadata says what the detector is.
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
import { firstNonFinite, rememberFile } from "../finite.js";
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
/** Of the image that a pruned detector is tried on, in pixels. */
const CHECKED_SIDE = 4 * GRID;

/** Named tensors as arrays. @throws InputError when one is not finite: what `path` holds is worth more */
function toArrays(path: string, tensors: Iterable<[string, Tensor]>): Map<string, SafetensorsTensor> {
  const arrays = new Map<string, SafetensorsTensor>();
  for (const [name, one] of tensors) {
    const data = one.toFloat32();
    const at = firstNonFinite(data);
    if (at >= 0) {
      throw new InputError(
        `${path}: not written: tensor ${quoted(name)} holds ${data[at]} at ${at}. The training diverged; train again with a lower learning rate.`,
      );
    }
    arrays.set(name, { dtype: "F32", shape: one.shape, data });
  }
  return arrays;
}

/** All tensors of a module, trained or not, by name. */
export const moduleTensors = (module: Module, prefix = ""): [string, Tensor][] =>
  module.named(prefix).map(({ name, tensor: one }) => [name, one]);

/**
 * Whether a file's tensors are those that a network needs: names, shapes, finite numbers. Of `tensors` only the shapes are
 * looked at.
 * @throws InputError naming the file and the tensor when one is missing, too many, of another shape, or not finite
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
    const at = firstNonFinite(found.data);
    if (at >= 0) {
      throw new InputError(
        `${file}: tensor ${quoted(name)} holds ${found.data[at]} at ${at}: the training that wrote it diverged, or the file is damaged. Train again with a lower learning rate, or use other weights.`,
      );
    }
  }
  const [extra] = left;
  if (extra !== undefined)
    throw new InputError(`${file}: the network has no tensor ${quoted(extra)}: weights of another network?`);
}

/**
 * Overwrites tensors with those of a file: all of them, or none when one does not fit.
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
      for (const [name, one] of tensors) {
        const { data, shape } = stored.get(name)!;
        copy(one, tensor(data, shape).to(one.device));
      }
    }),
  );
}

/**
 * Writes the detector's tensors and its configuration.
 * @param notes further metadata, for instance metrics
 * @throws InputError when a tensor is not finite
 */
export function saveDetector(path: string, detector: Detector, notes: Record<string, string> = {}): void {
  const metadata = { format: FORMAT, version: VERSION, config: JSON.stringify(detector.config), ...notes };
  writeSafetensors(path, toArrays(path, moduleTensors(detector)), metadata);
}

/**
 * Builds the detector that a weights file describes.
 * @param changes to that description that leave its tensors as they are: another quantizer, longest side or limit of detections
 * @throws InputError when the file is not one of saveDetector's, is cut short, or does not fit its own description
 */
export function loadDetector(
  path: string,
  device = "cpu",
  changes: Partial<Pick<DetectorConfig, "quantizer" | "side"> & { boxDetections: number }> = {},
): Detector {
  const { metadata, tensors } = readWeights(path);
  const config = configOf(path, metadata);
  // A small file may describe a huge network: the shapes are compared before the network is built.
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

/** @throws InputError when the layers of a pruned detector do not fit together: their shapes are the file's own */
function checkLayers(detector: Detector, path: string): void {
  try {
    readChannels(detector, CHECKED_SIDE);
  } catch (error) {
    throw new InputError(
      `${path}: the description of the detector does not fit: shapes: ${(error as Error).message}`,
    );
  }
}

/** What the detector of a weights file is, without building it. @throws InputError as loadDetector does */
export const readConfig = (path: string): DetectorConfig => configOf(path, readWeights(path).metadata);

/**
 * Adds to a weights file the scores from which detections are shown, one a class in the order of its classes; null for
 * a class that has none. Its tensors and other metadata stay as they are; readers see the old file or the new one.
 */
export function storeThresholds(path: string, thresholds: readonly (number | null)[]): void {
  const { metadata, tensors } = readWeights(path);
  writeSafetensors(path, tensors, { ...metadata, thresholds: JSON.stringify(thresholds) });
}

/** What storeThresholds has stored, if it has. @throws InputError when it does not fit the detector's classes */
export function readThresholds(path: string): (number | null)[] | undefined {
  const { metadata } = readWeights(path);
  if (metadata.thresholds === undefined) return undefined;
  const { classes } = configOf(path, metadata);
  const share = z.number().min(0).max(1).nullable();
  try {
    return z.array(share).length(classes.length).parse(JSON.parse(metadata.thresholds));
  } catch (error) {
    throw new InputError(
      `${path}: the thresholds of its ${classes.length} classes do not fit: ${reasonOf(error)}`,
    );
  }
}

function configOf(path: string, { format, config }: Record<string, string>): DetectorConfig {
  if (format === MODEL_FORMAT) {
    throw new InputError(
      `${path}: an exported model, which can be used but not trained or exported again; name the weights that it was made of`,
    );
  }
  if (format !== FORMAT) {
    throw new InputError(
      `${path}: not a detector of qmimic (format ${quoted(format ?? "")}, expected "${FORMAT}")`,
    );
  }
  try {
    return parseConfig(JSON.parse(config ?? ""));
  } catch (error) {
    throw new InputError(`${path}: the description of the detector does not fit: ${reasonOf(error)}`);
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

/** Writes training state: anything with a name, and metadata. @throws InputError when a tensor is not finite */
export function saveState(
  path: string,
  tensors: Iterable<[string, Tensor]>,
  metadata: Record<string, string>,
): void {
  writeSafetensors(path, toArrays(path, tensors), metadata);
}
