// The kinds of detectors. A further one needs its own files and a line in this list.
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
    `detector: unknown kind ${quoted(name)}; expected ${DETECTORS.join(", ")}.${didYouMean(name, DETECTORS)}`,
  );
}

/** A detector with fresh weights. @throws InputError for an unknown kind or backbone, or shapes of tensors that it lacks */
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

/** A configuration as it stands in a file. @throws InputError for an unknown kind, ZodError for what does not fit it */
export function parseConfig(json: unknown): DetectorConfig {
  const { config } = kindOf(named.parse(json).detector);
  return config.parse(json) as DetectorConfig;
}

/**
 * The configuration that a recipe describes: what the kind's schema names is picked from the settings, "auto" is chosen.
 * @param settings of a recipe, with `detector`
 * @throws InputError when a value that the data gives is out of bounds
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
    // What the data gives may be beyond the bounds: thousands of classes, for instance.
    throw new InputError(`the detector cannot be made as the recipe and the data say: ${reasonOf(error)}`);
  }
}

/** Why the heads of two detectors cannot be compared; undefined where they can. */
export function headMismatch(teacher: DetectorConfig, student: DetectorConfig): string | undefined {
  if (teacher.detector !== student.detector) {
    return `the teacher is a ${teacher.detector}, the student a ${student.detector}`;
  }
  const read = (config: DetectorConfig, key: string) =>
    JSON.stringify((config as Record<string, unknown>)[key]);
  const differs = kindOf(student.detector).headCoding.find(
    (key) => read(teacher, key) !== read(student, key),
  );
  return differs === undefined
    ? undefined
    : `the teacher's ${kebab(differs)} is ${read(teacher, differs)}, the student's ${read(student, differs)}`;
}
