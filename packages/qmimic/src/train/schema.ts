// The schema of recipes: the shared settings, and those of the detector that the recipe names.
import type { z } from "zod";
import { DETECTORS, KINDS, kindOf } from "../models/index.js";
import { SHARED, sharedSchema } from "./settings.js";

/** The schema of a recipe with this kind of detector. */
export const schemaOf = (detector: string) => sharedSchema.extend(kindOf(detector).settings.shape);

/** One setting: its schema, and which detectors have it. */
export interface Setting {
  schema: z.ZodType;
  /** Names of the detectors. */
  detectors: readonly string[];
}

/** Every setting, by its name in the code, in the order of docs/recipe.md. */
export const SETTINGS: ReadonlyMap<string, Setting> = new Map([
  ...Object.entries(sharedSchema.shape).map(([key, schema]): [string, Setting] => [
    key,
    { schema, detectors: DETECTORS },
  ]),
  ...KINDS.flatMap(({ settings }) => Object.entries(settings.shape)).map(
    ([key, schema]): [string, Setting] => [
      key,
      {
        schema: schema as z.ZodType,
        detectors: KINDS.filter(({ settings }) => key in settings.shape).map(({ name }) => name),
      },
    ],
  ),
]);

/** The settings by topic, for docs/recipe.md: the shared ones, then those of specific detectors. */
export const SECTIONS: readonly { title: string; keys: string[] }[] = [
  ...SHARED.map(([title, shape]) => ({ title, keys: Object.keys(shape) })),
  ...ofSomeKinds(),
];

function ofSomeKinds(): { title: string; keys: string[] }[] {
  const groups = new Map<string, string[]>();
  for (const [key, { detectors }] of SETTINGS) {
    if (key in sharedSchema.shape) continue;
    const title = `Detector ${detectors.join(", ")}`;
    groups.set(title, [...(groups.get(title) ?? []), key]);
  }
  return [...groups].map(([title, keys]) => ({ title, keys }));
}
