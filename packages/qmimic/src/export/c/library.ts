// The C functions of a detector: files in this package's source; those used are concatenated.
import { readFileSync } from "node:fs";
import type { WeightFormat } from "../modelFile.js";

// Works from dist/export/c and from src/export/c.
const FOLDER = new URL("../../../src/export/c/library/", import.meta.url);

/** Files with a version per format. */
const BY_FORMAT = new Set([
  ...["map", "parameters", "conv", "groupedConv", "add", "normalised", "values", "linear"],
  ...["dsp", "writer", "lookUp", "round", "roundPow2", "exp"],
]);

/** The text of one file. */
export function libraryFile(name: string, format: WeightFormat): string {
  const folder = !BY_FORMAT.has(name) ? "" : format === "int8" ? "int8/" : "float/";
  return readFileSync(new URL(`${folder}${name}.c`, FOLDER), "utf8").trimEnd();
}
