// The recipe in a report: settings that differ from their defaults first, and the command to repeat the run.
import { DETECTORS, kebab } from "../models/index.js";
import { shellWord } from "../shell.js";
import { keysOf, parseRecipe, type Recipe, settingOf } from "../train/recipe.js";
import { recipeFile } from "../train/runFiles.js";
import { SETTINGS } from "../train/schema.js";
import { type Html, html } from "./htmlTemplate.js";

/**
 * The command to repeat the run, from the directory where it was started. A name starting with "-" would be
 * taken for a flag.
 */
export function repeatCommand(folder: string): string {
  const path = recipeFile(folder);
  return `npx qmimic train ${shellWord(path.startsWith("-") ? `./${path}` : path)}`;
}

const shown = (value: unknown): string => {
  if (Array.isArray(value)) return value.length === 0 ? "(empty)" : value.join(", ");
  return value === "" ? "(empty)" : String(value);
};

/** A collapsed table of all settings. */
export function recipeDetails(recipe: Recipe): Html {
  const keys = keysOf(recipe);
  const defaults = parseRecipe({ detector: recipe.detector }, "defaults");
  const text = (of: Recipe, key: string) => JSON.stringify(settingOf(of, key));
  const isChanged = (key: string) =>
    key === "detector" ? recipe.detector !== DETECTORS[0] : text(recipe, key) !== text(defaults, key);
  const changed = keys.filter(isChanged);
  const others = keys.filter((key) => !isChanged(key));
  const row = (key: string) => html`<tr${isChanged(key) && html` class="changed"`}>
<th scope="row"><code>${kebab(key)}</code></th><td><code>${shown(settingOf(recipe, key))}</code></td>
<td>${isChanged(key) && html`<code>${shown(key === "detector" ? DETECTORS[0] : settingOf(defaults, key))}</code>`}</td><td class="note">${SETTINGS.get(key)?.schema.description}</td></tr>
`;
  return html`<details>
<summary>${changed.length} of ${keys.length} settings differ from their defaults</summary>
<div class="scroll"><table class="settings">
<thead><tr><th scope="col">setting</th><th scope="col">value</th><th scope="col">default</th><th scope="col">meaning</th></tr></thead>
<tbody>
${changed.map(row)}${others.map(row)}</tbody></table></div>
</details>`;
}
