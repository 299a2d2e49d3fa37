// Every setting of a training run: name, default, description. A recipe file is flat YAML with these names in
// kebab-case; each is also a flag of `qmimic train`. Settings of specific detectors are declared with the
// detectors (models/kinds.ts).
import { z } from "zod";
import { FORMATS, MARKS } from "../data/readers/types.js";
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
  MAX_CLASSES,
  MAX_THREADS,
  MAX_WIDTH,
  NECKS,
  positive,
  real,
  whole,
  wholeUpTo,
} from "../models/index.js";
import { method } from "./methodSettings.js";

const MAX_IMAGES = 1_000_000;
/** A count with default 0. */
const upTo = (max: number, what: string) => z.number().int().min(0).max(max).default(0).describe(what);
const count0 = z.number().int().min(0);
/** MiB: 16 TiB. */
const MAX_MEMORY = 2 ** 24;
const MAX_BATCH = 1024;
/** The teacher's maps are stored per scale. Augmentation never reduces an image below 1/32. */
const MIN_SCALE = 1 / 8;
const MAX_SCALE = 4;
const MAX_LIST = 64;
const MAX_RESTARTS = 100;

const data = {
  data: z.string().default("").describe("folder of labelled images"),
  format: z
    .enum(["auto", ...FORMATS])
    .default("auto")
    .describe("label format; auto: detect it"),
  trainSplit: z.string().default("train").describe("split to train on"),
  valSplit: z.string().default("val").describe("split for choosing the best weights"),
  valShare: z
    .number()
    .min(0.001)
    .max(0.999)
    .default(0.15)
    .describe("fraction of the images to hold out, the same ones for every seed, if there is no val split"),
  classes: z
    .array(className)
    .max(MAX_CLASSES)
    .default([])
    .describe("classes to detect, leaving out objects of other classes; empty: all classes in the data"),
  merge: className
    .default("")
    .describe("map every class of the data to this one; empty: keep classes separate"),
  ignore: z
    .array(z.enum(MARKS))
    .max(MARKS.length)
    .default([])
    .describe(
      "ignore objects with these marks in training and scoring: truncated and occluded (Pascal VOC, CVAT), heavy-blur and heavy-occlusion (WIDER FACE)",
    ),
  skipBad: flag(
    false,
    "clip boxes to their images and skip labels and images with a problem, reporting how many, instead of rejecting the data",
  ),
  trainImages: upTo(
    MAX_IMAGES,
    "train on only this many images of the split, the same ones for every seed; 0: all",
  ),
  unlabelled: z
    .string()
    .default("")
    .describe(
      "folder of unlabelled images, searched recursively; the teacher detects objects in them for the student to learn",
    ),
  side: real(inputSide, 480, "longest side of the input in pixels"),
  memory: wholeUpTo(
    MAX_MEMORY,
    4096,
    "MiB of decoded images to keep in memory; the rest are decoded each time",
  ),
  diskCache: flag(false, "store the rest, decoded and downscaled, in a file in the cache folder instead"),
  cache: z
    .string()
    .default("runs/.cache")
    .describe("folder for the teacher's feature maps and decoded images, shared between runs"),
};

const networks = {
  detector: z.enum(DETECTORS).default(DETECTORS[0]).describe("kind of detector"),
  student: z
    .string()
    .default("vgg-1-32")
    .describe(
      "student's network: vgg-1-N, resnet18-1-N or resnet34-1-N, 1/N as wide; N from 1 to 64, decimals allowed (vgg-1-11.5)",
    ),
  convolution: z
    .enum(CONVOLUTIONS)
    .default(CONVOLUTIONS[0])
    .describe(
      "3x3 convolutions of the student's backbone and neck, except those on the image: plain; separable: depthwise 3x3 + 1x1; grouped: grouped 3x3 + 1x1",
    ),
  convolutionGroups: wholeUpTo(MAX_WIDTH, 4, "groups of a grouped convolution"),
  teacher: z
    .string()
    .default("vgg-1-8")
    .describe("teacher's network, or a weights file (.safetensors) of a trained teacher"),
  teacherInit: z
    .string()
    .default("")
    .describe(
      "weights file (.safetensors) of torchvision's vgg16_bn, resnet18 or resnet34, to initialize the backbone of a full-width teacher (vgg-1-1, resnet18-1-1, resnet34-1-1); empty: random initialization",
    ),
  from: z
    .string()
    .default("")
    .describe(
      "run folder or weights file to start from, even with other images or classes; the run uses its network, and outputs for new classes are trained from scratch; with a run folder, teacher and student start from the same stage, and the quantized teacher from its teacher; a file is for the student, or else the teacher",
    ),
  outputStride: z
    .union([z.literal(4), z.literal(8), z.literal(16)])
    .default(4)
    .describe("input pixels per cell of the last feature map: 4 for small objects, 8, or 16"),
  neck: z
    .enum(NECKS)
    .default("detail")
    .describe(
      "how the feature map gets finer than stride 16: none removes poolings; top-down adds coarse maps to finer ones; detail also adds a four-layer path from the image",
    ),
};

const training = {
  epochs: whole(60, "epochs to train the student"),
  teacherEpochs: whole(
    60,
    "epochs to train the teacher; at least as many as for the student, or it is soon no better than the student",
  ),
  quantizedEpochs: whole(4, "epochs to fine-tune the quantized teacher"),
  batch: wholeUpTo(MAX_BATCH, 4, "images per step"),
  epochImages: upTo(
    MAX_IMAGES,
    "images per epoch, each epoch continuing where the last one ended; 0: each image once",
  ),
  groupShapes: flag(true, "keep landscape and portrait images in separate batches, which need less padding"),
  optimizer: z
    .enum(["sgd", "adamw", "muon"])
    .default("muon")
    .describe(
      "optimizer; muon: Muon for hidden layers and AdamW for the rest, needs fewer epochs than adamw (torchvision: sgd with lr 0.02)",
    ),
  lr: real(positive, 0.003, "learning rate for the student, after warm-up"),
  teacherLr: real(positive, 0.002, "learning rate for the teacher"),
  fineTuneLr: real(positive, 0.0004, "learning rate for fine-tuning the quantized teacher"),
  momentum: real(fraction, 0.9, "momentum of sgd"),
  weightDecay: real(atLeast0, 0.01, "weight decay, except for batch norm and biases"),
  warmup: real(atLeast0, 1, "epochs of linear warm-up"),
  schedule: z.enum(["cosine", "step", "constant"]).default("cosine").describe("learning rate schedule"),
  restarts: upTo(
    MAX_RESTARTS,
    "restart the schedule this often, at equal distances, with fewer scales and smaller changes of colour each time, and none after the last restart",
  ),
  milestones: z
    .array(fraction)
    .max(MAX_LIST)
    .default([0.7, 0.9])
    .describe("for schedule step: fractions of the run at which the learning rate is divided by 10"),
  clip: real(atLeast0, 10, "clip gradients to this global norm; 0: no clipping"),
  evalEvery: whole(
    5,
    "epochs between evaluations on the val split; fine-tuning is evaluated after every epoch",
  ),
  seed: count0.default(0).describe("random seed for weights, image order, augmentation and sampling"),
  threads: z
    .union([count.max(MAX_THREADS), auto])
    .default("auto")
    .describe("CPU threads; auto: OMP_NUM_THREADS, or all cores"),
  device: z.string().default("cpu").describe("cpu, cuda or cuda:N"),
  precision: z
    .enum(["float32", "bfloat16"])
    .default("float32")
    .describe(
      "precision of convolutions with 32 or more channels in training; bfloat16 trains wide teachers faster on CPUs that support it",
    ),
};

const augmentation = {
  flip: real(fraction, 0.5, "probability of a horizontal flip"),
  scales: z
    .array(z.number().min(MIN_SCALE).max(MAX_SCALE))
    .min(1)
    .max(MAX_LIST)
    .default([0.75, 1, 1.25])
    .describe(
      "input sizes relative to side, one picked per batch (a list, so that the teacher's maps can be cached)",
    ),
  brightness: real(fraction, 0.25, "maximum relative change of brightness"),
  contrast: real(fraction, 0.25, "maximum relative change of contrast"),
  saturation: real(fraction, 0.3, "maximum relative change of saturation"),
};

const runFolder = {
  name: z.string().default("").describe("name of the run's folder; empty: built from method and student"),
  runs: z.string().default("runs").describe("parent folder of run folders"),
};

/** Settings common to all recipes, by topic. */
export const SHARED = [
  ["Data", data],
  ["Networks", networks],
  ["Method", method],
  ["Training", training],
  ["Augmentation", augmentation],
  ["Run folder", runFolder],
] as const;

/** The settings common to all recipes. */
export const sharedSchema = z.object({
  ...data,
  ...networks,
  ...method,
  ...training,
  ...augmentation,
  ...runFolder,
});
