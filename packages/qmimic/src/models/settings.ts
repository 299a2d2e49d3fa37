// The vocabulary of settings: a schema with its default and what it means. Recipes (train/recipe.ts) and the kinds of
// detectors write theirs with it; flags, help and docs/recipe.md come from the same place.
import { z } from "zod";

export const positive = z.number().positive();
export const atLeast0 = z.number().min(0);
/** 0..1 */
export const fraction = z.number().min(0).max(1);
export const count = z.number().int().positive();
export const auto = z.literal("auto");

export const flag = (value: boolean, text: string) => z.boolean().default(value).describe(text);
export const real = (schema: z.ZodNumber, value: number, text: string) =>
  schema.default(value).describe(text);
export const whole = (value: number, text: string) => count.default(value).describe(text);

/** "rpnPreNms" -> "rpn-pre-nms": the name of a setting in files and flags. */
export const kebab = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
