// Building blocks of settings: a schema with default and description. Recipes (train/settings.ts) and detectors
// declare their settings with these; flags, help and docs/recipe.md are generated from them.
import { MAX_SIDE } from "@qmimic/runtime";
import { z } from "zod";
import { hasControls } from "../text.js";

// Every number has bounds, far beyond normal use: recipes and weights files are untrusted, and within these
// bounds no size overflows, no rounding gives infinity, and no loop runs for hours.
export const positive = z.number().min(1e-6).max(1e6);
export const atLeast0 = z.number().min(0).max(1e6);
/** 0..1 */
export const fraction = z.number().min(0).max(1);
export const count = z.number().int().min(1).max(1e6);

/**
 * Longest side of the input in pixels. At least one cell at stride 32; feature maps of larger inputs fit into
 * few machines.
 */
export const MIN_SIDE = 32;
export { MAX_SIDE };
export const inputSide = z.number().int().min(MIN_SIDE).max(MAX_SIDE);
/** Regions, boxes or cells per image. NMS compares pairs of them. */
export const MAX_REGIONS = 20_000;
/** Cells per side of a region, and sampling points per cell and axis. The operators accept up to 1024 and 64. */
export const MAX_ROI_CELLS = 32;
export const MAX_ROI_SAMPLES = 16;
/** Channels or neurons of a head's layer, and number of layers. */
export const MAX_WIDTH = 4096;
export const MAX_DEPTH = 32;
export const MAX_CLASSES = 10_000;
/** Each multiplies the number of anchors per cell. */
const MAX_ANCHOR_SHAPES = 32;
export const anchorShapes = z.array(positive).min(1).max(MAX_ANCHOR_SHAPES);
export const anchorCount = (value: number, text: string) => wholeUpTo(MAX_ANCHOR_SHAPES, value, text);
/** More cores than any machine has; OpenMP aborts the process if it cannot create a thread. */
export const MAX_THREADS = 1024;

/** Class names are printed and drawn: no control characters. */
export const className = z.string().refine((name) => !hasControls(name), "control characters in the name");

export const auto = z.literal("auto");

export const flag = (value: boolean, text: string) => z.boolean().default(value).describe(text);
export const real = (schema: z.ZodNumber, value: number, text: string) =>
  schema.default(value).describe(text);
export const whole = (value: number, text: string) => count.default(value).describe(text);
export const wholeUpTo = (max: number, value: number, text: string) =>
  count.max(max).default(value).describe(text);

/** "rpnPreNms" -> "rpn-pre-nms": the name of a setting in files and flags. */
export const kebab = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
