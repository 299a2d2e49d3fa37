// The part of the configuration common to all detectors, as plain data. It is stored in the metadata of a
// weights file; each kind adds what it needs to be rebuilt (see DetectorKind.config).
import { z } from "zod";
import { InputError } from "../errors.js";
import { quoted } from "../text.js";
import { className, count, inputSide, MAX_CLASSES, MAX_WIDTH, positive } from "./settings.js";

/**
 * How to get a finer map than stride 16: by removing poolings, or with a top-down pathway, without or with a
 * detail path.
 */
export const NECKS = ["none", "top-down", "detail"] as const;
export type Neck = (typeof NECKS)[number];

/** Types of the 3x3 layers in a backbone and its neck (backbones/spatial.ts). */
export const CONVOLUTIONS = ["plain", "separable", "grouped"] as const;
export type Convolution = (typeof CONVOLUTIONS)[number];

/** Powers of two in float32, with headroom for sums. */
const exponent = z.number().int().min(-64).max(64);

/** The dictionary for quantizing a feature map (Quantization Mimic, section 3.1). */
export const quantizerSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("none") }),
  /** {0, s, 2s, ...} */
  z.object({ kind: z.literal("uniform"), stride: positive }),
  /** {0, 2^min, ..., 2^max}: the alternative rejected in the paper (table 6) */
  z
    .object({ kind: z.literal("power-of-two"), minExponent: exponent, maxExponent: exponent })
    .refine(({ minExponent, maxExponent }) => minExponent <= maxExponent, "minExponent is above maxExponent"),
]);
export type Quantizer = z.infer<typeof quantizerSchema>;

/** The configuration common to all kinds. */
export const sharedConfig = {
  /** For instance "vgg-1-32": family and width divisor. */
  backbone: z.string(),
  /** @see CONVOLUTIONS */
  convolution: z.enum(CONVOLUTIONS).default("plain"),
  /** For grouped convolutions: maximum groups of a layer. */
  convolutionGroups: count.max(MAX_WIDTH).default(1),
  /** Input pixels per cell of the last feature map. */
  outputStride: z.union([z.literal(4), z.literal(8), z.literal(16)]),
  /** @see NECKS */
  neck: z.enum(NECKS).default("none"),
  /** Class names; label i is classes[i - 1], label 0 is background. */
  classes: z.array(className).min(1).max(MAX_CLASSES),
  /** Longest side of the input in pixels. */
  side: inputSide,
  quantizer: quantizerSchema,
  /** For a pruned detector: shapes, by name, of the tensors that are smaller than the other settings imply. */
  shapes: z.record(z.string(), z.array(count).min(1).max(4)).optional(),
};

const sharedSchema = z.object(sharedConfig);

/** The configuration common to all kinds. @see sharedConfig for the fields */
export type DetectorConfig = z.infer<typeof sharedSchema> & { detector: string };

export interface BackboneName {
  family: "vgg" | "resnet18" | "resnet34";
  /** Every layer has 1/divisor of the original's channels; 1 to 64, possibly fractional. */
  divisor: number;
}

/**
 * Parses "vgg-1-32", "resnet18-1-16", "vgg-1-11.5", or "vgg" for full width. Divisors have at most two
 * decimals, enough to match the cost of networks with different convolutions.
 * @throws InputError for anything else
 */
export function parseBackbone(name: string): BackboneName {
  const match = /^(vgg(?:16)?|resnet18|resnet34)(?:-1-(\d+(?:\.\d{1,2})?))?$/.exec(name);
  const divisor = Number(match?.[2] ?? 1);
  if (!match || divisor < 1 || divisor > 64) {
    throw new InputError(
      `unknown network ${quoted(name)}: expected vgg-1-N, resnet18-1-N or resnet34-1-N with N from 1 to 64 (at most two decimals), for instance vgg-1-32 or vgg-1-11.5`,
    );
  }
  const family = match[1] === "vgg16" ? "vgg" : (match[1] as BackboneName["family"]);
  return { family, divisor };
}

/**
 * The channels of a layer at width 1 / divisor: rounded, at least 1.
 * @param groups of the layer: with at least this many channels, the result is a multiple of it
 */
export function narrowed(channels: number, divisor: number, groups = 1): number {
  const width = Math.max(1, Math.round(channels / divisor));
  return width < groups ? width : groups * Math.max(1, Math.round(channels / divisor / groups));
}
