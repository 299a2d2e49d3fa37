// Every key of the recipe as a flag, and recipe file plus flags to a recipe.
import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { InputError } from "../errors.js";
import {
  kebab,
  parseRecipe,
  type Recipe,
  type RecipeKey,
  recipeKeys,
  recipeSchema,
} from "../train/recipe.js";
import { readSettings } from "../train/runFolder.js";

const defaults = parseRecipe({}, "defaults");

/** Adds --name VALUE for every setting to a command. */
export function addRecipeFlags(command: Command): void {
  for (const key of recipeKeys) {
    const option = new Option(`--${kebab(key)} <value>`, recipeSchema.shape[key].description);
    command.addOption(option.default(undefined, JSON.stringify(defaults[key])));
  }
}

/** Text of a flag to the type that the setting has: lists are comma-separated. */
function parseFlag(key: RecipeKey, text: string): unknown {
  const like = defaults[key];
  const asNumber = (part: string): unknown =>
    part.trim() !== "" && !Number.isNaN(Number(part)) ? Number(part) : part;
  if (key === "classes") return text === "all" ? [] : text.split(",").map((part) => part.trim());
  const list = Array.isArray(like) || key === "anchorSizes" || key === "aspectRatios";
  if (list) return text === "auto" ? text : text.split(",").map(asNumber);
  if (typeof like === "boolean") return text === "true" ? true : text === "false" ? false : text;
  return typeof like === "number" || like === "auto" ? asNumber(text) : text;
}

/** The recipe of `file` (or the defaults) with the flags laid over it. @throws InputError as parseRecipe does */
export async function recipeFrom(file: string | undefined, flags: Record<string, unknown>): Promise<Recipe> {
  let settings: Record<string, unknown> = {};
  if (file !== undefined) {
    const text = await readFile(file, "utf8").catch((error: Error) => {
      throw new InputError(`${file}: the recipe cannot be read: ${error.message}`);
    });
    settings = readSettings(text, file);
    parseRecipe(settings, file);
  }
  for (const key of recipeKeys) {
    if (flags[key] !== undefined) settings[kebab(key)] = parseFlag(key, String(flags[key]));
  }
  return parseRecipe(settings, "settings");
}
