// The vocabulary of settings: a schema with its default and what it means. Recipes (train/recipe.ts) and the kinds of
// detectors write theirs with it; flags, help and docs/recipe.md come from the same place.
import { z } from "zod";

export const positive = z.number().positive();
export const atLeast0 = z.number().min(0);
/** 0..1 */
export const fraction = z.number().min(0).max(1);
export const count = z.number().int().positive();
/** Cells and samples of a region along one axis: the operators take no more. */
export const MAX_ROI_CELLS = 1024;
export const MAX_ROI_SAMPLES = 64;

export const auto = z.literal("auto");

export const flag = (value: boolean, text: string) => z.boolean().default(value).describe(text);
export const real = (schema: z.ZodNumber, value: number, text: string) =>
  schema.default(value).describe(text);
export const whole = (value: number, text: string) => count.default(value).describe(text);
export const wholeUpTo = (max: number, value: number, text: string) =>
  count.max(max).default(value).describe(text);

/** "rpnPreNms" -> "rpn-pre-nms": the name of a setting in files and flags. */
export const kebab = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
