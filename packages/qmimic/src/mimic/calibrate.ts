// Chooses the quantizer's dictionary from the teacher's activations. The paper's stride is an absolute number
// for its feature scale; with batch norm the scale differs.
import { noGrad, scope } from "@qmimic/torch";
import { drawWhole } from "../data/drawing.js";
import type { ImageStore } from "../data/imageStore.js";
import type { Dataset } from "../data/types.js";
import { InputError } from "../errors.js";
import { requireFinite } from "../finite.js";
import type { Detector, Quantizer } from "../models/index.js";
import { concatFloats } from "../models/index.js";

export interface CalibrationSettings {
  quantizer: "uniform" | "power-of-two";
  quantizerStride: number | "auto";
  side: number;
  device: string;
}

/** Maximum images for the statistics, evenly spread over the split. */
const IMAGES = 64;
/** The stride relative to the root mean square of the positive activations. */
const STRIDE_PER_RMS = 0.5;
/** Nonzero entries of the power-of-two dictionary. */
const POWERS = 6;

export type UniformQuantizer = Extract<Quantizer, { kind: "uniform" }>;
type Images = { dataset: Dataset; store: ImageStore };

/**
 * A uniform dictionary with the given stride, or half the root mean square of the teacher's positive
 * activations.
 */
export async function chooseUniform(
  teacher: Detector,
  settings: CalibrationSettings,
  train: Images,
  say: (text: string) => void,
): Promise<UniformQuantizer> {
  const { quantizerStride } = settings;
  if (quantizerStride !== "auto") return { kind: "uniform", stride: quantizerStride };
  let [squares, count] = [0, 0];
  await positiveActivations(teacher, settings, train, (values) => {
    for (const value of values) squares += value * value;
    count += values.length;
  });
  const rms = Math.sqrt(squares / count);
  const stride = Number((STRIDE_PER_RMS * rms).toPrecision(2));
  say(
    `quantizer stride ${stride}: ${STRIDE_PER_RMS} of the root mean square ${rms.toPrecision(3)} of the teacher's activations`,
  );
  return { kind: "uniform", stride };
}

/** A uniform dictionary, or powers of two up to the activations' 99.9 % quantile. */
export async function chooseQuantizer(
  teacher: Detector,
  settings: CalibrationSettings,
  train: Images,
  say: (text: string) => void,
): Promise<Quantizer> {
  if (settings.quantizer === "uniform") return chooseUniform(teacher, settings, train, say);
  const found: Float32Array[] = [];
  await positiveActivations(teacher, settings, train, (values) => found.push(values));
  const positives = concatFloats(...found);
  const large = positives.sort()[Math.floor(0.999 * (positives.length - 1))];
  const maxExponent = Math.round(Math.log2(large));
  say(`power-of-two dictionary up to 2^${maxExponent}, near the 99.9 % quantile ${large.toPrecision(3)}`);
  return { kind: "power-of-two", minExponent: maxExponent - POWERS + 1, maxExponent };
}

/** Passes on each image's activations above 0. @throws InputError if there are none */
async function positiveActivations(
  teacher: Detector,
  { side, device }: CalibrationSettings,
  { dataset, store }: Images,
  found: (values: Float32Array) => void,
): Promise<void> {
  teacher.eval();
  const count = Math.min(IMAGES, dataset.samples.length);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const image = await store.get(Math.floor((i * dataset.samples.length) / count));
    const features = noGrad(() =>
      scope(() => teacher.backbone.forward(drawWhole([image], side, device).batch).toFloat32()),
    );
    requireFinite(features, "the teacher's last feature map");
    const positives = features.filter((value) => value > 0);
    total += positives.length;
    found(positives);
  }
  if (total === 0) {
    throw new InputError(
      `the teacher's last feature map is 0 in all ${count} images, so there is no suitable dictionary. Train the teacher longer, or with a lower teacher-lr`,
    );
  }
}
