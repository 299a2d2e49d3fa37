// Detectors with fresh weights, of every kind and with every operation, and pictures.
import { type Model, parseModel, type RawImage } from "@qmimic/runtime";
import { createRandom } from "../../../src/data/random.js";
import { modelFile } from "../../../src/export/modelFile.js";
import { configureDetector, createDetector, type Quantizer } from "../../../src/models/index.js";
import { parseRecipe } from "../../../src/train/recipe.js";
import { pruned } from "../untrained.js";

export const CANVAS = { width: 96, height: 64 };

/** Smooth colours with edges, so that neither resampling nor maps are trivial. */
function makePicture(width: number, height: number): RawImage {
  const random = createRandom(`${width} x ${height}`);
  const [a, b, c] = [random(), random(), random()];
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const [x, y, channel] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    const wave = Math.sin(x * (0.05 + 0.2 * a) + channel) * Math.cos(y * (0.05 + 0.2 * b));
    const edge = (Math.floor(x / (5 + 20 * c)) + Math.floor(y / 17)) % 2 === 0 ? 40 : -40;
    return Math.max(0, Math.min(255, 128 + 80 * wave + edge + 10 * random()));
  });
  return { data, width, height };
}

/** As large as the input, enlarged, reduced, wide, high, and next to nothing. */
export const PICTURES = [
  [96, 64],
  [96, 96],
  [64, 131],
  [317, 211],
  [50, 33],
  [1, 1],
  [1, 90],
  [700, 3],
].map(([width, height]) => makePicture(width, height));

const anchors = { "anchor-sizes": [16, 32], "aspect-ratios": [0.5, 1] };
interface Changes {
  /** Default: 2. */
  classes?: number;
  pruned?: boolean;
}
const CASES: Record<string, [Record<string, unknown>, Quantizer, Changes?]> = {
  "cells, detail path": [
    { detector: "fcos", student: "vgg-1-64", "output-stride": 4, neck: "detail" },
    { kind: "none" },
  ],
  "cells, depthwise towers, powers of two": [
    { detector: "fcos", student: "resnet18-1-64", "output-stride": 8, "tower-kind": "separable" },
    { kind: "power-of-two", minExponent: -3, maxExponent: 2 },
  ],
  "regions, RoIAlign, whole steps": [
    { detector: "faster-rcnn", student: "vgg-1-64", "output-stride": 8, neck: "detail", ...anchors },
    { kind: "uniform", stride: 0.25 },
  ],
  "regions, position-sensitive": [
    {
      ...{ detector: "r-fcn", student: "resnet18-1-64", "output-stride": 8, neck: "top-down", "ps-size": 3 },
      ...anchors,
    },
    { kind: "none" },
  ],
  "cells, layers in groups": [
    {
      ...{ detector: "fcos", student: "vgg-1-32", "output-stride": 8, neck: "detail" },
      ...{ convolution: "grouped", "convolution-groups": 4 },
    },
    { kind: "none" },
  ],
  "cells, separable layers": [
    {
      ...{ detector: "fcos", student: "vgg-1-32", "output-stride": 8, neck: "detail" },
      convolution: "separable",
    },
    { kind: "none" },
  ],
  "cells, layers of uneven widths": [
    { detector: "fcos", student: "vgg-1-32", "output-stride": 8, neck: "detail" },
    { kind: "none" },
    { pruned: true },
  ],
  "regions, hardly any proposals, many classes": [
    {
      ...{ detector: "faster-rcnn", student: "vgg-1-32", "output-stride": 8, neck: "top-down" },
      ...{ "rpn-pre-nms": 6, "rpn-post-nms": 3, ...anchors },
    },
    { kind: "none" },
    { classes: 20 },
  ],
};
export const KINDS_OF_MODELS = Object.keys(CASES);

/** @param threshold of all classes */
export function modelOf(name: string, threshold = 0): Model {
  const [settings, quantizer, changes = {}] = CASES[name];
  const recipe = parseRecipe({ data: "none", side: 96, ...settings }, "test");
  // Names that are strings in C only when they are written with care.
  const classes = Array.from(
    { length: changes.classes ?? 2 },
    (_, i) => ["a??/b", 'ü"\\'][i] ?? `class ${i}`,
  );
  const network = { backbone: recipe.student, classes, samples: [], side: 96 };
  const config = configureDetector(recipe, network);
  const whole = createDetector({ ...config, quantizer }, createRandom(name));
  const detector = changes.pruned ? pruned(whole) : whole;
  const thresholds = classes.map(() => threshold);
  const model = parseModel(modelFile(detector, thresholds, "float32"));
  for (const used of new Set([whole, detector])) used.dispose();
  // Fresh weights give all places nearly the same score: which comes first would be up to the last bit.
  for (const logits of new Set([model.outputs[0], model.outputs[2] ?? model.outputs[0]])) {
    const maker = model.operations[logits - 1];
    const { weights } = model.parameters[maker.op === "psRoiAlign" ? maker.input - 1 : logits - 1]!;
    weights.forEach((weight, i) => {
      weights[i] = 10 * weight;
    });
  }
  return model;
}
