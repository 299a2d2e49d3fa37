// Every setting of a training run: name, default, meaning. A recipe file is flat YAML with these names in
// kebab-case; each is also a flag of `qmimic train`. Those that only some kinds of detectors have are declared by the
// kinds themselves (models/kinds.ts).
import { z } from "zod";
import { FORMATS, MARKS } from "../data/readers/types.js";
import { didYouMean, InputError } from "../errors.js";
import {
  atLeast0,
  auto,
  CONVOLUTIONS,
  className,
  count,
  DETECTORS,
  flag,
  fraction,
  inputSide,
  KINDS,
  kebab,
  kindOf,
  MAX_CLASSES,
  MAX_REGIONS,
  MAX_ROI_CELLS,
  MAX_THREADS,
  MAX_WIDTH,
  NECKS,
  positive,
  real,
  whole,
  wholeUpTo,
} from "../models/index.js";
import { listed, quoted } from "../text.js";

const count0 = z.number().int().min(0);
/** MiB: 16 TiB. */
const MAX_MEMORY = 2 ** 24;
export const MAX_BATCH = 1024;
/** The teacher's maps are kept for each scale. An image is never reduced to less than 1/32 when it is drawn. */
const MIN_SCALE = 1 / 8;
const MAX_SCALE = 4;
const MAX_LIST = 64;

const data = {
  data: z.string().default("").describe("folder of labelled photographs"),
  format: z
    .enum(["auto", ...FORMATS])
    .default("auto")
    .describe("format of the labels; auto: found by looking"),
  trainSplit: z.string().default("train").describe("split to train on"),
  valSplit: z.string().default("val").describe("split to choose the best weights on"),
  valShare: z
    .number()
    .min(0.001)
    .max(0.999)
    .default(0.15)
    .describe("part of the images that is held out, by seed, where there is no split val"),
  classes: z
    .array(className)
    .max(MAX_CLASSES)
    .default([])
    .describe("classes to detect, objects of others are left out; empty: all that the data has"),
  merge: className.default("").describe("map every class of the data to this one; empty: keep them apart"),
  ignore: z
    .array(z.enum(MARKS))
    .max(MARKS.length)
    .default([])
    .describe(
      "objects with these marks are neither learned nor scored: truncated and occluded (Pascal VOC, CVAT), heavy-blur and heavy-occlusion (WIDER FACE)",
    ),
  skipBad: flag(
    false,
    "clip boxes to their images and leave out labels and images with a problem, which are counted, instead of refusing the data",
  ),
  side: real(inputSide, 480, "longest side of the input in pixels"),
  memory: wholeUpTo(
    MAX_MEMORY,
    4096,
    "MiB of decoded images kept in memory; more are decoded again each time",
  ),
  diskCache: flag(
    false,
    "keep those further images, decoded and reduced, in a file of the folder cache instead",
  ),
  cache: z
    .string()
    .default("runs/.cache")
    .describe("folder for the teacher's maps and decoded images, which runs share"),
};

const networks = {
  detector: z.enum(DETECTORS).default(DETECTORS[0]).describe("kind of detector"),
  student: z
    .string()
    .default("vgg-1-32")
    .describe(
      "student's network: vgg-1-N, resnet18-1-N, resnet34-1-N; N from 1 to 64, also with decimals, as in vgg-1-11.5",
    ),
  convolution: z
    .enum(CONVOLUTIONS)
    .default(CONVOLUTIONS[0])
    .describe(
      "3x3 layers of the student's backbone and neck, but for those on the image: plain; separable, a 3x3 of each channel alone and a 1x1 of all; grouped, a 3x3 within groups of channels and a 1x1 of all",
    ),
  convolutionGroups: wholeUpTo(MAX_WIDTH, 4, "groups of channels of grouped layers"),
  teacher: z
    .string()
    .default("vgg-1-8")
    .describe("teacher's network, or a weights file (.safetensors) of a trained teacher"),
  teacherInit: z
    .string()
    .default("")
    .describe(
      "weights file (.safetensors) with torchvision's vgg16_bn, resnet18 or resnet34, for the backbone of a teacher of full width (vgg-1-1, resnet18-1-1, resnet34-1-1); empty: at random",
    ),
  from: z
    .string()
    .default("")
    .describe(
      "run folder or weights file to start from, also on other photographs or with other classes: its network is taken, heads of new classes start anew; of a run each stage takes its own, a file is for the student, or else for the teacher",
    ),
  outputStride: z
    .union([z.literal(4), z.literal(8), z.literal(16)])
    .default(4)
    .describe("input pixels per cell of the last feature map: 4 for small objects, 8, or 16"),
  neck: z
    .enum(NECKS)
    .default("detail")
    .describe(
      "how the map gets finer than stride 16: none leaves out poolings, top-down adds the coarse maps to the finer ones, detail adds to that a path of four layers from the image's pixels",
    ),
};

const method = {
  method: z
    .enum(["scratch", "mimic", "quantization-mimic"])
    .default("quantization-mimic")
    .describe("student alone, with plain mimic, or with Quantization Mimic"),
  stage: z
    .enum(["all", "teacher", "quantized-teacher", "student"])
    .default("all")
    .describe("one stage alone, or all that the method needs"),
  lambda: real(atLeast0, 1, "weight of the mimic loss"),
  lambdaHead: real(
    atLeast0,
    1,
    "weight of the loss between the heads' outputs, teacher's and student's, where both are of one kind; 0: only the feature map is mimicked",
  ),
  quantizer: z
    .enum(["uniform", "power-of-two"])
    .default("uniform")
    .describe("dictionary of the feature maps: {0, s, 2s, ...} or {0, 2^k, ...}"),
  quantizerStride: z
    .union([positive, auto])
    .default("auto")
    .describe(
      "s of the uniform dictionary; auto: from the teacher's activations. With method scratch a number rounds the student's map, auto does not",
    ),
  quantizerMaxCost: real(
    atLeast0,
    1,
    "points of AP50 on val that the dictionary may cost the teacher after fine-tuning, beyond one standard error; one that costs more is refused",
  ),
  quantizeStudent: flag(true, "round the student's own feature map too"),
  regions: z
    .enum(["proposals", "ground-truth", "jittered"])
    .default("proposals")
    .describe("where to mimic: the student's proposals, the objects, or the objects moved at random"),
  regionForm: z
    .enum(["cells", "rois"])
    .default("cells")
    .describe("compare the map's cells (each region divided by its size), or RoI-max-pooled regions"),
  mimicRegions: wholeUpTo(MAX_REGIONS, 128, "regions of an image that are mimicked"),
  mimicRoiSize: wholeUpTo(
    MAX_ROI_CELLS,
    7,
    "cells per side that a region is pooled to with region-form rois",
  ),
  liveTeacher: flag(
    false,
    "run the teacher in every step on the student's own view, slower, instead of keeping its maps",
  ),
};

const training = {
  epochs: whole(60, "epochs for the student"),
  teacherEpochs: whole(
    60,
    "epochs for the teacher: at least as many as for its student, or it is soon no better",
  ),
  quantizedEpochs: whole(4, "epochs to fine-tune the quantized teacher"),
  batch: wholeUpTo(MAX_BATCH, 4, "images in a step"),
  groupShapes: flag(true, "landscape and portrait images in different batches, which need less padding"),
  optimizer: z
    .enum(["sgd", "adamw", "muon"])
    .default("muon")
    .describe(
      "optimizer; muon: Muon for hidden layers and AdamW for all else, which needs fewer epochs than AdamW alone (torchvision: sgd with lr 0.02)",
    ),
  lr: real(positive, 0.003, "learning rate for the student, after the warm-up"),
  teacherLr: real(positive, 0.002, "learning rate for the teacher"),
  fineTuneLr: real(positive, 0.0004, "learning rate for fine-tuning the quantized teacher"),
  momentum: real(fraction, 0.9, "momentum of sgd"),
  weightDecay: real(atLeast0, 0.01, "weight decay of all weights but batch norm and biases"),
  warmup: real(atLeast0, 1, "epochs of linear warm-up"),
  schedule: z.enum(["cosine", "step", "constant"]).default("cosine").describe("how the learning rate falls"),
  milestones: z
    .array(fraction)
    .max(MAX_LIST)
    .default([0.7, 0.9])
    .describe("for schedule step: parts of the run after which the rate is divided by 10"),
  clip: real(atLeast0, 10, "largest joint norm of the gradients; 0: no limit"),
  evalEvery: whole(5, "epochs between evaluations on the val split"),
  seed: count0.default(0).describe("seed of weights, order, augmentation and sampling"),
  threads: z
    .union([count.max(MAX_THREADS), auto])
    .default("auto")
    .describe("processor threads; auto: all cores"),
  device: z.string().default("cpu").describe("cpu, cuda or cuda:N"),
  precision: z
    .enum(["float32", "bfloat16"])
    .default("float32")
    .describe(
      "numbers that convolutions of 32 and more channels multiply in training: bfloat16 trains wide teachers faster, where the processor has it",
    ),
};

const augmentation = {
  flip: real(fraction, 0.5, "fraction of images mirrored left to right"),
  scales: z
    .array(z.number().min(MIN_SCALE).max(MAX_SCALE))
    .min(1)
    .max(MAX_LIST)
    .default([0.75, 1, 1.25])
    .describe(
      "sizes relative to side, one picked for each batch (a list, so that teacher maps can be cached)",
    ),
  brightness: real(fraction, 0.25, "largest relative change of brightness"),
  contrast: real(fraction, 0.25, "largest relative change of contrast"),
  saturation: real(fraction, 0.3, "largest relative change of saturation"),
};

const runFolder = {
  name: z.string().default("").describe("folder name of the run; empty: from method and student"),
  runs: z.string().default("runs").describe("folder that holds the runs"),
};

/** Settings that every recipe has, by topic. */
const SHARED = [
  ["Data", data],
  ["Networks", networks],
  ["Method", method],
  ["Training", training],
  ["Augmentation", augmentation],
  ["Run folder", runFolder],
] as const;

const sharedSchema = z.object({
  ...data,
  ...networks,
  ...method,
  ...training,
  ...augmentation,
  ...runFolder,
});

/** A complete recipe: the settings that all have, and those of the kind that `detector` names. */
export type Recipe = z.infer<typeof sharedSchema>;

/** The schema of a recipe with this kind of detector. */
const schemaOf = (detector: string) => sharedSchema.extend(kindOf(detector).settings.shape);

/** One setting: what it may be, and which kinds of detectors have it. */
export interface Setting {
  schema: z.ZodType;
  /** All kinds, or some of them. */
  detectors: readonly string[];
}

/** Every setting that a recipe can have, by its name in the code, in the order of docs/recipe.md. */
export const SETTINGS: ReadonlyMap<string, Setting> = new Map([
  ...Object.entries(sharedSchema.shape).map(([key, schema]): [string, Setting] => [
    key,
    { schema, detectors: DETECTORS },
  ]),
  ...KINDS.flatMap(({ settings }) => Object.entries(settings.shape)).map(
    ([key, schema]): [string, Setting] => [
      key,
      {
        schema: schema as z.ZodType,
        detectors: KINDS.filter(({ settings }) => key in settings.shape).map(({ name }) => name),
      },
    ],
  ),
]);

/** The settings by topic, for docs/recipe.md: the shared ones, then those of some kinds. */
export const SECTIONS: readonly { title: string; keys: string[] }[] = [
  ...SHARED.map(([title, shape]) => ({ title, keys: Object.keys(shape) })),
  ...ofSomeKinds(),
];

function ofSomeKinds(): { title: string; keys: string[] }[] {
  const groups = new Map<string, string[]>();
  for (const [key, { detectors }] of SETTINGS) {
    if (key in sharedSchema.shape) continue;
    const title = `Detector ${detectors.join(", ")}`;
    groups.set(title, [...(groups.get(title) ?? []), key]);
  }
  return [...groups].map(([title, keys]) => ({ title, keys }));
}

/** The settings that a recipe with this kind of detector has. */
export const keysOf = ({ detector }: Recipe): string[] => Object.keys(schemaOf(detector).shape);

/** The value of a setting by its name. */
export const settingOf = (recipe: Recipe, key: string): unknown => (recipe as Record<string, unknown>)[key];

/** Whether the setting `teacher` is a file rather than the name of a network. */
export const isWeightsFile = (teacher: string): boolean => teacher.endsWith(".safetensors");

/** Whether one of the run's stages is a teacher. */
export const trainsTeacher = ({ stage, method, teacher }: Recipe): boolean =>
  stage === "teacher" || (stage === "all" && method !== "scratch" && !isWeightsFile(teacher));

const byKebab = new Map([...SETTINGS.keys()].map((key) => [kebab(key), key]));

/** "lambda-head" -> "lambdaHead"; undefined for what is not a setting. */
export const keyOf = (name: string): string | undefined => byKebab.get(name);

/**
 * A recipe from kebab-case settings (of a file, overridden by flags).
 * @param source names where they come from, for messages
 * @throws InputError for an unknown name (the nearest known one is said), a setting of another kind of detector, or a
 *   value out of range
 */
export function parseRecipe(settings: Record<string, unknown>, source: string): Recipe {
  const known: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(settings)) {
    const key = byKebab.get(name);
    if (!key)
      throw new InputError(`${source}: unknown setting ${quoted(name)}.${didYouMean(name, byKebab.keys())}`);
    known[key] = value;
  }
  const detector = sharedSchema.shape.detector.safeParse(known.detector);
  const schema = schemaOf(detector.success ? detector.data : DETECTORS[0]);
  for (const key of detector.success ? Object.keys(known) : []) {
    if (key in schema.shape) continue;
    const { detectors } = SETTINGS.get(key)!;
    throw new InputError(
      `${source}: ${kebab(key)} is a setting of detector ${detectors.join(", ")}; this one is ${detector.data}. Leave it out, or say --detector ${detectors[0]}`,
    );
  }
  const parsed = schema.safeParse(known);
  if (parsed.success) {
    const recipe = parsed.data as Recipe;
    const conflict = conflictIn(recipe) ?? kindOf(recipe.detector).conflict(recipe);
    if (conflict !== undefined) throw new InputError(`${source}: ${conflict}`);
    return recipe;
  }
  const issues = parsed.error.issues.map((issue) => {
    const key = String(issue.path[0]);
    return `${kebab(key)}: ${quoted(known[key])} does not fit: ${issue.message} (${SETTINGS.get(key)?.schema.description})`;
  });
  throw new InputError(`${source}: ${issues.join("; ")}`);
}

/** What is wrong with settings that are each in range, together. */
function conflictIn(recipe: Recipe): string | undefined {
  const { merge, classes, quantizer, quantizerStride, stage, from, teacherInit } = recipe;
  if (merge !== "" && classes.length > 0) {
    return `merge: every class becomes ${quoted(merge)}; classes: ${listed(classes)} alone are wanted. Say one of them`;
  }
  if (quantizer === "power-of-two" && quantizerStride !== "auto") {
    return `quantizer-stride is of the uniform dictionary; power-of-two has none`;
  }
  if (from !== "" && stage === "quantized-teacher") {
    return `from: stage ${stage} starts from its teacher: say --teacher FILE.safetensors`;
  }
  if (teacherInit !== "" && !trainsTeacher(recipe)) return `teacher-init: no teacher is trained`;
  if (teacherInit !== "" && from !== "") return `teacher-init and from: a teacher starts from one of them`;
  return undefined;
}

/** The recipe as commented YAML, complete enough to repeat the run. */
export function formatRecipe(recipe: Recipe): string {
  const lines = keysOf(recipe).map((key) => {
    const value = JSON.stringify(settingOf(recipe, key));
    return `# ${SETTINGS.get(key)?.schema.description}\n${kebab(key)}: ${value}`;
  });
  return `${lines.join("\n")}\n`;
}
