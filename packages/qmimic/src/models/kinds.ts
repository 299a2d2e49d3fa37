// The list of detectors. To add one, write its files and add a line here.
import { type Random, withShapes } from "@qmimic/torch";
import { z } from "zod";
import { didYouMean, InputError, reasonOf } from "../errors.js";
import { quoted } from "../text.js";
import type { DetectorConfig } from "./config.js";
import type { Detector, DetectorKind, NetworkFacts } from "./detector.js";
import { fasterRcnn } from "./fasterRcnn.js";
import { fcos } from "./fcos/fcos.js";
import { rfcn } from "./rfcn.js";
import { kebab } from "./settings.js";

/** The first is the default. */
export const KINDS: readonly DetectorKind[] = [fasterRcnn, rfcn, fcos];

export const DETECTORS: readonly string[] = KINDS.map(({ name }) => name);

/** @throws InputError for a name that is not in the list */
export function kindOf(name: string): DetectorKind {
  const found = KINDS.find((kind) => kind.name === name);
  if (found) return found;
  throw new InputError(
    `detector: unknown detector ${quoted(name)}; expected ${DETECTORS.join(", ")}.${didYouMean(name, DETECTORS)}`,
  );
}

/**
 * A detector with fresh weights.
 * @throws InputError for an unknown kind or backbone, or pruned shapes of unknown tensors
 */
export function createDetector(config: DetectorConfig, random: Random): Detector {
  const build = () => kindOf(config.detector).create(config, random);
  if (config.shapes === undefined) return build();
  try {
    return withShapes(build, config.shapes);
  } catch (error) {
    throw error instanceof RangeError ? new InputError(`shapes: ${error.message}`) : error;
  }
}

const named = z.looseObject({ detector: z.string() });

/**
 * Parses a configuration from a file.
 * @throws InputError for an unknown kind, ZodError if it does not match the schema
 */
export function parseConfig(json: unknown): DetectorConfig {
  const { config } = kindOf(named.parse(json).detector);
  return config.parse(json) as DetectorConfig;
}

/**
 * The configuration for a recipe: picks the settings in the kind's schema, and resolves "auto".
 * @param settings a recipe's settings, including `detector`
 * @throws InputError if a value from the data is out of bounds
 */
export function configureDetector(
  settings: { detector: string },
  network: NetworkFacts & { classes: readonly string[] },
): DetectorConfig {
  const { backbone, classes } = network;
  const kind = kindOf(settings.detector);
  const chosen = kind.choose(settings, network);
  try {
    return parseConfig({ ...settings, backbone, classes, quantizer: { kind: "none" }, ...chosen });
  } catch (error) {
    // Values from the data may be out of bounds: thousands of classes, for instance.
    throw new InputError(`cannot build the detector for this recipe and data: ${reasonOf(error)}`);
  }
}

/** Why the heads of two detectors cannot be compared; undefined if they can. */
export function headMismatch(teacher: DetectorConfig, student: DetectorConfig): string | undefined {
  if (teacher.detector !== student.detector) {
    return `the teacher is a ${teacher.detector}, but the student is a ${student.detector}`;
  }
  const read = (config: DetectorConfig, key: string) =>
    JSON.stringify((config as Record<string, unknown>)[key]);
  const differs = kindOf(student.detector).headCoding.find(
    (key) => read(teacher, key) !== read(student, key),
  );
  return differs === undefined
    ? undefined
    : `the teacher's ${kebab(differs)} is ${read(teacher, differs)}, but the student's is ${read(student, differs)}`;
}
