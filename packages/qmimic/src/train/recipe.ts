// Every setting of a training run: name, default, meaning. A recipe file is flat YAML with these names in
// kebab-case; each is also a flag of `qmimic train`.
import { z } from "zod";
import { didYouMean, InputError } from "../errors.js";
import { NECKS } from "../models/config.js";

const positive = z.number().positive();
const atLeast0 = z.number().min(0);
const share = z.number().min(0).max(1);
const count = z.number().int().positive();
const count0 = z.number().int().min(0);
const auto = z.literal("auto");

const flag = (value: boolean, text: string) => z.boolean().default(value).describe(text);
const real = (schema: z.ZodNumber, value: number, text: string) => schema.default(value).describe(text);
const whole = (value: number, text: string) => count.default(value).describe(text);
const upTo = (max: number, value: number, text: string) =>
  z.number().int().min(1).max(max).default(value).describe(text);

export const recipeSchema = z.object({
  // Data
  data: z.string().default("").describe("folder in the Pascal VOC layout"),
  trainSplit: z.string().default("train").describe("split to train on"),
  valSplit: z.string().default("val").describe("split to choose the best weights on"),
  classes: z
    .array(z.string())
    .default([])
    .describe("classes to detect, objects of others are left out; empty: all that the data has"),
  merge: z.string().default("").describe("map every class of the data to this one; empty: keep them apart"),
  side: whole(480, "longest side of the input in pixels"),
  memory: whole(4096, "MiB of decoded images kept in memory; more are decoded again each time"),
  diskCache: flag(
    false,
    "keep those further images, decoded and reduced, in a file of the folder cache instead",
  ),
  cache: z
    .string()
    .default("runs/.cache")
    .describe("folder for the teacher's maps and decoded images, which runs share"),

  // Networks
  detector: z.literal("faster-rcnn").default("faster-rcnn").describe("kind of detector"),
  student: z.string().default("vgg-1-32").describe("student's network: vgg-1-N, resnet18-1-N, resnet34-1-N"),
  teacher: z
    .string()
    .default("vgg-1-8")
    .describe("teacher's network, or a weights file (.safetensors) of a trained teacher"),
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
  headWidth: z.union([count, auto]).default("auto").describe("neurons of the box head; auto: 1024 / N"),
  roiSize: upTo(1024, 7, "RoIAlign's output cells per side"),
  roiSamples: upTo(64, 2, "RoIAlign's samples per cell and axis"),
  anchorSizes: z
    .union([z.array(positive).min(1), auto])
    .default("auto")
    .describe("sides of the square anchors in input pixels; auto: from the boxes of the training data"),
  anchorCount: whole(5, "how many anchor sizes auto picks (torchvision: 5)"),
  aspectRatios: z
    .union([z.array(positive).min(1), auto])
    .default("auto")
    .describe("height / width of the anchors; auto: from the boxes of the training data"),

  // Method
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
    "weight of the loss between the box heads' outputs, teacher's and student's, on the student's proposals; 0: the feature map alone is mimicked",
  ),
  quantizer: z
    .enum(["uniform", "power-of-two"])
    .default("uniform")
    .describe("dictionary of the feature maps: {0, s, 2s, ...} or {0, 2^k, ...}"),
  quantizerStride: z
    .union([positive, auto])
    .default("auto")
    .describe("s of the uniform dictionary; auto: from the teacher's activations"),
  quantizeStudent: flag(true, "round the student's own feature map too"),
  regions: z
    .enum(["proposals", "ground-truth", "jittered"])
    .default("proposals")
    .describe("where to mimic: the student's proposals, the objects, or the objects moved at random"),
  regionForm: z
    .enum(["cells", "rois"])
    .default("cells")
    .describe("compare the map's cells (each region divided by its size), or RoI-max-pooled regions"),
  mimicRegions: whole(128, "regions of an image that are mimicked"),
  liveTeacher: flag(
    false,
    "run the teacher in every step on the student's own view, slower, instead of keeping its maps",
  ),

  // Training
  epochs: whole(60, "passes over the training data for the student"),
  teacherEpochs: whole(40, "passes for the teacher"),
  quantizedEpochs: whole(4, "passes to fine-tune the quantized teacher"),
  batch: whole(4, "images in a step"),
  groupShapes: flag(true, "landscape and portrait images in different batches, which need less padding"),
  optimizer: z
    .enum(["sgd", "adamw", "muon"])
    .default("muon")
    .describe(
      "optimizer; muon: Muon for hidden layers and AdamW for all else, which needs fewer passes than AdamW alone (torchvision: sgd with lr 0.02)",
    ),
  lr: real(positive, 0.003, "learning rate for the student, after the warm-up"),
  teacherLr: real(positive, 0.002, "learning rate for the teacher"),
  fineTuneLr: real(positive, 0.0004, "learning rate for fine-tuning the quantized teacher"),
  momentum: real(share, 0.9, "momentum of sgd"),
  weightDecay: real(atLeast0, 0.01, "weight decay of all weights but batch norm and biases"),
  warmup: real(atLeast0, 1, "passes of linear warm-up"),
  schedule: z.enum(["cosine", "step", "constant"]).default("cosine").describe("how the learning rate falls"),
  milestones: z
    .array(share)
    .default([0.7, 0.9])
    .describe("for schedule step: parts of the run after which the rate is divided by 10"),
  clip: real(atLeast0, 10, "largest joint norm of the gradients; 0: no limit"),
  evalEvery: whole(5, "passes between evaluations on the val split"),
  seed: count0.default(0).describe("seed of weights, order, augmentation and sampling"),
  threads: z.union([count, auto]).default("auto").describe("processor threads; auto: all cores"),
  device: z.string().default("cpu").describe("cpu, cuda or cuda:N"),
  precision: z
    .enum(["float32", "bfloat16"])
    .default("float32")
    .describe(
      "numbers that convolutions of 32 and more channels multiply in training: bfloat16 trains wide teachers faster, where the processor has it",
    ),

  // Augmentation
  flip: real(share, 0.5, "share of images mirrored left to right"),
  scales: z
    .array(positive)
    .min(1)
    .default([0.75, 1, 1.25])
    .describe(
      "sizes relative to side, one picked for each batch (a list, so that teacher maps can be cached)",
    ),
  brightness: real(share, 0.25, "largest relative change of brightness"),
  contrast: real(share, 0.25, "largest relative change of contrast"),
  saturation: real(share, 0.3, "largest relative change of saturation"),

  // RPN and box head: torchvision's names and defaults unless said
  rpnHigh: real(
    share,
    0.5,
    "IoU from which an anchor is an object (torchvision: 0.7, too rare for small objects)",
  ),
  rpnLow: real(share, 0.3, "IoU below which an anchor is background"),
  rpnBatch: whole(256, "anchors of an image in the RPN loss"),
  rpnPositives: real(share, 0.5, "largest share of objects among them"),
  rpnPreNmsTrain: whole(1000, "proposals before suppression in training (torchvision: 2000)"),
  rpnPostNmsTrain: whole(500, "proposals after suppression in training (torchvision: 2000)"),
  rpnScore: real(share, 0, "lowest score of a proposal"),
  rpnPreNms: whole(
    2000,
    "proposals before suppression in use (torchvision: 1000 of each level of its pyramid; 1000 loses small objects in inputs larger than those trained on)",
  ),
  rpnPostNms: whole(300, "proposals after suppression in use (torchvision: 1000)"),
  rpnNms: real(share, 0.7, "IoU above which a proposal is suppressed"),
  boxHigh: real(share, 0.5, "IoU from which a proposal is an object in the head's loss"),
  boxLow: real(share, 0.5, "IoU below which a proposal is background"),
  boxBatch: whole(128, "proposals of an image in the head's loss (torchvision: 512)"),
  boxPositives: real(share, 0.25, "largest share of objects among them"),
  boxWeights: z
    .array(positive)
    .length(4)
    .default([10, 10, 5, 5])
    .describe("weights of the head's four box offsets x, y, width, height"),
  boxScore: real(share, 0.01, "lowest score of a detection (torchvision: 0.05, which cuts AP)"),
  boxNms: real(share, 0.5, "IoU above which a detection of the same class is suppressed"),
  boxVote: real(
    share,
    0.6,
    "IoU from which other detections of the same class help to place one that is kept, by their scores; 1: none does, as in torchvision",
  ),
  boxDetections: whole(100, "most detections of an image"),

  // Run folder
  name: z.string().default("").describe("folder name of the run; empty: from method and student"),
  runs: z.string().default("runs").describe("folder that holds the runs"),
});

/** A complete recipe; recipeSchema gives each key's meaning and default. */
export type Recipe = z.infer<typeof recipeSchema>;
export type RecipeKey = keyof Recipe;

export const recipeKeys = Object.keys(recipeSchema.shape) as RecipeKey[];

/** Whether the setting `teacher` is a file rather than the name of a network. */
export const isWeightsFile = (teacher: string): boolean => teacher.endsWith(".safetensors");

/** "rpnPreNms" -> "rpn-pre-nms" */
export const kebab = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const byKebab = new Map(recipeKeys.map((key) => [kebab(key), key]));

/**
 * A recipe from kebab-case settings (of a file, overridden by flags).
 * @param source names where they come from, for messages
 * @throws InputError for an unknown name (the nearest known one is said) or a value out of range
 */
export function parseRecipe(settings: Record<string, unknown>, source: string): Recipe {
  const known: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(settings)) {
    const key = byKebab.get(name);
    if (!key)
      throw new InputError(`${source}: unknown setting "${name}".${didYouMean(name, byKebab.keys())}`);
    known[key] = value;
  }
  const parsed = recipeSchema.safeParse(known);
  if (parsed.success) {
    const conflict = conflictIn(parsed.data);
    if (conflict !== undefined) throw new InputError(`${source}: ${conflict}`);
    return parsed.data;
  }
  const issues = parsed.error.issues.map((issue) => {
    const key = String(issue.path[0]);
    const shape = recipeSchema.shape[key as RecipeKey];
    return `${kebab(key)}: ${JSON.stringify(known[key])} does not fit: ${issue.message} (${shape?.description})`;
  });
  throw new InputError(`${source}: ${issues.join("; ")}`);
}

/** What is wrong with settings that are each in range, together. */
function conflictIn({
  rpnLow,
  rpnHigh,
  boxLow,
  boxHigh,
  merge,
  classes,
  quantizer,
  quantizerStride,
}: Recipe): string | undefined {
  if (rpnLow > rpnHigh) return `rpn-low is ${rpnLow}, above rpn-high, ${rpnHigh}`;
  if (boxLow > boxHigh) return `box-low is ${boxLow}, above box-high, ${boxHigh}`;
  if (merge !== "" && classes.length > 0) {
    return `merge: every class becomes "${merge}"; classes: ${classes.join(", ")} alone are wanted. Say one of them`;
  }
  if (quantizer === "power-of-two" && quantizerStride !== "auto") {
    return `quantizer-stride is of the uniform dictionary; power-of-two has none`;
  }
  return undefined;
}

/** The recipe as commented YAML, complete enough to repeat the run. */
export function formatRecipe(recipe: Recipe): string {
  const lines = recipeKeys.map((key) => {
    const value = JSON.stringify(recipe[key]);
    return `# ${recipeSchema.shape[key].description}\n${kebab(key)}: ${value}`;
  });
  return `${lines.join("\n")}\n`;
}
