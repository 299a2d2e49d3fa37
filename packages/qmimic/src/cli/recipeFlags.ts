// A flag for every recipe key; merges recipe file and flags.
import { type Command, Option } from "commander";
import { InputError } from "../errors.js";
import { readText } from "../files.js";
import { DETECTORS, kebab } from "../models/index.js";
import { defaultOf, parseRecipe, type Recipe } from "../train/recipe.js";
import { MAX_RECIPE_BYTES, readSettings } from "../train/runFolder.js";
import { SETTINGS, type Setting } from "../train/schema.js";
import { namesOf } from "./names.js";

/** Adds --name VALUE for every setting to a command. */
export function addRecipeFlags(command: Command): void {
  for (const [key, setting] of SETTINGS) {
    const { schema, detectors } = setting;
    const only = detectors.length < DETECTORS.length ? ` (${detectors.join(", ")})` : "";
    const option = new Option(`--${kebab(key)} <value>`, `${schema.description}${only}`);
    command.addOption(option.default(undefined, JSON.stringify(defaultOf(key))));
  }
}

/** Converts a flag's text to the setting's type: lists are comma-separated. */
function parseFlag(key: string, setting: Setting, text: string): unknown {
  const like = defaultOf(key);
  const asNumber = (part: string): unknown =>
    part.trim() !== "" && !Number.isNaN(Number(part)) ? Number(part) : part;
  if (key === "classes") return text === "all" ? [] : namesOf(text);
  const list = Array.isArray(like) || (like === "auto" && setting.schema.safeParse([1]).success);
  if (list) return text === "auto" ? text : text.split(",").map(asNumber);
  if (typeof like === "boolean") return text === "true" ? true : text === "false" ? false : text;
  return typeof like === "number" || like === "auto" ? asNumber(text) : text;
}

/** The recipe in `file` (or the defaults), overridden by the flags. @throws InputError as parseRecipe does */
export async function recipeFrom(file: string | undefined, flags: Record<string, unknown>): Promise<Recipe> {
  let settings: Record<string, unknown> = {};
  if (file !== undefined) {
    const text = await readText(file, MAX_RECIPE_BYTES).catch((error: Error) => {
      throw new InputError(`${file}: cannot read the recipe: ${error.message}`);
    });
    settings = readSettings(text, file);
    parseRecipe(settings, file);
  }
  for (const [key, setting] of SETTINGS) {
    if (flags[key] !== undefined) settings[kebab(key)] = parseFlag(key, setting, String(flags[key]));
  }
  return parseRecipe(settings, "settings");
}
