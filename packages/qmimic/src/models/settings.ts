// The vocabulary of settings: a schema with its default and what it means. Recipes (train/settings.ts) and the kinds of
// detectors write theirs with it; flags, help and docs/recipe.md come from the same place.
import { MAX_SIDE } from "@qmimic/runtime";
import { z } from "zod";
import { hasControls } from "../text.js";

// Every number has bounds, far beyond what anyone uses: a recipe or a weights file may come from anywhere, and within them
// no size overflows, no rounding gives infinity, and no loop runs for hours.
export const positive = z.number().min(1e-6).max(1e6);
export const atLeast0 = z.number().min(0).max(1e6);
/** 0..1 */
export const fraction = z.number().min(0).max(1);
export const count = z.number().int().min(1).max(1e6);

/** Longest side of the input in pixels: a canvas has at least one cell at stride 32; maps of larger inputs fit into few machines. */
export const MIN_SIDE = 32;
export { MAX_SIDE };
export const inputSide = z.number().int().min(MIN_SIDE).max(MAX_SIDE);
/** Regions, boxes or cells of an image. Suppression looks at pairs of them. */
export const MAX_REGIONS = 20_000;
/** Cells of a region along one axis, and samples of a cell. The operators would take 1024 and 64. */
export const MAX_ROI_CELLS = 32;
export const MAX_ROI_SAMPLES = 16;
/** Channels or neurons of a head's layer, and layers one after another. */
export const MAX_WIDTH = 4096;
export const MAX_DEPTH = 32;
export const MAX_CLASSES = 10_000;
/** Each multiplies the anchors of every cell. */
const MAX_ANCHOR_SHAPES = 32;
export const anchorShapes = z.array(positive).min(1).max(MAX_ANCHOR_SHAPES);
export const anchorCount = (value: number, text: string) => wholeUpTo(MAX_ANCHOR_SHAPES, value, text);
/** More than any machine has cores; OpenMP ends the process where the system refuses it a thread. */
export const MAX_THREADS = 1024;

/** Printed and drawn: no control characters. */
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
